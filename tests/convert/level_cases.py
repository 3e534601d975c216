"""Models that begin with bytes, a thermometer and a binary convolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.ir import Array
from tests.convert import encoder_cases
from tests.convert.cases import filter_bits, thresholds_for
from tests.convert.flat import SAME, Flat


@dataclass(frozen=True)
class First:
    """A first layer. `planes` of the thermometer a channel; `second`: a convolution behind it, of
    3x3 with this stride, 0 for none; `alike`: of a tap's weights, as training leaves them."""

    size: tuple[int, int] = (96, 96)
    in_c: int = 1
    planes: int = 8
    filters: int = 32
    kernel: int = 3
    stride: int = 3
    dilation: int = 1
    padding: int = SAME
    second: int = 0
    alike: float = 0.0


def first_layer(
    one: First,
    rng: np.random.Generator,
    thresholds: Array | None = None,
    limits: Array | None = None,
) -> bytes:
    """The flatbuffer. `limits` of the thermometer [in_c * planes] are between bytes."""
    f = Flat()
    x = f.input("x", (1, *one.size, one.in_c), "float32")
    planes = one.in_c * one.planes
    if limits is None:
        limits = np.tile((np.arange(1, one.planes + 1) * 255 / (one.planes + 1)).round(), one.in_c)
        limits = limits - 0.5
    bits = f.quantize(f.depthwise(x, np.ones((1, 1, 1, planes), np.float32), -limits))
    weights = filter_bits(rng, one.filters, one.kernel, one.kernel, planes)
    if one.alike:
        weights = np.where(rng.random(weights.shape) < one.alike, weights[..., :1], weights)
    if thresholds is None:
        thresholds = thresholds_for(rng, one.filters, weights[0].size)
    y = f.bconv(
        bits, weights, planes, thresholds=thresholds, stride=(one.stride, one.stride),
        dilation=(one.dilation, one.dilation), padding=one.padding,
    )  # fmt: skip
    if one.second:
        more = filter_bits(rng, 32, 3, 3, one.filters)
        thresholds = thresholds_for(rng, 32, more[0].size)
        y = f.bconv(
            y, more, one.filters, thresholds=thresholds, stride=(one.second, one.second),
            padding=SAME,
        )  # fmt: skip
    f.output("y", y)
    return f.finish(encoder_cases.RAW)
