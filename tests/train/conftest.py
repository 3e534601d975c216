"""Tiny data and recipes: what takes a second to train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from train.data.dataset import Dataset, Split


def blobs(count: int, shape: tuple[int, int, int], rng: np.random.Generator) -> Split:
    """Noise; odd pictures have a bright square: learnable in an instant."""
    images = rng.integers(0, 140, (count, *shape)).astype(np.uint8)
    labels = (np.arange(count) & 1).astype(np.int64)
    side = shape[0] // 2
    for image in images[1::2]:
        y, x = rng.integers(0, shape[0] - side, 2)
        image[y : y + side, x : x + side] = 255 - image[y : y + side, x : x + side] // 4
    return Split(images, labels, tuple(f"blob{i}" for i in range(count)))


@pytest.fixture(scope="session")
def make_blobs() -> Callable[..., Dataset]:
    """A dataset of so many training pictures of that shape; the same at every call."""

    def make(count: int = 192, shape: tuple[int, int, int] = (16, 16, 1)) -> Dataset:
        rng = np.random.default_rng(5)
        return Dataset(
            name="blobs",
            label_names=("none", "square"),
            train=blobs(count, shape, rng),
            val=blobs(8, shape, rng),
            test=blobs(16, shape, rng),
            seed=5,
            synthetic=True,
            note="squares in noise",
        )

    return make


@pytest.fixture(scope="session")
def tiny_recipe() -> Any:
    """Every kind of layer that the recipes use, in a network of a few kilobits."""
    from train.models.binary import BinaryNet, Conv, Pool, Shuffle
    from train.recipes import Augment, Recipe

    net = BinaryNet(
        input_shape=(16, 16, 1),
        planes=4,
        layers=(
            Conv(32, 3, stride=2),
            Conv(64, 3),
            Pool(),
            Conv(64, 3, groups=2),
            Shuffle(2),
            Conv(32, 1),
        ),
    )
    return Recipe(
        name="tiny",
        data="blobs",
        net=net,
        epochs=3,
        batch=16,
        learning_rate=3e-3,
        augment=Augment(flip=True, shift=1, gain=0.2, noise=3.0),
    )
