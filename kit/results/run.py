"""Runs the queue: one arm at a time in programs of its own, at low priority, continued at will.

What is done is known from the result files alone, so that the queue goes on on any machine that has
them. A run folder that a stopped call left is continued, and so is one of a step that was killed
from outside. An arm that fails is recorded with its message and does not stop the queue.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.files import ROOT, commit
from kit.results import steps
from kit.results.programs import (
    KILLED,
    SET,
    KilledError,
    OutOfTimeError,
    Settings,
    environment,
    execute,
    kills,
    wait_for,
)
from train.results import store
from train.results.arm import Job

# PlatformIO's folder is shared: a build for another board at the same time can disturb this one.
ONCE_MORE = ("bench",)
LAST_WORDS = 12  # lines of a failed step
MOST_KILLS = 3  # without a new checkpoint, by which an arm has failed
PRIVATE = re.compile(r"(?<![\w.~$}/-])/(?:[\w.+-]+/)+")


def public(text: str) -> str:
    """A message without the folders of this machine, for a file that others read."""
    return PRIVATE.sub("", text.replace(f"{ROOT}/", ""))


def run_job(
    job: Job, settings: Settings, name: str = "", chosen: Sequence[str] = ()
) -> store.Outcome:
    """Runs what is left of an arm and returns its outcome, complete or failed.

    Args:
        name: of the run folder, in place of the job's.
        chosen: the steps, in place of those of each seed.

    Raises:
        OutOfTimeError: as `execute`.
        KilledError: a step was killed, and not yet MOST_KILLS times at the same place.
    """
    arm, folder = job.arm, settings.runs / (name or job.name)
    folder.mkdir(parents=True, exist_ok=True)
    run = os.path.relpath(folder, ROOT)
    log = folder / "queue.log"
    outcome: store.Outcome = {
        "arm": arm.name,
        "group": arm.group,
        "what": arm.what,
        "seed": job.seed,
        "recipe": arm.recipe,
        "overrides": dict(arm.overrides),
        "commands": [],
        "commit": commit(),
        "threads": settings.threads,
        "environment": {name: environment(settings.threads)[name] for name in SET},
        "seconds": {},
    }
    until = time.monotonic() + 60 * settings.arm_minutes
    for step in chosen or arm.seed_steps:
        said = steps.words(step, job, run)
        outcome["commands"].append(public(f"python -m {shlex.join(said)}"))
        begins, began = log.stat().st_size if log.exists() else 0, time.monotonic()
        killed = False
        try:
            wait_for(folder, settings, until)
            now = steps.resumed(step, said, job, folder, run)
            status = execute(now, log, settings, until)
            if status and status not in KILLED and step in ONCE_MORE:
                begins = log.stat().st_size
                status = execute(now, log, settings, until)
            killed = status in KILLED
            message = "" if status == 0 else _end_of(log, begins)
            if status == 0:
                outcome |= steps.collect(step, folder)
        except TimeoutError:
            status, message = -1, f"took longer than {settings.arm_minutes:g} minutes"
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            status, message = -1, f"left no usable result: {error!r}"
        took = outcome.get("metrics", {}).get("train_seconds") if step == "train" else None
        # a training's own seconds are those of all calls that it took
        outcome["seconds"][step] = round(took or time.monotonic() - began, 1)
        if killed:
            times = kills(folder, step)
            if times < MOST_KILLS:
                raise KilledError(f"{step} was killed (status {status})")
            message = f"killed {times} times without coming further; out of memory?"
        if status:
            outcome["failed"] = {"step": step, "status": status, "message": public(message)}
            break
    return outcome


def _end_of(log: Path, begins: int) -> str:
    """The last lines that a step wrote; from "error:" on when it said so."""
    with log.open("rb") as stream:
        stream.seek(begins)
        text = stream.read().decode("utf-8", "replace")
    at = text.rfind("\nerror: ")
    lines = [line for line in text[max(at, 0) :].splitlines() if line.strip()]
    return "\n".join(lines[:LAST_WORDS] if at >= 0 else lines[-LAST_WORDS:])[:1500]


@dataclass(frozen=True)
class Report:
    """What a call did, by job name."""

    finished: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    left: tuple[str, ...]


def pending(jobs: Sequence[Job], results: Path, retry: bool) -> list[Job]:
    """Jobs without a result file; with `retry` also those that failed."""
    found = []
    for job in jobs:
        path = store.path_of(results, job.arm.name, job.seed)
        if not path.exists() or (retry and store.failed(store.load(path))):
            found.append(job)
    return found


def run_queue(
    jobs: Sequence[Job],
    settings: Settings,
    known: Callable[[], Mapping[str, Any]],
    *,
    retry: bool = False,
) -> Report:
    """Runs what is pending, in order.

    Args:
        jobs: the whole queue.
        settings: how.
        known: lists the recipes that exist; asked again when one is missing, for the checkout may
            have moved on.
        retry: run failed arms again, from the start.
    """
    finished: list[str] = []
    broken: list[str] = []
    skipped: list[str] = []
    killed: list[Job] = []
    waiting = pending(jobs, settings.results, retry)
    recipes: Mapping[str, Any] = known() if waiting else {}
    missing: set[str] = set()
    for at, job in enumerate(waiting):
        if settings.deadline is not None and time.monotonic() >= settings.deadline:
            return _report(finished, broken, skipped, [*killed, *waiting[at:]])
        recipe = job.arm.recipe
        if recipe not in recipes and recipe not in missing:
            recipes = known()
        if recipe not in recipes:
            missing.add(recipe)
            skipped.append(job.name)
            settings.say(f"skipped {job.name}: there is no recipe {recipe} yet")
            continue
        result = store.path_of(settings.results, job.arm.name, job.seed)
        if result.exists():
            if not (retry and store.failed(store.load(result))):
                continue  # another queue has brought it since
            # once: a retry that is stopped goes on like any other arm
            shutil.rmtree(settings.runs / job.name, ignore_errors=True)
            result.unlink()
        settings.say(f"{at + 1}/{len(waiting)} {job.name}: {job.arm.what}")
        try:
            outcome = run_job(job, settings)
        except OutOfTimeError:
            settings.say(f"stopped in {job.name}; the next call continues it")
            return _report(finished, broken, skipped, [*killed, *waiting[at:]])
        except KilledError as error:
            settings.say(f"  {error}; the next call continues it")
            killed.append(job)
            continue
        store.save(settings.results, outcome)
        (broken if store.failed(outcome) else finished).append(job.name)
        settings.say(f"  {told(outcome)}")
    return _report(finished, broken, skipped, killed)


def _report(
    finished: list[str], broken: list[str], skipped: list[str], left: Sequence[Job]
) -> Report:
    return Report(tuple(finished), tuple(broken), tuple(skipped), tuple(job.name for job in left))


def told(outcome: Mapping[str, Any]) -> str:
    """A line for people."""
    if "failed" in outcome:
        return "failed at {step}: {message}".format(**outcome["failed"])
    if "seconds" not in outcome:
        return f"{outcome['bench']['total']:,} instructions"
    score = outcome.get("score", outcome.get("accuracy"))
    seconds = sum(outcome["seconds"].values())
    return f"{outcome.get('metric', 'accuracy')} {score}, {seconds:.0f} s"


def recipes_by_program(settings: Settings) -> Mapping[str, Any]:
    """The recipes that `kit train --list` knows, asked in a program of its own.

    TensorFlow then does not stay in this one's memory for the hours that the queue takes.
    """
    done = subprocess.run(
        [*settings.program, "kit", "train", "--list", "--json", "-"],
        cwd=ROOT, env=environment(settings.threads), capture_output=True, text=True,
    )  # fmt: skip
    try:
        found = json.loads(done.stdout)
    except ValueError:
        settings.say(f"the recipes cannot be listed now: {done.stderr.strip()[-300:]}")
        return {}
    return found if isinstance(found, dict) else {}
