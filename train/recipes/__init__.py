"""Recipes by name. A recipe is data; `train.loop.train` is the one function that runs it."""

from __future__ import annotations

import difflib

from convert.errors import DataError
from train.recipes.recipe import Augment, Recipe


def _all() -> dict[str, Recipe]:
    from train.recipes import faces_wake, scenes_baselines, scenes_wake

    recipes = [*faces_wake.RECIPES, *scenes_wake.RECIPES, *scenes_baselines.RECIPES]
    return {recipe.name: recipe for recipe in recipes}


def names() -> list[str]:
    return sorted(_all())


def get(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        DataError: there is none; the message names the nearest.
    """
    known = _all()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise DataError(
            "there is no such recipe",
            found=name,
            remedy=(f"did you mean {near[0]}? " if near else "")
            + "known recipes: "
            + ", ".join(sorted(known)),
        )
    return known[name]


__all__ = ["Augment", "Recipe", "get", "names"]
