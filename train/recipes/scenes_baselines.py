"""What scenes-wake is compared with, on the same data.

Same pictures, same number of epochs. `scenes-teacher` is whose answers scenes-wake learns from.
"""

from __future__ import annotations

from typing import Any

from train.models.binary import BinaryNet, Conv, float_twin
from train.models.mobilenet import mobilenet_v1
from train.recipes.recipe import Recipe
from train.recipes.scenes_wake import AUGMENT, EPOCHS, NET

# Wider and deeper than scenes-wake: a teacher costs nothing on the device.
TEACHER = BinaryNet(
    input_shape=(96, 96, 1),
    planes=8,
    layers=(
        Conv(16, 3, stride=2),
        Conv(32, 3, stride=2),
        Conv(64, 3, stride=2),
        Conv(64, 1),
        Conv(128, 3, stride=2, groups=2),
        Conv(128, 1),
        Conv(256, 3, stride=2, groups=4),
        Conv(256, 1),
    ),
)


def mobilenet_96() -> Any:
    return mobilenet_v1((96, 96, 1), width=0.25)


def twin() -> Any:
    return float_twin(NET)


def teacher() -> Any:
    return float_twin(TEACHER)


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
    Recipe(
        name="scenes-teacher",
        data="scenes",
        net=teacher,
        epochs=10,
        batch=64,
        learning_rate=2e-3,
        augment=AUGMENT,
        source="real weights and ReLU; distillation after ReActNet (arXiv 2003.03488)",
    ),
)
