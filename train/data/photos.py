"""Photographs that scikit-image and scikit-learn bundle, and which of them show people."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image

from convert.errors import DataError, DependencyError
from train.data.dataset import Pixels

# Split by photograph, so that no background is seen in training and in a test. The two motorcycle
# pictures are one stereo pair, hence one scene. Looked at one by one: none of these shows a person.
BACKGROUNDS: dict[str, tuple[str, ...]] = {
    "train": ("china.jpg", "motorcycle_left.png", "motorcycle_right.png", "coffee.png",
              "brick.png", "moon.png"),
    "val": ("rocket.jpg", "gravel.png", "page.png"),
    "test": ("flower.jpg", "chelsea.png", "grass.png", "text.png"),
}  # fmt: skip
# Not used at all: coins.png (portraits on coins), horse.png, phantom.png and the medical pictures.
WITH_PEOPLE = ("astronaut.png", "camera.png")


def _folders() -> tuple[Path, Path]:
    try:
        import skimage
        import sklearn
    except ImportError as error:
        raise DependencyError(
            "the bundled photographs need scikit-image and scikit-learn",
            found=str(error),
            remedy="make train installs them, or: pip install -r requirements-full.lock",
        ) from None
    return (
        Path(skimage.__file__).parent / "data",
        Path(sklearn.__file__).parent / "datasets" / "images",
    )


@functools.cache
def photograph(name: str) -> Pixels:
    """A bundled photograph as uint8 RGB [H, W, 3]. Reads the installed package, never a network."""
    for folder in _folders():
        path = folder / name
        if path.exists():
            with Image.open(path) as picture:
                return np.asarray(picture.convert("RGB"))
    raise DataError(
        "a bundled photograph is missing from the installed packages",
        where=name,
        found="not in scikit-image's nor scikit-learn's data folder",
        remedy="reinstall with: pip install --force-reinstall scikit-image scikit-learn",
    )


def people_free(split: str) -> list[Pixels]:
    """The photographs that may serve as background in `split` (train, val or test)."""
    return [photograph(name) for name in BACKGROUNDS[split]]


def real_person_pictures(size: int = 96, channels: int = 1) -> dict[str, Pixels]:
    """Crops of the two bundled photographs that show a person: uint8 [size, size, channels].

    They are never backgrounds; they show how a model trained on rendered scenes does on a real
    person, and are too few for a figure.
    """
    boxes = {
        "astronaut.png": [(90, 0, 346, 256), (0, 0, 512, 512), (40, 0, 424, 384)],
        "camera.png": [(60, 40, 380, 360), (0, 0, 512, 512), (100, 60, 330, 290)],
    }
    crops = {}
    for name in WITH_PEOPLE:
        for k, box in enumerate(boxes[name]):
            picture = Image.fromarray(photograph(name)).crop(box)
            picture = picture.convert("L" if channels == 1 else "RGB")
            pixels = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))
            crops[f"{name}#{k}"] = pixels.reshape(size, size, channels)
    return crops
