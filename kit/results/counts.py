"""Instructions and sizes of every arm's network, all with the kernels of one commit.

They follow from the structure and not from what was learned, so each arm is counted once, on a
network of its recipe after a few steps. Figures of different commits are no comparison: kernels
improve while a queue of days runs.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from convert.analysis import analyse
from kit.files import last_change
from kit.results import steps
from kit.results.programs import KilledError, OutOfTimeError, Settings, wait_for
from kit.results.run import Report, run_job, told
from train.results import store
from train.results.arm import Arm, Job

# Large steps: a few of them move every number that training has away from where it begins.
SHORT: dict[str, Any] = {
    "epochs": 1, "batch": 4, "evaluate_every": 1, "learning_rate": 0.02, "warmup_epochs": 0.0,
    "gradual": 0.0, "teacher": "", "temperature": 1.0, "label_weight": 0.0,
    "data_options": {"n_train": 12, "n_val": 4, "n_test": 6},
}  # fmt: skip
KERNELS = ("convert", "mcu", "boards")  # what instructions depend on
KEPT = ("arm", "bench", "commands", "commit", "environment", "failed", "group", "seed", "what")


def counted(arm: Arm, settings: Settings) -> store.Outcome:
    """One arm's count: `bench`, and of an 8-bit network `float`, what its float form weighs.

    Raises:
        OutOfTimeError, KilledError: as `run_job`; nothing is kept of it.
    """
    name = f"{arm.name}-count"
    folder = settings.runs / name
    if folder.exists():  # a training that a killed call left there would go on writing
        wait_for(folder, settings, math.inf)
    shutil.rmtree(folder, ignore_errors=True)
    short = replace(arm, overrides={**arm.overrides, **SHORT})
    found = run_job(Job(False, 0, 0, 0, short), settings, name, arm.steps)
    kept = {name: found[name] for name in KEPT if name in found}
    kept["kernels"] = last_change(*KERNELS)
    if "int8" in arm.steps and not store.failed(found):
        whole = analyse(folder / steps.INT8, real=True)
        kept["float"] = {"size_bits": whole.total("weight_bits"), "cycles": whole.total("cycles")}
    return kept


def count(arms: Sequence[Arm], settings: Settings) -> Report:
    """Counts arms in order, as far as the time goes."""
    finished: list[str] = []
    broken: list[str] = []
    killed: list[str] = []
    for at, arm in enumerate(arms):
        settings.say(f"{at + 1}/{len(arms)} {arm.name}: instructions and sizes")
        try:
            found = counted(arm, settings)
        except OutOfTimeError:
            left = (*killed, *(a.name for a in arms[at:]))
            return Report(tuple(finished), tuple(broken), (), left)
        except KilledError as error:
            settings.say(f"  {error}; the next call counts it")
            killed.append(arm.name)
            continue
        store.save_count(settings.results, found)
        (broken if store.failed(found) else finished).append(f"{arm.name}-count")
        settings.say(f"  {told(found)}")
    return Report(tuple(finished), tuple(broken), (), tuple(killed))


def wanting(arms: Sequence[Arm], results: Path, again: bool) -> list[Arm]:
    """Arms with an outcome and without a count; with `again`, or where it failed, those with one
    too."""
    counts = store.load_counts(results)
    have = {one["arm"] for one in store.load_all(results) if not store.failed(one)}
    return [
        arm for arm in arms
        if arm.counted_apart and arm.name in have
        and (again or arm.name not in counts or store.failed(counts[arm.name]))
    ]  # fmt: skip
