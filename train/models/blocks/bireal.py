"""The Bi-Real block (arXiv 1808.00278): a real skip around every binary convolution."""

from __future__ import annotations

from dataclasses import dataclass

from train.backend import keras
from train.layers.xnor import MeanKernel
from train.models.blocks.flow import Flow, bconv, norm, real_skip


@dataclass(frozen=True)
class BiReal:
    """Twice: sign → 3x3 → norm, plus the input.

    The skip of a downsampling block averages and repeats channels, as ReActNet's; Bi-Real's own
    real 1x1 convolution there would be a float convolution on the device.
    """

    bits = False

    def enter(self, x: Flow, name: str) -> Flow:
        return x

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow:
        for k, step in ((1, stride), (2, 1)):
            y = bconv(x, channels, 3, f"{name}_conv{k}", stride=step, kernel_quantizer=MeanKernel())
            skip = real_skip(x, channels, step, f"{name}_skip{k}")
            total = keras.layers.Add(name=f"{name}_add{k}")([norm(y, f"{name}_bn{k}"), skip])
            x = x.then(total, bits=False)
        return x
