"""What scenes-wake is compared with, on the same data.

Networks with real weights learn in far fewer epochs than binarized ones: theirs are fewer.
"""

from __future__ import annotations

from typing import Any

from train.models.binary import float_twin
from train.models.mobilenet import mobilenet_v1
from train.recipes.recipe import Recipe
from train.recipes.scenes_wake import AUGMENT, NET

EPOCHS = 6


def mobilenet_96() -> Any:
    return mobilenet_v1((96, 96, 1), width=0.25)


def twin() -> Any:
    return float_twin(NET)


RECIPES = (
    Recipe(
        name="scenes-mobilenet",
        data="scenes",
        net=mobilenet_96,
        epochs=EPOCHS,
        batch=64,
        learning_rate=2e-3,
        augment=AUGMENT,
        source="MobileNetV1 0.25 (arXiv 1704.04861); int8 by TensorFlow Lite after training",
    ),
    Recipe(
        name="scenes-float-twin",
        data="scenes",
        net=twin,
        epochs=EPOCHS,
        batch=64,
        learning_rate=2e-3,
        augment=AUGMENT,
        source="scenes-wake's topology with real weights and ReLU",
    ),
)
