"""Recipes by name. A recipe is data; `train.loop.train` is the one function that runs it.

Every module of this package that has a tuple `RECIPES` adds to the list: one file an experiment
family, nothing else to edit.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from convert.errors import DataError, did_you_mean
from train.recipes.recipe import Augment, Recipe

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")  # of run folders, and of shipped models


def modules() -> list[str]:
    """Full names of this package's modules, sorted."""
    return sorted(f"{__name__}.{found.name}" for found in pkgutil.iter_modules(__path__))


def collect(found: Iterable[ModuleType]) -> dict[str, Recipe]:
    """Name -> recipe, in the order of the modules and of their RECIPES.

    Raises:
        DataError: two recipes share a name, and both modules are named; or RECIPES is no tuple of
            recipes whose names can be those of folders.
    """
    recipes: dict[str, Recipe] = {}
    home: dict[str, str] = {}
    for module in found:
        listed = getattr(module, "RECIPES", ())
        for recipe in listed if isinstance(listed, (tuple, list)) else (None,):
            if not isinstance(recipe, Recipe) or not NAME.fullmatch(str(recipe.name)):
                raise DataError(
                    "RECIPES of a module is a tuple of recipes, each with a plain name",
                    where=module.__name__,
                    found=repr(recipe.name if isinstance(recipe, Recipe) else listed)[:100],
                    remedy="in brackets, with a comma behind even a single one; a name has "
                    "letters, digits and - _ . + behind the first",
                )
            if recipe.name in recipes:
                raise DataError(
                    "two recipes have the same name",
                    where=f"{home[recipe.name]} and {module.__name__}",
                    found=recipe.name,
                    remedy="rename one of them",
                )
            recipes[recipe.name], home[recipe.name] = recipe, module.__name__
    return recipes


def loaded(name: str) -> ModuleType:
    """A module of recipes.

    Raises:
        DataError: what is written there cannot be run; the message has the line.
        ImportError: it needs a package that is not installed.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, DataError):
        raise
    except Exception as error:
        file = Path(*name.split(".")).with_suffix(".py")
        lines = [at.lineno for at in traceback.extract_tb(error.__traceback__)
                 if Path(at.filename).name == file.name]  # fmt: skip
        line = getattr(error, "lineno", None) or (lines or [0])[-1]
        raise DataError(
            "a file of recipes cannot be run",
            where=f"{file}, line {line}",
            found=f"{type(error).__name__}: {error}",
            remedy="mend it, or take it out of train/recipes/; docs/training.md has the fields",
        ) from None


@functools.cache
def _all() -> Mapping[str, Recipe]:
    return collect(map(loaded, modules()))


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
