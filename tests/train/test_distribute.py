"""Two workers on this machine train as one does: the same global batches, the same numbers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import BitWakeError, DataError

pytestmark = pytest.mark.keras
# float32 sums in another order; eight steps of a network whose latents are of size 0.1
TOLERANCE = 2e-5


def configurations(count: int) -> list[str]:
    """TF_CONFIG of so many workers on free ports of the loopback interface."""
    from train.distribute import configuration

    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [configuration(addresses, rank) for rank in range(count)]


def weights(path: Path) -> list[Any]:
    with np.load(path) as file:
        return [file[name] for name in file.files]


@pytest.fixture(scope="module")
def trained(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one worker (folder 1) and two (folder 2) left, see tests.train.worker."""
    tmp_path = tmp_path_factory.mktemp("workers")
    command = [sys.executable, "-W", "ignore", "-m", "tests.train.worker"]
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        done = subprocess.run(
            [*command, str(folder), *configurations(count)],
            cwd=repo,
            capture_output=True,
            text=True,
            timeout=500,
            env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr[-2000:]
    return tmp_path


@pytest.mark.slow
def test_two_workers_equal_one(trained: Path) -> None:
    """Over two stages and a resumed epoch; weights, batch norm's statistics and figures."""
    from tests.train import small
    from train.evaluate import build_model

    one = weights(trained / "1" / "worker0.npz")
    two = [weights(trained / "2" / f"worker{rank}.npz") for rank in (0, 1)]
    for ours, first, second in zip(one, *two, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(ours, first, rtol=TOLERANCE, atol=TOLERANCE)
    untrained = build_model(small.recipe()).get_weights()
    moved = [np.abs(a - b).max() for a, b in zip(one, untrained, strict=True)]
    assert np.median(moved) > 100 * TOLERANCE
    alone, together = (
        json.loads((trained / str(n) / "run" / "metrics.json").read_text()) for n in (1, 2)
    )
    assert (alone["workers"], together["workers"]) == (1, 2)
    assert alone["accuracy"] == together["accuracy"]
    assert alone["confusion"] == together["confusion"]
    assert not list((trained / "2" / "run").glob("*worker0*"))


@pytest.mark.slow
def test_a_step_of_bineal_has_the_same_gradients(trained: Path) -> None:
    """Not its weights: those before batch norm that only scale have gradients of nearly 0, and
    Adam's first step is the rate times their sign. Its mean after that step is 0.1 gradients."""
    found = []
    for count in (1, 2):
        with np.load(trained / str(count) / "bineal" / "checkpoint.npz") as file:
            adam = {name: file[name] for name in file.files if name.startswith("adam")}
            assert adam["adam0_0"] == 1
            found.append({k: v for k, v in adam.items() if not k.endswith("_0")})
    one, two = found
    for name, ours in one.items():
        np.testing.assert_allclose(two[name], ours, rtol=1e-4, atol=1e-6, err_msg=name)
    largest = [np.abs(ours).max() for ours in one.values()]  # means, and their squares' means
    assert np.percentile(largest, 75) > 1e-4


def test_what_is_no_configuration_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from train import distribute

    for addresses, rank in ((["a:1", "b"], 0), (["a:1"], 1), (["a:1"], -1), ([":5"], 0),
                            (["a:0"], 0), (["a:65536"], 0), (["a:1", "a:1"], 0)):  # fmt: skip
        with pytest.raises(DataError, match="host:port"):
            distribute.configuration(addresses, rank)
    for text in ("{", "[]", '{"cluster": {"worker": ["a:1"]}}', '{"cluster": {"worker": ["a:1"]}, '
                 '"task": {"type": "ps", "index": 0}}'):  # fmt: skip
        monkeypatch.setenv("TF_CONFIG", text)
        distribute.workers.cache_clear()
        with pytest.raises(DataError, match="TF_CONFIG cannot be read"):
            distribute.workers()
    monkeypatch.delenv("TF_CONFIG")
    distribute.workers.cache_clear()
    assert distribute.workers() == distribute.Workers(1, 0, None)


def test_each_worker_takes_its_rows_and_odd_batches_are_refused() -> None:
    from train.distribute import Workers

    rows = np.arange(12)
    shares = [Workers(3, rank).share(rows) for rank in range(3)]
    assert np.concatenate(shares).tolist() == rows.tolist()
    Workers(3).check_batch(12)
    with pytest.raises(DataError, match="does not divide"):
        Workers(3).check_batch(16)


def test_a_worker_that_is_gone_is_told_and_other_errors_stay() -> None:
    from train.backend import tf
    from train.distribute import Workers

    lost = tf.errors.UnavailableError(
        None, None, "Graph error\n/job:worker/task:1 heartbeat timeout"
    )
    with (
        pytest.raises(DataError, match="lost one another") as caught,
        Workers(2).joined(),
    ):
        raise lost
    assert "task:1 heartbeat" in str(caught.value)
    with pytest.raises(tf.errors.UnavailableError), Workers().joined():
        raise lost
    with pytest.raises(KeyError), Workers(2).joined():
        raise KeyError("x")


def test_flags_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse

    from kit.verbs.train import join

    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(BitWakeError, match="go together"):
        join(argparse.Namespace(workers="a:1,b:2", worker=None))
    join(argparse.Namespace(workers=None, worker=None))
    assert "TF_CONFIG" not in os.environ
    monkeypatch.setenv("TF_CONFIG", "")
    join(argparse.Namespace(workers="a:1,b:2", worker=1))
    found = json.loads(os.environ["TF_CONFIG"])
    assert found["cluster"]["worker"] == ["a:1", "b:2"]
    assert found["task"] == {"type": "worker", "index": 1}
