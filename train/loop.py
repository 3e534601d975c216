"""One training loop for every recipe.

Adam on the latent weights (clipped by their constraint) or Bop, warm-up and decay, stages, a
teacher. All randomness of epoch e comes from generators seeded with (seed, e), and a checkpoint
within an epoch holds their state, so that a run resumed anywhere continues to the same numbers as
an unbroken one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train import distill
from train.data import Dataset
from train.datarecord import digest, final_weights
from train.distribute import Workers, workers
from train.evaluate import EVAL_BATCH, confusion, predict, reestimate_batch_norm
from train.events import Events
from train.figures import further
from train.fits import check_data
from train.recipes.check import check
from train.recipes.recipe import Recipe
from train.record import (
    History,
    commit,
    earlier,
    identity,
    restore,
    same_run,
    save,
    write_curves,
)
from train.runfolder import (
    Log,
    alone,
    refuse_another,
    refuse_finished,
    remove_halves,
    save_arrays,
    write_json,
)
from train.tasks.task import Classification
from train.trainer import Progress, Trainer

CHECKPOINT_MINUTES = 10.0
WORTH_TIMING = 200  # steps from which on the bare step is timed, for it costs two seconds


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    stop_after: int | None = None,
    record: Mapping[str, Any] | None = None,
    teacher: Any = None,
    initial: Sequence[npt.NDArray[Any]] | None = None,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
) -> tuple[Any, dict[str, Any]]:
    """Run a recipe and leave a run folder, of which one process at a time is the writer.

    Args:
        recipe, dataset: what to train on what.
        folder: the run folder (see train.runfolder); made when missing.
        resume: continue from the folder's checkpoint; without one, start. Waits for another
            process that trains there.
        quiet: no lines on the terminal.
        stop_after: leave after this many epochs in all, as if interrupted.
        record: further entries of recipe.json: how the run was asked for.
        teacher: a Keras model or a train.distill.Teacher to learn from; by default what the recipe
            names, trained first when missing.
        initial: first weights, as get_weights() of the recipe's network gives them; by default
            those of recipe.init_from, or drawn.
        checkpoint_minutes: checkpoints within an epoch are this far apart; not with many workers.

    Returns:
        The trained Keras model, batch norm re-estimated, and metrics.json's content.

    Raises:
        DataError: a recipe that none can be, shapes do not match, a run is there and resume is off,
            a finished one is there without its checkpoint, another process trains there, or the
            disk is full.
    """
    check(recipe)
    check_data(recipe, dataset)
    together = workers()
    ours = alone(folder, wait=resume) if together.chief else contextlib.nullcontext()
    with ours, together.joined():
        begun = (folder / "checkpoint.npz").exists()
        if not resume:
            refuse_another(folder)
        elif not begun:
            refuse_finished(folder)
        taught = _teacher(recipe, dataset, teacher, quiet)
        first = None if begun else _first_weights(recipe, initial)
        return _train(
            recipe, dataset, folder, together, taught, first,
            quiet, stop_after, record or {}, checkpoint_minutes,
        )  # fmt: skip


def _train(
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    together: Workers,
    taught: distill.Teacher | None,
    first: Sequence[npt.NDArray[Any]] | None,
    quiet: bool,
    stop_after: int | None,
    record: Mapping[str, Any],
    checkpoint_minutes: float,
) -> tuple[Any, dict[str, Any]]:
    """`train` in a folder that is this process's own."""
    checkpoint = folder / "checkpoint.npz"
    asked = {**recipe.as_dict(), "dataset": dataset.options}
    if taught is not None:
        asked["teacher_sha256"] = taught.record["weights_sha256"]
    dataset_hash = dataset.hash
    if checkpoint.exists() or (folder / "recipe.json").exists():
        same_run(folder, recipe, asked, dataset_hash)
    trainer = Trainer(recipe, dataset, recipe.seed, teacher=taught, initial=first, workers=together)
    history: History = []
    progress: Progress | None = None
    if checkpoint.exists():
        history, progress = restore(trainer, checkpoint)
    who = identity(recipe, dataset, dataset_hash, trainer)
    if progress is None and len(history) == recipe.epochs:
        who |= earlier(folder)
    if together.chief:
        remove_halves(folder)
        write_json(folder / "recipe.json", {**asked, **record})
    last = recipe.epochs if stop_after is None else min(stop_after, recipe.epochs)
    with contextlib.closing(_log(folder, together, quiet)) as log:
        called = dataset.name + (" (synthetic)" if dataset.synthetic else "")
        log(_opening(recipe, called, len(dataset.train), who))
        if (last - len(history)) * trainer.steps_per_epoch >= WORTH_TIMING:
            who["bare_images_per_s"] = trainer.bare_speed()
            log(f"the step alone: {who['bare_images_per_s']:.0f} images/s")
        with contextlib.closing(
            Events(folder / "tensorboard" if together.chief else None)
        ) as events:
            for epoch in range(len(history), last):
                within = _within(folder, trainer, history, checkpoint_minutes)
                row = _epoch(trainer, epoch, progress, within)
                progress = None
                history.append(row)
                log(_line(recipe, row, who.get("bare_images_per_s")))
                save(folder, trainer, history)
                if together.chief:
                    write_curves(folder / "curves.csv", history)
                    unfinished = {"finished": False, "epochs": epoch + 1}
                    write_json(folder / "metrics.json", {**who, **unfinished, **row})
                events(row, epoch + 1)
        model = trainer.plain_model()
        metrics = {**who, **_outcome(trainer, model, history)}
        if metrics["finished"] and together.chief:
            write_curves(folder / "curves.csv", history)
            weights = {f"w{i:04d}": w for i, w in enumerate(model.get_weights())}
            metrics["weights_sha256"] = digest(weights.values())
            save_arrays(folder / "weights.npz", weights)
            write_json(folder / "metrics.json", metrics)
            log(
                f"{metrics['split']} {metrics['metric']} {metrics['score']:.4f} on "
                f"{metrics['pictures']} pictures of {called}, seed {recipe.seed}"
            )
    return model, metrics


