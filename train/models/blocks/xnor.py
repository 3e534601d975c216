"""Blocks of XNOR-Net (arXiv 1603.05279) and XNOR-Net++ (arXiv 1909.13863) on ResNet's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convert.errors import ModelError
from train.backend import keras
from train.fields import check_fields
from train.layers.xnor import InputScale, MeanKernel, SpatialScale
from train.models.blocks.flow import Flow, bconv, norm, real_skip


@dataclass(frozen=True)
class XNOR:
    """norm → sign → 3x3 with scales, twice, plus the input.

    Attributes:
        scale: "computed", XNOR-Net's mean|W| a filter and K a pixel; "weights", without K, as
            implementations for speed have it; "learned", XNOR-Net++'s rank-1 Γ.
    """

    scale: str = "computed"
    bits = False

    def __post_init__(self) -> None:
        check_fields(self, "an XNOR block")
        if self.scale not in ("computed", "weights", "learned"):
            raise ModelError(
                "XNOR has no such scale",
                found=repr(self.scale),
                remedy="one of computed, weights, learned",
            )

    def enter(self, x: Flow, name: str) -> Flow:
        return x

    def _conv(self, x: Flow, channels: int, stride: int, name: str) -> Any:
        if self.scale == "learned":
            y = bconv(x, channels, 3, name, stride=stride)
            start = float(9 * x.channels) ** -0.5  # sums of so many signs then have variance 1
            return SpatialScale(start, name=f"{name}_scale")(y)
        y = bconv(x, channels, 3, name, stride=stride, kernel_quantizer=MeanKernel())
        if self.scale == "weights":
            return y
        k = InputScale(3, stride, name=f"{name}_k")(x.map)
        return keras.layers.Multiply(name=f"{name}_scaled")([y, k])

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow:
        y = x.then(norm(x.map, f"{name}_bn1", x.signs.shift), bits=False)
        y = self._conv(y, channels, stride, f"{name}_conv1")
        y = x.then(norm(y, f"{name}_bn2", x.signs.shift), bits=False)
        y = self._conv(y, channels, 1, f"{name}_conv2")
        skip = real_skip(x, channels, stride, f"{name}_skip")
        return x.then(keras.layers.Add(name=f"{name}_add")([y, skip]), bits=False)
