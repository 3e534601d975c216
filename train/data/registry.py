"""Names of datasets and the functions that load them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from convert.errors import DataError, did_you_mean
from train.data import faces, mosaic, photos_match, photos_x2, scenes, stl10, vww
from train.data.dataset import Dataset
from train.data.scenes import truth

Loader = Callable[..., Dataset]
PLAIN = (bool, int, float, str, type(None))  # what options are checked to be

# name -> (loader, one line for a list)
DATASETS: dict[str, tuple[Loader, str]] = {
    "faces": (faces.load, "100 faces and 100 other crops, real photographs (LFW, scikit-image)"),
    "photos-match": (photos_match.load, "two views of a piece of a real photograph, and their map"),
    "photos-x2": (photos_x2.load, "pieces of real photographs, bicubic halves and originals"),
    "scenes": (scenes.load, "rendered 96x96 scenes with and without people (synthetic)"),
    "scenes-detect": (truth.detect, "scenes with boxes of people (synthetic)"),
    "scenes-segment": (truth.segment, "scenes with masks of people (synthetic)"),
    "scenes-raw": (mosaic.scenes_raw, "the same as raw Bayer mosaics (synthetic)"),
    "stl10": (stl10.load, "STL-10, ten classes, 96x96 RGB, as published (files needed)"),
    "vww": (vww.load, "person or not, from COCO 2014's own files, two definitions (files needed)"),
}


def load(name: str, *, seed: int = 0, **options: Any) -> Dataset:
    """Load a dataset by name.

    Args:
        name: one of `DATASETS`.
        seed: of every random choice the loader makes.
        options: arguments of that loader, see its docstring.

    Raises:
        DataError: unknown name or option, a seed that is none, or the data is not there.
    """
    if type(seed) is not int or seed < 0:
        raise DataError("a seed is a whole number from 0 on", found=repr(seed))
    if name not in DATASETS:
        raise DataError(
            "there is no such dataset",
            found=name,
            remedy=did_you_mean(name, DATASETS) + "known datasets: " + ", ".join(sorted(DATASETS)),
        )
    loader = DATASETS[name][0]
    known = [p for p in inspect.signature(loader).parameters if p != "seed"]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise DataError(
            f"dataset {name} has no such option",
            found=", ".join(unknown),
            remedy="its options are " + ", ".join(known),
        )
    _check_types(name, loader, options)
    return loader(seed=seed, **options)


def _check_types(name: str, loader: Loader, options: Mapping[str, Any]) -> None:
    """Options come from the command line: refuses what is no number, text or truth value there.

    A pair of numbers comes as a list. Types that are none of these are the loader's own affair.
    """
    for option, hint in typing.get_type_hints(loader).items():
        if option not in options:
            continue
        value = options[option]
        if typing.get_origin(hint) is tuple:
            kinds = typing.get_args(hint)
            pair = isinstance(value, (list, tuple)) and len(value) == len(kinds)
            good = pair and all(
                _fits(each, (kind,)) for each, kind in zip(value, kinds, strict=True)
            )
            wanted = "[" + ", ".join(kind.__name__ for kind in kinds) + "]"
        else:
            kinds = typing.get_args(hint) or (hint,)
            good = _fits(value, kinds)
            wanted = " or ".join(kind.__name__ for kind in kinds)
        if not good and all(kind in PLAIN for kind in kinds):
            raise DataError(
                f"an option of dataset {name} has another type",
                found=f"{option}={value!r}",
                remedy=f"{option} is {wanted}",
            )


def _fits(value: Any, kinds: tuple[Any, ...]) -> bool:
    return type(value) in kinds or (type(value) is int and float in kinds)
