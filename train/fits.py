"""Whether a recipe and a dataset go together."""

from __future__ import annotations

from convert.errors import DataError
from train.data import Dataset
from train.recipes.recipe import Recipe
from train.tasks.task import Classification


def fit(recipe: Recipe, dataset: Dataset, takes: tuple[int, ...], gives: int | None) -> None:
    """Refuse a network that takes other pictures, or names other classes, than the dataset.

    Args:
        takes: the network's pictures, (H, W, C).
        gives: its logits, where it classifies; None is not compared.

    Raises:
        DataError: with both.
    """
    where = f"recipe {recipe.name}, dataset {dataset.name}"
    if dataset.image_shape != tuple(takes):
        raise DataError(
            "the recipe's network takes other pictures than the dataset holds",
            where=where,
            found=f"network {tuple(takes)}, pictures {dataset.image_shape}",
            remedy="choose another dataset, or set its size and channels in data_options",
        )
    classes = len(dataset.label_names)
    if isinstance(recipe.task, Classification) and gives is not None and gives != classes:
        raise DataError(
            "the recipe's network tells other classes apart than the dataset has",
            where=where,
            found=f"network {gives} classes, dataset {classes}: " + ", ".join(dataset.label_names),
            remedy="choose another dataset, or a recipe made for this one: kit train --list",
        )


def answers_fit(recipe: Recipe, takes: tuple[int, ...], gives: tuple[int | None, ...]) -> None:
    """Refuse a network whose answers are not what the recipe's task learns and judges.

    Args:
        takes: the network's pictures, (H, W, C).
        gives: its answer to one.

    Raises:
        DataError: with both.
    """
    shape = getattr(recipe.task, "answers", None)
    wanted = None if shape is None else shape(*takes)
    if wanted is not None and wanted != tuple(gives):
        raise DataError(
            f"the network's answers are not those of the task {recipe.task.name}",
            where=f"recipe {recipe.name}",
            found=f"network {tuple(gives)}, task {wanted}",
            remedy="give both the same numbers, such as stride and descriptor, or the network the "
            "head of its task",
        )


def check_data(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse data on which a recipe cannot be trained or judged, before a teacher is trained.

    Networks that a function builds are compared with their pictures when they are built, by `fit`.

    Raises:
        DataError: too few pictures, other ones than the network takes, or none to judge it on.
    """
    if hasattr(recipe.net, "input_shape"):
        fit(recipe, dataset, recipe.net.input_shape, getattr(recipe.net, "classes", None))
    where = f"dataset {dataset.name}"
    if len(dataset.train) < 2:
        raise DataError("there are no training pictures", where=where)
    judged = [name for name in ("test", "val") if len(dataset.splits[name])]
    if not judged:
        raise DataError(
            "there are no pictures to judge the network on",
            where=where,
            found="neither test nor validation pictures",
            remedy="give the data some, for instance with n_test in data_options",
        )
    undefined = getattr(recipe.task, "undefined", lambda split: "")
    for name in judged:
        reason = undefined(dataset.splits[name])
        if reason:
            raise DataError(
                f"{recipe.task.metric} of the {name} pictures is not defined",
                where=where,
                found=f"{reason} in {len(dataset.splits[name])} pictures",
                remedy="give the data more of them",
            )
