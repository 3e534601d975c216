"""The ReActNet block (arXiv 2003.03488) on ResNet's shape: Bi-Real with learned thresholds."""

from __future__ import annotations

from dataclasses import dataclass

from train.backend import keras
from train.layers.rprelu import RPReLU
from train.layers.rsign import RSign
from train.layers.xnor import MeanKernel
from train.models.blocks.flow import Flow, bconv, norm, real_skip


@dataclass(frozen=True)
class ReActNet:
    """Twice: RSign → 3x3 → norm, plus the input, RPReLU."""

    bits = False

    def enter(self, x: Flow, name: str) -> Flow:
        return x.then(RPReLU(name=name)(x.map), bits=False)

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow:
        for k, step in ((1, stride), (2, 1)):
            sign = RSign(x.signs.window, name=f"{name}_sign{k}")
            bits = x.then(sign(x.map), bits=True)
            y = bconv(
                bits, channels, 3, f"{name}_conv{k}", stride=step, kernel_quantizer=MeanKernel()
            )
            skip = real_skip(x, channels, step, f"{name}_skip{k}")
            total = keras.layers.Add(name=f"{name}_add{k}")([norm(y, f"{name}_bn{k}"), skip])
            x = x.then(RPReLU(name=f"{name}_act{k}")(total), bits=False)
        return x
