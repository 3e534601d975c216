"""The steps of an experiment as commands that a person can type, and what each one leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from convert.analysis import analyse
from train.results.arm import Job

BOARD = "netduino2plus"
INT8 = "int8.tflite"  # what `kit train --compare` leaves in the run folder
# Of metrics.json, what a result file keeps at its top level.
LIFTED = (
    "data", "split", "synthetic", "dataset_hash", "pictures", "accuracy", "metric", "score",
    "size_bits", "macs", "bops", "commit",
)  # fmt: skip
LEFT_OUT = ("labels", "confusion", "finished", "real_person_pictures", "seconds", *LIFTED)
CONVERTED = ("model_sha256", "bytes", "arena_bytes", "weights_bytes", "accuracy_lce", "score_lce")
BENCHED = (
    "board", "core", "unit", "compiler", "flags", "commit", "model_sha256", "total",
    "flash_bytes", "ram_bytes", "arena_bytes", "stack_bytes", "weights_bytes",
)  # fmt: skip


def words(step: str, job: Job, run: str) -> list[str]:
    """The words after `python -m` of one step.

    Args:
        step: of arm.STEPS.
        job: the arm and its seed.
        run: the run folder.
    """
    arm = job.arm
    asked = ["--recipe", arm.recipe, "--seed", str(job.seed), "--run", run]
    for name, value in sorted(arm.overrides.items()):
        asked += ["--set", f"{name}={json.dumps(value, sort_keys=True)}"]
    places = {"runs": os.path.dirname(run), "seed": job.seed}
    more = [word.format(**places) for word in arm.options.get(step, ())]
    model = INT8 if "int8" in arm.steps else "model.tflite"
    return {
        "train": ["kit", "train", *asked, *more],
        "prune": ["kit", "prune", *asked, *more],
        "int8": ["kit", "train", "--compare", run, *more, "--json", f"{run}/int8.json"],
        "robustness": ["train.robustness", run, *more, "--json", f"{run}/robustness.json"],
        "convert": ["kit", "convert", "--run", run, *more, "--json", f"{run}/convert.json"],
        "bench": ["kit", "bench", "--board", BOARD, "--model", f"{run}/{model}", *more,
                  "--json", f"{run}/bench.json"],
    }[step]  # fmt: skip


def resumed(step: str, said: list[str], job: Job, folder: Path, run: str) -> list[str]:
    """The same step where an earlier call stopped; training continues from its checkpoint.

    Raises:
        ValueError: the folder's run was asked for something else than the arm.
    """
    if step != "train" or not (folder / "checkpoint.npz").exists():
        return said
    record = _read(folder / "recipe.json")
    was = [record.get(name) for name in ("name", "seed", "changed", "replaced_data")]
    if was != [job.arm.recipe, job.seed, json.loads(json.dumps(dict(job.arm.overrides))), None]:
        raise ValueError(
            f"{run} holds another run: recipe {was[0]}, seed {was[1]}, changed {was[2]}; delete "
            "that folder, then --retry"
        )
    return ["kit", "train", "--resume", run]


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return found


def collect(step: str, folder: Path) -> dict[str, Any]:
    """What a step left in the run folder, as fields of the result file.

    Raises:
        OSError, ValueError, KeyError: the step ended well but left something else.
    """
    if step == "train":
        return _trained(folder)
    if step == "prune":
        return {**_trained(folder), "points": _read(folder / "prune.json")["points"]}
    if step == "int8":
        row = next(r for r in _read(folder / "int8.json")["rows"] if r["weights"] == "int8")
        counted = _counted(folder / INT8)
        # the network that is judged and measured from here on is the 8-bit one
        scores = {name: row[name] for name in ("score", "accuracy") if name in row}
        before = _read(folder / "metrics.json")
        return {
            **scores,
            "float_score": before.get("score", before.get("accuracy")),
            "size_bits": counted["weight_bits"],
            "analysis": counted,
        }
    if step == "robustness":
        return {"robustness": _read(folder / "robustness.json")}
    if step == "convert":
        found = _read(folder / "convert.json")
        kept = {name: found[name] for name in CONVERTED if name in found}
        return {"analysis": _counted(folder / "model.tflite"), "converted": kept}
    found = _read(folder / "bench.json")
    return {"bench": {name: found[name] for name in BENCHED if name in found}}


def _counted(path: Path) -> dict[str, Any]:
    """What `kit analyse` counts, without its layers."""
    return {k: v for k, v in analyse(path).as_dict().items() if k != "layers"}


def _trained(folder: Path) -> dict[str, Any]:
    metrics, record = _read(folder / "metrics.json"), _read(folder / "recipe.json")
    if not metrics.get("finished"):
        raise ValueError("the training did not finish")
    lifted = {name: metrics[name] for name in LIFTED if name in metrics}
    rest = {k: v for k, v in metrics.items() if k not in (*LEFT_OUT, "recipe", "seed")}
    return {**lifted, "data_options": record.get("data_options", {}), "metrics": rest}
