"""The BiNeal block: ResNet's basic block in which every path is binary and no real map remains.

Reconstructed from an article about arXiv 2202.03716 and a third party's reading of it: the skip
always carries a binary convolution, whether it downsamples or not; input and output are one bit;
nothing else stands between blocks. The skip's kernel (1x1) is that reading's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convert.errors import ModelError
from train.fields import check_fields
from train.layers.bineal import ALPHA_SHAPES, OverAdd, OverKernel, OverSign
from train.layers.int4 import Int4Add
from train.models.blocks.flow import Flow, bconv, norm


@dataclass(frozen=True)
class BiNeal:
    """main: 3x3 → norm → sign → 3x3 → norm; skip: binary conv → norm; the sign of their sum.

    The first convolution of each path has the stride.

    Attributes:
        alpha: shape of the weights' α: "N", "NC", "NCKK", or "" for plain signs.
        activations: over-parameterize the signs (τ, b0, b1).
        add: "exact" compares the sum of both branches with a threshold; "int4" rounds and clamps
            each branch to four bits before, as the paper's accelerator stores it.
        skip_kernel: side of the skip's kernel.
    """

    alpha: str = "NC"
    activations: bool = True
    add: str = "exact"
    skip_kernel: int = 1
    bits = True

    def __post_init__(self) -> None:
        check_fields(self, "a BiNeal block")
        good = self.alpha in ("", *ALPHA_SHAPES) and self.add in ("exact", "int4")
        if not good or self.skip_kernel < 1:
            raise ModelError(
                "there is no such BiNeal block",
                found=f"alpha {self.alpha!r}, add {self.add!r}, skip_kernel {self.skip_kernel}",
                remedy=f"alpha: {', '.join(ALPHA_SHAPES)} or ''; add: exact or int4; a kernel of "
                "at least 1",
            )

    def _kernel(self) -> Any:
        return OverKernel(self.alpha) if self.alpha else None

    def enter(self, x: Flow, name: str) -> Flow:
        u = OverSign(self.activations, window=x.signs.window, signed=False, name=name)(x.map)
        return x.signed(u, f"{name}_bits")

    def __call__(self, x: Flow, channels: int, stride: int, name: str) -> Flow:
        a = bconv(x, channels, 3, f"{name}_conv1", stride=stride, kernel_quantizer=self._kernel())
        window, a = x.signs.window, norm(a, f"{name}_bn1", x.signs.shift)
        a = OverSign(self.activations, window=window, name=f"{name}_sign")(a)
        mid = x.then(a, bits=True)
        a = bconv(mid, channels, 3, f"{name}_conv2", kernel_quantizer=self._kernel())
        b = bconv(
            x,
            channels,
            self.skip_kernel,
            f"{name}_skip",
            stride=stride,
            kernel_quantizer=self._kernel(),
        )
        join = OverAdd if self.add == "exact" else Int4Add
        pair = [norm(a, f"{name}_bn2"), norm(b, f"{name}_bn_skip")]
        total = join(self.activations, window=window, signed=False, name=f"{name}_add")(pair)
        return x.signed(total, f"{name}_bits")
