"""What a run folder says of its run: who it is, and whether a resumed run is the same one."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import DataError
from train.backend import larq, tf
from train.card import read_json
from train.data import Dataset
from train.evaluate import cost
from train.models.counting import BINARY
from train.recipes.recipe import Recipe
from train.runfolder import load_arrays, save_arrays, write_whole
from train.trainer import Progress, Trainer

History = list[dict[str, float]]  # a row an epoch


def commit() -> str:
    """The repository's commit, for the record; "unknown" outside a checkout."""
    try:
        out = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return out.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def changes(
    before: Mapping[str, Any], now: Mapping[str, Any], default: Mapping[str, Any]
) -> list[str]:
    """Names of fields whose values differ, dotted where nested.

    A field that the older record lacks had its default, when it has one: records of before the
    field was invented stay good.
    """
    missing = object()
    found = []
    for name, value in now.items():
        usual = default.get(name, missing)
        was = before.get(name, usual)
        if was is missing or was == value:
            continue
        if isinstance(was, dict) and isinstance(value, dict):
            inner = usual if isinstance(usual, dict) else {}
            found += [f"{name}.{part}" for part in changes(was, value, inner)]
        else:
            found.append(name)
    return sorted(found)


def _kept(path: Path) -> dict[str, Any]:
    """A JSON object of a run folder; empty where there is none yet.

    Raises:
        DataError: it is damaged.
    """
    return read_json(path) if path.exists() else {}


def earlier(folder: Path) -> dict[str, Any]:
    """Of a finished run that is looked at again, what says how it was trained."""
    found = _kept(folder / "metrics.json")
    names = ("commit", "versions", "workers", "bare_images_per_s")
    return {name: found[name] for name in names if found.get("finished") and name in found}


def same_run(folder: Path, recipe: Recipe, asked: dict[str, Any], dataset_hash: str) -> None:
    """A resumed run must be asked for what it was; otherwise its numbers would mix two recipes.

    Raises:
        DataError: a field of the recipe or the data differs; the message names it.
    """
    kept = {name: _kept(folder / name) for name in ("recipe.json", "metrics.json")}
    now = json.loads(json.dumps({**asked, "dataset_hash": dataset_hash}, default=str))
    before = {**kept["recipe.json"]}
    if "dataset_hash" in kept["metrics.json"]:
        before["dataset_hash"] = kept["metrics.json"]["dataset_hash"]
    differing = changes(before, now, json.loads(json.dumps(recipe.defaults(), default=str)))
    if differing:
        raise DataError(
            "the interrupted run was asked for something else",
            where=str(folder),
            found=", ".join(differing) + " differ",
            remedy="resume with what recipe.json there says, or train in a new folder",
        )


def finished(folder: Path, recipe: Recipe, dataset: Dataset) -> dict[str, Any] | None:
    """metrics.json of a run that is finished, None of one that is not.

    Raises:
        DataError: it is a run of something else.
    """
    found = _kept(folder / "metrics.json")
    if not found.get("finished"):
        return None
    same_run(folder, recipe, {**recipe.as_dict(), "dataset": dataset.options}, dataset.hash)
    return found


def identity(
    recipe: Recipe, dataset: Dataset, dataset_hash: str, trainer: Trainer
) -> dict[str, Any]:
    """What stands in metrics.json from the first epoch on."""
    counted = cost(recipe)
    if counted is not None:
        size = {"size_bits": counted.weight_bits, "macs": counted.macs}
    else:
        size = {"size_bits": 32 * trainer.model.count_params(), "macs": 0}
    binary = any(isinstance(layer, BINARY) for layer in trainer.model.layers)
    taught = {"teacher": trainer.teacher.record} if trainer.teacher else {}
    return {
        "recipe": recipe.name,
        "task": recipe.task.name,
        "metric": recipe.task.metric,
        "data": dataset.name,
        "note": dataset.note,
        "dataset_hash": dataset_hash,
        "labels": list(dataset.label_names),
        "synthetic": dataset.synthetic,
        "seed": recipe.seed,
        "commit": commit(),
        "workers": trainer.workers.count,
        "versions": {
            "tensorflow": tf.__version__,
            "larq": larq.__version__,
            "numpy": np.__version__,
        },
        **taught,
        "weights": "binary" if binary else "float32",
        **size,
    }


def save(
    folder: Path, trainer: Trainer, history: History, progress: Progress | None = None
) -> None:
    """The checkpoint: finished epochs, and how far the next one came. Worker 0 writes it."""
    names = sorted({name for row in history for name in row})
    table = np.array([[row.get(name, math.nan) for name in names] for row in history])
    table = table.reshape(len(history), len(names))
    more = {"history": table, "history_names": np.array(names, dtype=np.str_)}
    more["run"] = np.array(_called(trainer.recipe))
    more["asked"] = np.array(json.dumps(_asked(trainer), sort_keys=True, default=str))
    if progress is not None:
        more["progress"] = np.array(progress.text())
    arrays = {**trainer.state(), **more}  # workers read their state together
    if trainer.workers.chief:
        save_arrays(folder / "checkpoint.npz", arrays)


def _called(recipe: Recipe) -> str:
    """What tells a run's checkpoint from one of another run of the same network."""
    return f"{recipe.name}, seed {recipe.seed}"


def _asked(trainer: Trainer) -> dict[str, Any]:
    """What a run was asked for, and of which pictures and teacher."""
    teacher = trainer.teacher.record["weights_sha256"] if trainer.teacher else None
    data = {"dataset": trainer.data.options, "dataset_hash": trainer.data.hash}
    return {**trainer.recipe.as_dict(), **data, "teacher_sha256": teacher}


def restore(trainer: Trainer, checkpoint: Path) -> tuple[History, Progress | None]:
    """Take up a checkpoint.

    Raises:
        DataError: it is damaged or of another run or network.
    """
    arrays = load_arrays(checkpoint)
    ours = _called(trainer.recipe)
    run = str(arrays.pop("run", ours))  # older ones do not say it
    asked = json.loads(str(arrays.pop("asked", "null")))  # nor this
    now, usual = (
        json.loads(json.dumps(each, default=str))
        for each in (_asked(trainer), trainer.recipe.defaults())
    )
    differing = [] if asked is None else changes(asked, now, usual)
    if run != ours or differing:
        raise DataError(
            "the checkpoint is of another run",
            where=str(checkpoint),
            found=f"{run}, for {ours}" if run != ours else f"{', '.join(differing)} differ",
            remedy="put this run's own file there, or train in a new folder",
        )
    try:
        names = [str(n) for n in arrays.pop("history_names")]
        table = arrays.pop("history")
        text = arrays.pop("progress", None)
        progress = None if text is None else Progress.parse(str(text))
        epoch = len(table) - 1 if progress is None else progress.epoch
        trainer.restore(arrays, max(0, epoch))
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            "the checkpoint does not fit the recipe's network",
            where=str(checkpoint),
            found=str(error).splitlines()[0][:200],
            remedy="check out the commit that stands in the run's metrics.json, or train anew",
        ) from None
    rows = [
        {n: float(v) for n, v in zip(names, row, strict=True) if not math.isnan(v)} for row in table
    ]
    return rows, progress


def write_curves(path: Path, history: History) -> None:
    """curves.csv: a header and a row an epoch, empty where nothing was measured."""
    names = ["epoch", *sorted({n for row in history for n in row} - {"epoch"})]
    lines = [",".join(names)]
    lines += [",".join(f"{row[n]:.6g}" if n in row else "" for n in names) for row in history]
    write_whole(path, ("\n".join(lines) + "\n").encode())