def _teacher(recipe: Recipe, dataset: Dataset, given: Any, quiet: bool) -> distill.Teacher | None:
    if given is None:
        return distill.resolve(recipe, dataset, quiet=quiet) if recipe.teacher else None
    return given if isinstance(given, distill.Teacher) else distill.as_teacher(given)


def _first_weights(
    recipe: Recipe, initial: Sequence[npt.NDArray[Any]] | None
) -> Sequence[npt.NDArray[Any]] | None:
    if initial is not None or not recipe.init_from:
        return initial
    path = Path(recipe.init_from) / "weights.npz"
    if not path.exists():
        raise DataError(
            "init_from names no folder of a finished run",
            where=f"recipe {recipe.name}",
            found=f"{recipe.init_from} without weights.npz",
            remedy="python -m kit train --recipe NAME --run DIR makes one",
        )
    return final_weights(path.parent)


def _within(folder: Path, trainer: Trainer, history: History, minutes: float) -> Any:
    """What run_epoch calls between steps: a checkpoint when the last is old enough.

    Workers would have to agree on the moment, so that many of them keep to whole epochs.
    """
    if trainer.workers.count > 1:
        return None
    saved = [time.monotonic()]

    def after_step(progress: Progress) -> None:
        if time.monotonic() - saved[0] >= 60 * minutes:
            save(folder, trainer, history, progress)
            saved[0] = time.monotonic()

    return after_step


def _opening(recipe: Recipe, called: str, pictures: int, who: Mapping[str, Any]) -> str:
    size = ""
    if who["macs"]:
        size = f", {who['macs'] / 1e6:.2f} M MACs, {who['size_bits'] / 1e3:.1f} kbit"
    taught = f", teacher {recipe.teacher}" if recipe.teacher else ""
    return (
        f"{recipe.name} on {called}: {pictures} pictures, "
        f"{recipe.epochs} epochs, seed {recipe.seed}{size}{taught}"
    )


def _line(recipe: Recipe, row: Mapping[str, float], bare: float | None) -> str:
    epoch = int(row["epoch"])
    left = row["seconds"] * (recipe.epochs - epoch)
    scores = "".join(
        f"  {name.removesuffix('_accuracy').replace('_', ' ')} {value:.4f}"
        for name, value in row.items()
        if name == "train_accuracy" or name == f"val_{recipe.task.metric}"
    )
    share = f" ({row['images_per_s'] / bare:.0%} of the step alone)" if bare else ""
    return (
        f"epoch {epoch}/{recipe.epochs}  loss {row['loss']:.4f}{scores}  {row['seconds']:.1f} s  "
        f"{row['images_per_s']:.0f} images/s{share}  ~{left / 60:.0f} min left"
    )


def _epoch(
    trainer: Trainer, epoch: int, progress: Progress | None, after_step: Any
) -> dict[str, float]:
    """One epoch and, when it is its turn, a look at the validation split."""
    recipe, dataset = trainer.recipe, trainer.data
    row = {"epoch": float(epoch + 1), **trainer.run_epoch(epoch, progress, after_step)}
    due = (epoch + 1) % recipe.evaluate_every == 0 or epoch + 1 == recipe.epochs
    if len(dataset.val) and due:
        scores = recipe.task.score(dataset.val, trainer.predict)
        row |= {f"val_{name}": value for name, value in scores.items()}
    return row


def _outcome(trainer: Trainer, model: Any, history: History) -> dict[str, Any]:
    """Batch norm re-estimated, and the figures of the final network."""
    recipe, dataset = trainer.recipe, trainer.data
    reestimate_batch_norm(model, trainer.batches.typical(32 * EVAL_BATCH))

    def answers(images: npt.NDArray[np.uint8]) -> Any:
        return predict(model, images)

    split = "test" if len(dataset.test) else "val"
    scored = dataset.splits[split]
    scores = recipe.task.score(scored, answers)
    on_val = recipe.task.score(dataset.val, answers) if len(dataset.val) else {}
    more: dict[str, Any] = {f"val_{recipe.task.metric}": on_val.get(recipe.task.metric)}
    if isinstance(recipe.task, Classification):
        more |= further(dataset, answers)
        more["confusion"] = confusion(model, scored, len(dataset.label_names))
    return {
        "finished": len(history) == recipe.epochs,
        "epochs": len(history),
        "split": split,
        **scores,
        "score": scores[recipe.task.metric],
        "pictures": len(scored),
        **more,
        "batch_norm_reestimated": True,
        "train_pictures": len(dataset.train),
        "train_seconds": sum(r["seconds"] for r in history),
        "images_per_s": float(np.mean([r["images_per_s"] for r in history])) if history else 0.0,
    }


def _log(folder: Path, together: Workers, quiet: bool) -> Log:
    """log.txt; that of worker k > 0 is a file of its own, and it prints nothing."""
    name = "log.txt" if together.chief else f"log-worker{together.rank}.txt"
    return Log(folder / name, quiet or not together.chief)


__all__ = ["commit", "train", "write_curves"]
