"""Trains in processes that are killed: `python -m tests.train.killed FOLDER`.

Each training is a fork of a process that has TensorFlow in memory and has computed nothing. The
first is left alone. The second run is killed again and again, at moments of every kind, and
resumed, until it ends.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.train import small
from train import loop, runfolder, trainer
from train.recipes.recipe import TWO_STEP

RECIPE = small.recipe(epochs=3, stages=TWO_STEP, balanced=True)


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(module: Any, name: str, count: int, half: bool = False) -> Callable[[], None]:
    """Arranges to die at a call of module.name; `half`: with half the content written."""

    def arrange() -> None:
        real, calls = getattr(module, name), [0]

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            if calls[0] == count:
                if half:
                    path, content = args
                    (path.parent / f".{path.name}.torn").write_bytes(content[: len(content) // 2])
                die()
            return real(*args, **kwargs)

        setattr(module, name, wrapped)

    return arrange


def run(folder: Path, arrange: Callable[[], None] | None = None, after: float = 0.0) -> int:
    """A training in a fork; its signal, or 0. `after` seconds from its first checkpoint on it is
    killed from outside."""
    child = os.fork()
    if child == 0:
        try:
            if arrange is not None:
                arrange()
            loop.train(
                RECIPE, small.dataset(), folder, resume=True, quiet=True, checkpoint_minutes=0.0
            )
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if after:
        log = folder / "log.txt"
        before = log.stat().st_mtime_ns if log.exists() else 0
        while not log.exists() or log.stat().st_mtime_ns == before:
            time.sleep(0.02)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a training failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder: Path) -> None:
    steps = trainer.Trainer
    moments = [
        at_call(steps, "step", 3),
        at_call(os, "fsync", 3),  # a whole file without its name
        at_call(runfolder, "write_whole", 5, half=True),
        at_call(loop, "write_curves", 1),  # the checkpoint is there, the curve is not
        at_call(steps, "_enter", 2),  # as the second stage begins
        at_call(loop, "save_arrays", 1),  # everything trained, nothing of the result written
    ]
    if run(folder / "whole"):
        raise SystemExit("the unbroken training was killed")
    rng = random.Random(11)
    killed = sum(run(folder / "broken", moment) == signal.SIGKILL for moment in moments)
    killed += run(folder / "timed", after=rng.uniform(0.0, 1.0)) == signal.SIGKILL
    for name in ("broken", "timed"):
        if run(folder / name):
            raise SystemExit("the last training was killed")
    print(killed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
