"""Training on several machines: tf.distribute's multi-worker strategy, chosen by TF_CONFIG.

Every worker runs the same command with the same TF_CONFIG but for its index:
    {"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}
`kit train --workers host0:port,host1:port --worker 0` sets it. The run folder must be one that all
of them see; worker 0 writes it.

The recipe's batch is the global one: every worker makes the whole batch, with the same generators,
and takes its share of the rows, so that the pictures do not depend on the number of workers. Batch
norm is synchronized: mean and variance are those of the global batch. What remains different from
one worker is the order of float32 sums; a process without TF_CONFIG also has batch norm's fused
kernel, whose other rounding turns bits of sums that are nearly 0.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from convert.errors import DataError
from train.backend import keras, tf


@dataclass(frozen=True)
class Workers:
    """The workers of this training and which of them this process is."""

    count: int = 1
    rank: int = 0
    strategy: Any = None

    @property
    def chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Where variables of the trained model are made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """Raises DataError where the workers lose one another while the block runs."""
        try:
            yield
        except tf.errors.OpError as error:
            if self.count == 1:
                raise
            said = [line for line in str(error).splitlines() if "/task:" in line]
            raise DataError(
                "the workers have lost one another",
                where=f"worker {self.rank} of {self.count}",
                found=said[0][:200] if said else str(error)[:200],
                remedy="start all of them again, with --resume DIR in the place of --recipe and "
                "--run: the last checkpoint is whole",
            ) from None

    def share(self, rows: Any) -> Any:
        """This worker's rows of a global batch."""
        each = len(rows) // self.count
        return rows[self.rank * each : (self.rank + 1) * each]

    def check_batch(self, batch: int) -> None:
        """Raises DataError unless the pictures of a global batch divide among the workers."""
        if batch % self.count:
            raise DataError(
                "the batch does not divide among the workers",
                found=f"{batch} pictures a batch, {self.count} workers",
                remedy="--set batch=… to a multiple of the number of workers, no larger than the "
                "training split",
            )

    def step(self, function: Any) -> Any:
        """`function(x, y) -> (loss, hits)` of one replica as a step whose results are global."""
        if self.strategy is None:
            return tf.function(function, reduce_retracing=True, autograph=False)

        def whole(x: Any, y: Any) -> Any:
            loss, hits = self.strategy.run(function, args=(x, y))
            total = tf.distribute.ReduceOp.SUM
            return (
                self.strategy.reduce(total, loss, axis=None) / self.count,
                self.strategy.reduce(total, hits, axis=None),
            )

        return tf.function(whole, reduce_retracing=True, autograph=False)

    def synchronize(self, layers: Sequence[Any]) -> None:
        """Batch norm over the global batch; the fused kernel knows nothing of other workers."""
        for layer in layers:
            if self.strategy and isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized, layer.fused = True, False


def configuration(workers: Sequence[str], rank: int) -> str:
    """TF_CONFIG's text for these addresses.

    Raises:
        DataError: no such rank, an address that is no host:port, or one that two workers have;
            TensorFlow would wait for ever.
    """
    wrong = [a for k, a in enumerate(workers) if not _is_address(a) or a in workers[:k]]
    if wrong or not 0 <= rank < len(workers):
        raise DataError(
            "workers are a list of host:port, each once, and the index of this one",
            found=f"{', '.join(wrong) or 'index ' + str(rank)} among {len(workers)}",
            remedy="--workers host0:port,host1:port --worker 0",
        )
    task = {"type": "worker", "index": rank}
    return json.dumps({"cluster": {"worker": list(workers)}, "task": task})


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and 1 <= int(port) <= 65535


@functools.cache
def workers() -> Workers:
    """This process's place, from TF_CONFIG; one worker without a strategy when it is not set.

    Must be called before TensorFlow computes anything: collectives are set up at the start.

    Raises:
        DataError: TF_CONFIG cannot be read.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return Workers()
    try:
        content: Mapping[str, Any] = json.loads(text)
        addresses = list(content["cluster"]["worker"])
        task = content["task"]
        rank = int(task["index"])
        if task["type"] != "worker":
            raise ValueError(f"a task of type {task['type']}")
        configuration(addresses, rank)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "TF_CONFIG cannot be read",
            found=repr(error),
            remedy='it looks like {"cluster": {"worker": ["host:port", …]}, '
            '"task": {"type": "worker", "index": 0}}; or use --workers and --worker',
        ) from None
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, tf.errors.OpError) as error:
        raise DataError(
            "the workers cannot be joined",
            where=addresses[rank],
            found=str(error).splitlines()[0][:200],
            remedy="give every worker its own free port, and start each with its index",
        ) from None
    # TensorFlow's coordination took SIGTERM as news of a preemption, and the process would live on
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return Workers(len(addresses), rank, strategy)
