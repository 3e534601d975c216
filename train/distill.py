"""Knowledge distillation: the teacher's network, and the loss by which a student follows it.

The loss is ReActNet's distributional one (arXiv 2003.03488): the cross-entropy of the student's
distribution under the teacher's, mean_i -Σ_c softmax(t_i / T)_c log softmax(s_i / T)_c, here with a
temperature T and times T², so that the gradient's size does not depend on it (Hinton et al.,
arXiv 1503.02531). At T = 1 it is ReActNet's. It needs no labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import DataError
from train.backend import tf
from train.card import read_json
from train.data import Dataset
from train.datarecord import digest, read_run
from train.recipes.recipe import Recipe

RUNS = Path(__file__).resolve().parents[1] / "runs"


def distributional(teacher: Any, student: Any, temperature: float = 1.0) -> Any:
    """The loss of logits [N, classes], a scalar tensor; no gradient goes to the teacher."""
    wanted = tf.nn.softmax(tf.stop_gradient(teacher) / temperature)
    found = tf.nn.log_softmax(student / temperature)
    return -(temperature**2) * tf.reduce_mean(tf.reduce_sum(wanted * found, axis=-1))


@dataclass(frozen=True)
class Teacher:
    """A network to learn from.

    Attributes:
        model: Keras model; never trained here.
        record: for metrics.json: recipe, weights' hash, what it reached.
    """

    model: Any
    record: dict[str, Any]


def as_teacher(model: Any, **record: Any) -> Teacher:
    """A model in memory as a teacher."""
    return Teacher(model, {**record, "weights_sha256": digest(model.get_weights())})


def check(recipe: Recipe, model: Any, student: Any) -> None:
    """Raises DataError unless teacher and student see the same pictures and give the same shape."""
    pairs = (
        ("pictures", model.input_shape, student.input_shape),
        ("answers", model.output_shape, student.output_shape),
    )
    for what, ours, theirs in pairs:
        if ours != theirs:
            raise DataError(
                f"teacher and student have other {what}",
                where=f"recipe {recipe.name}, teacher {recipe.teacher}",
                found=f"teacher {ours}, student {theirs}",
                remedy="choose a teacher for the same data and task",
            )
    if recipe.task.name != "classification" and not hasattr(recipe.task, "distill"):
        raise DataError(
            "this task has no loss for distillation",
            where=f"recipe {recipe.name}",
            found=f"task {recipe.task.name}",
            remedy="leave the teacher out, or give the task distill(teacher, student)",
        )


def labelled(dataset: Dataset) -> Dataset:
    """The dataset with those training pictures alone whose label is known."""
    known = np.flatnonzero(dataset.train.labels >= 0)
    if len(known) == len(dataset.train):
        return dataset
    return replace(dataset, train=dataset.train.take(known))


def from_folder(folder: Path) -> Teacher:
    """A finished run's network.

    Raises:
        DataError: the run is not finished, or its weights do not fit.
    """
    from train.compare import restored

    record, metrics = read_run(folder)
    if not metrics.get("finished"):
        raise DataError(
            "the teacher's run is not finished",
            where=str(folder),
            remedy=f"python -m kit train --resume {folder}",
        )
    model = restored(folder, record)
    kept = {k: metrics.get(k) for k in ("recipe", "dataset_hash", "seed", "metric", "score")}
    return as_teacher(model, **kept)


def resolve(recipe: Recipe, dataset: Dataset, *, quiet: bool = False) -> Teacher:
    """The recipe's teacher; one that is a recipe's name and was not trained yet is trained.

    A recipe's run is looked for in runs/NAME and taken when it saw these pictures; otherwise it is
    trained on this dataset's labelled training pictures, with its recipe's own seed, in
    runs/teachers/NAME-… (a stop there is resumed by the same command). All seeds of a student have
    the same teacher.

    Raises:
        DataError: neither a run folder nor a recipe.
    """
    folder = known(recipe)
    if folder is not None:
        return from_folder(folder)
    from train import recipes

    return _trained(recipes.get(recipe.teacher), labelled(dataset), quiet)


def known(recipe: Recipe) -> Path | None:
    """The run folder that the recipe's teacher is, or None where it is a recipe's name.

    Raises:
        DataError: it is neither.
    """
    from train import recipes

    if Path(recipe.teacher, "recipe.json").exists():
        return Path(recipe.teacher)
    if recipe.teacher not in recipes.names():
        raise DataError(
            "the teacher is neither a run folder nor a recipe",
            where=f"recipe {recipe.name}",
            found=recipe.teacher,
            remedy="python -m kit train --list shows the recipes; "
            "python -m kit train --recipe NAME --run DIR makes a folder",
        )
    return None


def _trained(recipe: Recipe, dataset: Dataset, quiet: bool) -> Teacher:
    from train.loop import train
    from train.record import finished

    hashed = dataset.hash
    usual = RUNS / recipe.name / "metrics.json"
    if usual.exists():
        found = read_json(usual)
        if found.get("finished") and found.get("dataset_hash") == hashed:
            return from_folder(usual.parent)
    folder = RUNS / "teachers" / f"{recipe.name}-{hashed[:12]}"
    if finished(folder, recipe, dataset):
        return from_folder(folder)
    model, metrics = train(recipe, dataset, folder, resume=True, quiet=quiet)
    kept = {k: metrics.get(k) for k in ("recipe", "dataset_hash", "seed", "metric", "score")}
    return as_teacher(model, **kept)
