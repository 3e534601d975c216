"""The smallest data and recipe that still have a learned thermometer, bits and batch norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from train.data.dataset import Dataset, Split
from train.models.binary import BinaryNet, Conv
from train.recipes import Augment, Recipe

SHAPE = (8, 8, 1)
NET = BinaryNet(input_shape=SHAPE, planes=2, layers=(Conv(8, 3, stride=2), Conv(16, 3, stride=2)))


def split(count: int, rng: np.random.Generator) -> Split:
    """Dark noise; odd pictures are bright."""
    labels = (np.arange(count) & 1).astype(np.int64)
    images = rng.integers(0, 150, (count, *SHAPE)) + 100 * labels[:, None, None, None]
    return Split(images.astype(np.uint8), labels, tuple(f"p{i}" for i in range(count)))


def dataset(count: int = 32) -> Dataset:
    rng = np.random.default_rng(3)
    return Dataset(
        "bright",
        ("dark", "bright"),
        train=split(count, rng),
        val=split(8, rng),
        test=split(8, rng),
        seed=3,
        synthetic=True,
        note="",
    )


def recipe(**more: Any) -> Recipe:
    fields: dict[str, Any] = {
        "name": "small",
        "data": "bright",
        "net": NET,
        "epochs": 2,
        "batch": 8,
        "learning_rate": 1e-2,
        "augment": Augment(flip=True, shift=1, noise=4.0),
        "source": "a test",
    }
    return Recipe(**{**fields, **more})
