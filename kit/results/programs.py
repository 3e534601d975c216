"""One program of the queue: how it runs, for how long, and what is told of one that was stopped."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.files import ROOT
from train.runfolder import locked, write_json

# of the environment; figures of a training depend on them
SET = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
       "OMP_NUM_THREADS")  # fmt: skip
PATIENCE = 30.0  # seconds for a stopped step to end
# Signals by which something else ends a program: a person, a shutdown, the system out of memory.
FROM_OUTSIDE = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)
KILLED = {status for number in FROM_OUTSIDE for status in (-number, 128 + number)}


class OutOfTimeError(Exception):
    """The time given to this call is over; what runs is continued by the next."""


class KilledError(Exception):
    """A step was killed from outside; the next call continues it."""


@dataclass(frozen=True)
class Settings:
    """How the queue runs.

    Attributes:
        results: folder of the result files.
        runs: folder of the run folders.
        threads: of TensorFlow and numpy.
        nice: added to the priority value of the programs.
        deadline: time.monotonic() at which to stop; None for never.
        arm_minutes: an arm that takes longer has failed.
        program: what runs a module.
        say: where lines for people go.
    """

    results: Path
    runs: Path
    threads: int = 1
    nice: int = 10
    deadline: float | None = None
    arm_minutes: float = 180.0
    program: tuple[str, ...] = (sys.executable, "-m")
    say: Callable[[str], None] = field(default=print)


def environment(threads: int) -> dict[str, str]:
    """Fixed numbers of threads: the order of sums depends on them."""
    # oneDNN: a step takes two thirds of the time; sums then depend on the kind of processor
    quick = {SET[0]: "1"}
    return {**quick, **os.environ, **{name: str(threads) for name in SET[1:]}}


def execute(words: Sequence[str], log: Path, settings: Settings, until: float) -> int:
    """Runs one step, its output appended to `log`; returns its exit status.

    Raises:
        OutOfTimeError: the call's time is over; the step was stopped.
        TimeoutError: the arm's own time is over.
        KeyboardInterrupt: passed on after the step was stopped.
    """
    line = [*settings.program, *words]
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"$ python -m {shlex.join(words)}\n")
        stream.flush()
        process = subprocess.Popen(
            line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            env=environment(settings.threads), preexec_fn=lambda: os.nice(settings.nice) and None,
        )  # fmt: skip
        ends = until if settings.deadline is None else min(until, settings.deadline)
        try:
            return process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            _stop(process)
            if settings.deadline is not None and settings.deadline <= until:
                raise OutOfTimeError from None
            raise TimeoutError from None
        except BaseException:
            _stop(process)
            raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, then harder; training's last checkpoint is whole in either case."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process.send_signal(number)
        try:
            process.wait(PATIENCE)
            return
        except subprocess.TimeoutExpired:
            continue


def wait_for(folder: Path, settings: Settings, until: float) -> None:
    """Waits for a training that a call which was itself killed left behind in a run folder.

    Raises:
        OutOfTimeError, TimeoutError: as `execute`.
    """
    told = False
    while True:
        try:
            with locked(folder, ""):
                return
        except BlockingIOError:
            if not told:
                settings.say(f"  a training of another call writes to {folder}; waiting for it")
            told = True
        if settings.deadline is not None and time.monotonic() >= settings.deadline:
            raise OutOfTimeError
        if time.monotonic() >= until:
            raise TimeoutError
        time.sleep(0.5)


def kills(folder: Path, step: str) -> int:
    """Counts a kill: how often the step was killed since the last checkpoint in that folder."""
    path = folder / "killed.json"
    stamps = [each.stat().st_mtime_ns for each in folder.rglob("checkpoint.npz")]
    at = [step, max(stamps, default=0)]
    try:
        before = json.loads(path.read_text("utf-8"))
        times = 1 + before["times"] if before["at"] == at else 1
    except (OSError, ValueError, KeyError, TypeError):
        times = 1
    write_json(path, {"at": at, "times": times})
    return times
