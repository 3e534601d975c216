"""One training loop for every recipe.

Adam on the latent weights (clipped to ±1 by their constraint), linear warm-up and cosine decay, a
second Adam for the thermometer's latents. All randomness of epoch e comes from generators seeded
with (seed, e), so that a run resumed at any epoch continues to the same numbers as an unbroken one.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import DataError
from train.backend import larq, tf
from train.data import Dataset
from train.evaluate import (
    EVAL_BATCH,
    accuracy,
    confusion,
    cost,
    predict,
    reestimate_batch_norm,
)
from train.figures import further
from train.models.binary import BinaryNet
from train.recipes.recipe import Recipe
from train.runfolder import Log, load_arrays, save_arrays, write_json, write_whole
from train.trainer import Trainer

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


def _check_shapes(recipe: Recipe, dataset: Dataset) -> None:
    if isinstance(recipe.net, BinaryNet) and dataset.image_shape != recipe.net.input_shape:
        raise DataError(
            "the recipe's network takes other pictures than the dataset holds",
            where=f"recipe {recipe.name}, dataset {dataset.name}",
            found=f"network {recipe.net.input_shape}, pictures {dataset.image_shape}",
            remedy="choose another dataset, or set its size and channels in data_options",
        )
    if len(dataset.train) < 2:
        raise DataError("there are no training pictures", where=f"dataset {dataset.name}")


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


def _same_run(folder: Path, recipe: Recipe, asked: dict[str, Any], dataset_hash: str) -> None:
    """A resumed run must be asked for what it was; otherwise its numbers would mix two recipes.

    Raises:
        DataError: a field of the recipe or the data differs; the message names it.
    """
    kept = {}
    for name in ("recipe.json", "metrics.json"):
        path = folder / name
        kept[name] = json.loads(path.read_text("utf-8")) if path.exists() else {}
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


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    stop_after: int | None = None,
    record: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Run a recipe and leave a run folder.

    Args:
        recipe, dataset: what to train on what.
        folder: the run folder (see train.runfolder); made when missing.
        resume: continue from the folder's checkpoint; without one, start.
        quiet: no lines on the terminal.
        stop_after: leave after this many epochs in all, as if interrupted.
        record: further entries of recipe.json: how the run was asked for.

    Returns:
        The trained Keras model, batch norm re-estimated, and metrics.json's content.

    Raises:
        DataError: shapes do not match, a run is there and resume is off, or the disk is full.
    """
    _check_shapes(recipe, dataset)
    checkpoint = folder / "checkpoint.npz"
    if checkpoint.exists() and not resume:
        raise DataError(
            "a run is there already",
            where=str(folder),
            remedy="continue it with --resume, or delete the folder",
        )
    asked = {**recipe.as_dict(), "dataset": dataset.options}
    dataset_hash = dataset.hash
    history: History = []
    if checkpoint.exists():
        _same_run(folder, recipe, asked, dataset_hash)
    trainer = Trainer(recipe, dataset, recipe.seed)
    if checkpoint.exists():
        history = _restore(trainer, checkpoint)
    identity = _identity(recipe, dataset, dataset_hash, trainer)
    write_json(folder / "recipe.json", {**asked, **(record or {})})
    last = recipe.epochs if stop_after is None else min(stop_after, recipe.epochs)
    with contextlib.closing(Log(folder / "log.txt", quiet)) as log:
        log(_opening(recipe, dataset, identity))
        with contextlib.closing(Events(folder / "tensorboard")) as events:
            for epoch in range(len(history), last):
                row = _epoch(trainer, epoch)
                history.append(row)
                log(_line(recipe, row))
                _save(folder, trainer, history)
                write_json(
                    folder / "metrics.json",
                    {**identity, "finished": False, "epochs": epoch + 1, **row},
                )
                events(row, epoch + 1)
        metrics = {**identity, **_outcome(trainer, history)}
        if metrics["finished"]:
            weights = {f"w{i:04d}": w for i, w in enumerate(trainer.model.get_weights())}
            save_arrays(folder / "weights.npz", weights)
            write_json(folder / "metrics.json", metrics)
            log(
                f"{metrics['split']} accuracy {metrics['accuracy']:.4f} on {metrics['pictures']} "
                f"pictures of {_called(dataset)}, seed {recipe.seed}"
            )
    return trainer.model, metrics


def _called(dataset: Dataset) -> str:
    return dataset.name + (" (synthetic)" if dataset.synthetic else "")


def _opening(recipe: Recipe, dataset: Dataset, identity: Mapping[str, Any]) -> str:
    size = ""
    if identity["bops"]:
        size = (
            f", {identity['bops'] / 1e6:.2f} M binary MACs, {identity['size_bits'] / 1e3:.1f} kbit"
        )
    return (
        f"{recipe.name} on {_called(dataset)}: {len(dataset.train)} pictures, "
        f"{recipe.epochs} epochs, seed {recipe.seed}{size}"
    )


