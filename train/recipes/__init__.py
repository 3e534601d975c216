"""Recipes by name. A recipe is data; `train.loop.train` is the one function that runs it.

Every module of this package that has a tuple `RECIPES` adds to the list: one file an experiment
family, nothing else to edit.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import ModuleType

from convert.errors import DataError, did_you_mean
from train.recipes.recipe import Augment, Recipe


def modules() -> list[str]:
    """Full names of this package's modules, sorted."""
    return sorted(f"{__name__}.{found.name}" for found in pkgutil.iter_modules(__path__))


def collect(found: Iterable[ModuleType]) -> dict[str, Recipe]:
    """Name -> recipe, in the order of the modules and of their RECIPES.

    Raises:
        DataError: two recipes share a name; both modules are named.
    """
    recipes: dict[str, Recipe] = {}
    home: dict[str, str] = {}
    for module in found:
        for recipe in getattr(module, "RECIPES", ()):
            if recipe.name in recipes:
                raise DataError(
                    "two recipes have the same name",
                    where=f"{home[recipe.name]} and {module.__name__}",
                    found=recipe.name,
                    remedy="rename one of them",
                )
            recipes[recipe.name], home[recipe.name] = recipe, module.__name__
    return recipes


@functools.cache
def _all() -> Mapping[str, Recipe]:
    return collect(importlib.import_module(name) for name in modules())


def names() -> list[str]:
    return sorted(_all())


def get(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        DataError: there is none; the message names the nearest.
    """
    known = _all()
    if name not in known:
        raise DataError(
            "there is no such recipe",
            found=name,
            remedy=did_you_mean(name, known) + "known recipes: " + ", ".join(sorted(known)),
        )
    return known[name]


__all__ = ["Augment", "Recipe", "collect", "get", "modules", "names"]
