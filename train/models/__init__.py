"""Networks: the binary family of the recipes, its float twin, and MobileNetV1 for comparison."""

from train.models.binary import BinaryNet, Conv, Pool, Shuffle, build, count, float_twin
from train.models.mobilenet import mobilenet_v1

__all__ = [
    "BinaryNet",
    "Conv",
    "Pool",
    "Shuffle",
    "build",
    "count",
    "float_twin",
    "mobilenet_v1",
]