def _line(recipe: Recipe, row: Mapping[str, float]) -> str:
    epoch = int(row["epoch"])
    left = row["seconds"] * (recipe.epochs - epoch)
    val = f"  val {row['val_accuracy']:.4f}" if "val_accuracy" in row else ""
    return (
        f"epoch {epoch}/{recipe.epochs}  loss {row['loss']:.4f}  "
        f"train {row['train_accuracy']:.4f}{val}  {row['seconds']:.1f} s  "
        f"{row['images_per_s']:.0f} images/s  ~{left / 60:.0f} min left"
    )


def _identity(
    recipe: Recipe, dataset: Dataset, dataset_hash: str, trainer: Trainer
) -> dict[str, Any]:
    """What stands in metrics.json from the first epoch on."""
    counted = cost(recipe)
    if counted is not None:
        size = {"size_bits": counted.weight_bits, "bops": counted.macs}
    else:
        size = {"size_bits": 32 * trainer.model.count_params(), "bops": 0}
    return {
        "recipe": recipe.name,
        "data": dataset.name,
        "dataset_hash": dataset_hash,
        "labels": list(dataset.label_names),
        "synthetic": dataset.synthetic,
        "seed": recipe.seed,
        "commit": commit(),
        "versions": {
            "tensorflow": tf.__version__,
            "larq": larq.__version__,
            "numpy": np.__version__,
        },
        **size,
    }


def _epoch(trainer: Trainer, epoch: int) -> dict[str, float]:
    """One epoch and, when it is its turn, a look at the validation split."""
    recipe, dataset = trainer.recipe, trainer.data
    row = {"epoch": float(epoch + 1), **trainer.run_epoch(epoch)}
    due = (epoch + 1) % recipe.evaluate_every == 0 or epoch + 1 == recipe.epochs
    if len(dataset.val) and due:
        row["val_accuracy"] = accuracy(trainer.model, dataset.val)
    return row


def _outcome(trainer: Trainer, history: History) -> dict[str, Any]:
    """Batch norm re-estimated, and the figures of the final network."""
    recipe, dataset, model = trainer.recipe, trainer.data, trainer.model
    reestimate_batch_norm(model, trainer.typical(32 * EVAL_BATCH))
    split = "test" if len(dataset.test) else "val"
    scored = dataset.splits[split]
    return {
        "finished": len(history) == recipe.epochs,
        "epochs": len(history),
        "split": split,
        "accuracy": accuracy(model, scored),
        "pictures": len(scored),
        **further(dataset, lambda images: predict(model, images)),
        "batch_norm_reestimated": True,
        "confusion": confusion(model, scored, len(dataset.label_names)),
        "val_accuracy": accuracy(model, dataset.val) if len(dataset.val) else None,
        "train_pictures": len(dataset.train),
        "train_seconds": sum(r["seconds"] for r in history),
        "images_per_s": float(np.mean([r["images_per_s"] for r in history])) if history else 0.0,
    }


def _save(folder: Path, trainer: Trainer, history: History) -> None:
    names = sorted({name for row in history for name in row})
    table = np.array([[row.get(name, math.nan) for name in names] for row in history])
    more = {"history": table, "history_names": np.array(names)}
    save_arrays(folder / "checkpoint.npz", {**trainer.state(), **more})
    write_curves(folder / "curves.csv", history)


def _restore(trainer: Trainer, checkpoint: Path) -> History:
    arrays = load_arrays(checkpoint)
    try:
        names = [str(n) for n in arrays.pop("history_names")]
        table = arrays.pop("history")
        trainer.restore(arrays)
    except (KeyError, ValueError) as error:
        raise DataError(
            "the checkpoint does not fit the recipe's network",
            where=str(checkpoint),
            found=str(error).splitlines()[0][:200],
            remedy="check out the commit that stands in the run's metrics.json, or train anew",
        ) from None
    return [
        {n: float(v) for n, v in zip(names, row, strict=True) if not math.isnan(v)} for row in table
    ]


class Events:
    """TensorBoard's files: a convenience, so that one that cannot be written stops nothing."""

    def __init__(self, folder: Path) -> None:
        self._writer: Any = None
        with contextlib.suppress(tf.errors.OpError):
            self._writer = tf.summary.create_file_writer(str(folder))

    def __call__(self, row: Mapping[str, float], step: int) -> None:
        if self._writer is None:
            return
        with contextlib.suppress(tf.errors.OpError):
            with self._writer.as_default():
                for name, value in row.items():
                    tf.summary.scalar(name, value, step=step)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(tf.errors.OpError):
                self._writer.close()


def write_curves(path: Path, history: History) -> None:
    """curves.csv: a header and a row an epoch, empty where nothing was measured."""
    names = ["epoch", *sorted({n for row in history for n in row} - {"epoch"})]
    lines = [",".join(names)]
    lines += [",".join(f"{row[n]:.6g}" if n in row else "" for n in names) for row in history]
    write_whole(path, ("\n".join(lines) + "\n").encode())
