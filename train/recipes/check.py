"""What a recipe's numbers may be: looked at before any picture is read or rendered."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from convert.errors import DataError
from train.fields import typed
from train.models.binary import BinaryNet
from train.recipes.recipe import OPTIMIZERS, SCHEDULES, Augment, NetSpec, Recipe, Stage
from train.tasks.task import Classification

# Field -> least, largest, whether the least itself is refused. NaN lies in no range.
Range = tuple[float, float, bool]
ANY = float("1e308")
RECIPE: Mapping[str, Range] = {
    "epochs": (1, ANY, False),
    "batch": (1, ANY, False),
    "learning_rate": (0, 100, False),
    "glt_rate": (0, 1e6, False),
    "warmup_epochs": (0, ANY, False),
    "smoothing": (0, 1, False),
    "gradual": (0, 1, False),
    "evaluate_every": (1, ANY, False),
    "weight_decay": (0, 100, False),
    "clip": (0, ANY, True),
    "bop_gamma": (0, 1, True),
    "bop_threshold": (0, ANY, False),
    "temperature": (0, ANY, True),
    "label_weight": (0, ANY, False),
    "seed": (0, 2**32 - 1, False),
}
STAGE = {"share": (0.0, ANY, True)} | {f.name: RECIPE[f.name] for f in fields(Stage)
                                       if f.name in RECIPE}  # fmt: skip
AUGMENT: Mapping[str, Range] = {
    "shift": (0, 4096, False),
    "rotate": (0, 180, False),
    "zoom": (0, 0.9, False),
    "gain": (0, 16, False),
    "noise": (0, 255, False),
    "wedge": (0, 1, False),
    "gamma": (0, 4, False),
    "tint": (0, 16, False),
}


def _kinds(recipe: Recipe, where: str) -> None:
    """Raises DataError for a field of another type, such as a recipe file may have."""
    plain = (bool, int, float, str, type(None))
    stages = recipe.stages if isinstance(recipe.stages, (tuple, list)) else (recipe.stages,)
    parts = [("a recipe", recipe, Recipe), ("augment", recipe.augment, Augment)]
    parts += [("a stage", stage, Stage) for stage in stages]
    good = {"net": isinstance(recipe.net, (BinaryNet, NetSpec)) or callable(recipe.net),
            "data_options": isinstance(recipe.data_options, Mapping),
            "task": not isinstance(recipe.task, type)
            and all(hasattr(recipe.task, name) for name in ("name", "metric", "loss", "score")),
            **{what: isinstance(of, kind) for what, of, kind in parts}}  # fmt: skip
    for what in (name for name, fine in good.items() if not fine):
        raise DataError(
            f"{what} of a recipe is of another type",
            where=where,
            found=repr(recipe.stages if what == "a stage" else getattr(recipe, what))[:200],
            remedy="docs/training.md has a table of the fields",
        )
    for what, of, kind in parts:
        hints = typing.get_type_hints(kind).items()
        names = [n for n, hint in hints if set(typing.get_args(hint) or (hint,)) <= set(plain)]
        typed(kind, {name: getattr(of, name) for name in names}, what, where)


def check(recipe: Recipe) -> None:
    """Raises DataError for a field of another type, a number out of its range, an unknown name, or
    stages that do not end in a binary network."""
    where = f"recipe {recipe.name}"
    _kinds(recipe, where)
    stages = recipe.stages or (Stage(),)
    _ranges(recipe, RECIPE, "a recipe", where)
    _ranges(recipe.augment, AUGMENT, "augment", where)
    for stage in stages:
        _ranges(stage, STAGE, "a stage", where)
        for name in ("activations", "weights"):
            _known(getattr(stage, name), ("binary", "real"), f"{name} of a stage", where)
        _known(stage.schedule or recipe.schedule, SCHEDULES, "schedule", where)
    _known(recipe.optimizer, OPTIMIZERS, "optimizer", where)
    if recipe.epochs < len(stages):
        raise DataError(
            "there are fewer epochs than stages",
            where=where,
            found=f"{recipe.epochs} epochs, {len(stages)} stages",
            remedy=f"epochs of at least {len(stages)}",
        )
    if recipe.optimizer == "bop" and recipe.clip < 1:
        raise DataError(
            "Bop's kernels are ±1: a smaller clip would stop their gradient",
            where=where,
            found=f"clip {recipe.clip:g}",
            remedy="clip of at least 1",
        )
    last = stages[-1]
    if (last.activations, last.weights) != ("binary", "binary"):
        raise DataError(
            "the last stage must leave a binary network, for that is what is converted",
            where=where,
            found=f"{last.activations} activations, {last.weights} weights",
            remedy="add a stage that is binary in both",
        )


def refuse_idle(recipe: Recipe, asked: Mapping[str, Any]) -> None:
    """Raises DataError where a field was asked for that this recipe makes nothing of."""
    labels = isinstance(recipe.task, Classification)
    taught = "it has no teacher" if not recipe.teacher else ""
    reasons = {
        "temperature": taught or ("" if labels else "its task learns from a teacher without one"),
        "label_weight": taught,
        "smoothing": "" if labels else "its task has no classes",
        "bop_gamma": "" if recipe.optimizer == "bop" else "its optimizer is Adam",
        "bop_threshold": "" if recipe.optimizer == "bop" else "its optimizer is Adam",
    }
    defaults = {field.name: field.default for field in fields(Recipe)}
    for name, reason in reasons.items():
        if reason and name in asked and getattr(recipe, name) != defaults[name]:
            raise DataError(
                f"{name} would do nothing: {reason}",
                where=f"recipe {recipe.name}",
                found=f"{name} {getattr(recipe, name)}",
                remedy="leave it out",
            )


def _ranges(
    of: Stage | Augment | Recipe, ranges: Mapping[str, Range], what: str, where: str
) -> None:
    for name, (least, most, above) in ranges.items():
        value = getattr(of, name)
        if value is None or (least <= value <= most and not (above and value == least)):
            continue
        beginning = f"above {least:g}" if above else f"at least {least:g}"
        raise DataError(
            f"{name} of {what} is out of range",
            where=where,
            found=f"{value}",
            remedy=beginning if most >= 1e18 else f"{beginning}, at most {most:.15g}",
        )


def _known(value: str, known: tuple[str, ...], what: str, where: str) -> None:
    if value not in known:
        raise DataError(
            f"there is no such {what}",
            where=where,
            found=repr(value),
            remedy="known: " + ", ".join(known),
        )


__all__ = ["check", "refuse_idle", "typed"]
