"""Changes of training pictures that take their targets along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.augment import augment
from train.data.dataset import Pixels
from train.recipes.recipe import Augment

# what moves pixels, beyond mirroring
UNFOLLOWED = ("shift", "rotate", "zoom", "wedge")
Targets = npt.NDArray[Any]


def lit_only(images: Pixels, how: Augment, rng: np.random.Generator, task: str) -> Pixels:
    """The changes of light and noise alone.

    Raises:
        DataError: the recipe asks for a move that targets do not follow.
    """
    moves = [name for name in UNFOLLOWED if getattr(how, name)]
    if moves:
        raise DataError(
            "the targets do not follow this augmentation",
            where=f"task {task}",
            found=", ".join(moves),
            remedy="leave it out of the recipe's augment; flip is followed by all but matching",
        )
    return augment(images, replace(how, flip=False), rng)


def mirrored(
    images: Pixels,
    targets: Targets,
    how: Augment,
    rng: np.random.Generator,
    mirror: Callable[[Targets, int], Targets],
) -> tuple[Pixels, Targets]:
    """With `how.flip`, each picture and its target left-right with probability one half.

    Args:
        mirror: (targets, width of the pictures) -> the targets of mirrored pictures.
    """
    if not how.flip:
        return images, targets
    which = rng.random(len(images)) < 0.5
    images, targets = images.copy(), targets.copy()
    images[which] = images[which][:, :, ::-1]
    targets[which] = mirror(targets[which], images.shape[2])
    return images, targets


def mirrored_pictures(targets: Targets, width: int) -> Targets:
    """Targets that are pictures themselves."""
    return targets[:, :, ::-1]
