"""Names of datasets and the functions that load them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from convert.errors import DataError
from train.data import faces, mosaic, scenes, stl10, vww
from train.data.dataset import Dataset

Loader = Callable[..., Dataset]

# name -> (loader, one line for a list)
DATASETS: dict[str, tuple[Loader, str]] = {
    "faces": (faces.load, "100 faces and 100 other crops, real photographs (LFW, scikit-image)"),
    "scenes": (scenes.load, "rendered 96x96 scenes with and without people (synthetic)"),
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
        DataError: unknown name or option, or the data is not there.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        raise DataError(
            "there is no such dataset",
            found=name,
            remedy=(f"did you mean {near[0]}? " if near else "")
            + "known datasets: "
            + ", ".join(sorted(DATASETS)),
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
    return loader(seed=seed, **options)
