"""Cycles of a layer on a weight-stationary systolic array.

Reconstructed. BiNeal (arXiv 2202.03716) reports cycles of such an array for 8-bit and 1-bit
networks; its formula, its array and its ratio of areas were not available to us. The formula here
is that of SCALE-Sim (arXiv 1811.02883) for the weight-stationary flow: a tile of R x C weights
takes

    2 R + C + P - 2

cycles: R to load the weights, P to stream the P = H_o W_o positions of the output through, and
R + C - 2 until the last has left. A convolution of K = k_h k_w C_in / groups inputs and
N = C_out / groups filters a group has ceil(K / R) ceil(N / C) tiles a group, one after another.

A 1-bit array has `ratio` times as many elements on the same area: its sides are those of the 8-bit
array times sqrt(ratio). Groups that are small against the array lie side by side on its diagonal
where weights can be 0 (8 bits, float); a 1-bit weight is ±1, so that binary groups take turns.
Elementwise operations, pooling and tables run beside the array and are not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from convert.errors import BitWakeError

# Beyond these a number is a slip of the hand: the cycles would only count the array's own size.
MOST_SIDE, MOST_RATIO = 4096, 1024


@dataclass(frozen=True)
class Array:
    """A systolic array.

    Attributes:
        rows, columns: of 8-bit elements; 1 to 4096.
        ratio: 1-bit elements on the area of one 8-bit element (an assumption: the paper's is not
            known to us); 1 to 1024.
        float_ratio: float32 elements on the area of one 8-bit element (an assumption too).
    """

    rows: int = 16
    columns: int = 16
    ratio: float = 16.0
    float_ratio: float = 0.25

    def __post_init__(self) -> None:
        sides = min(self.rows, self.columns), max(self.rows, self.columns)
        real = 1 <= sides[0] and sides[1] <= MOST_SIDE and 1 <= self.ratio <= MOST_RATIO
        if not (real and 0 < self.float_ratio <= 1):
            raise BitWakeError(
                "there is no such systolic array",
                found=f"{self.rows}x{self.columns}, ratio {self.ratio:g}",
                remedy=f"--array 16x16 --ratio 16; sides are 1 to {MOST_SIDE}, "
                f"the ratio 1 to {MOST_RATIO}",
            )

    def sides(self, kind: str) -> tuple[int, int]:
        """Rows and columns for layers of a kind, "binary", "int8" or "float"; at least 1."""
        factor = math.sqrt({"binary": self.ratio, "int8": 1.0, "float": self.float_ratio}[kind])
        return max(1, int(self.rows * factor)), max(1, int(self.columns * factor))

    def as_dict(self) -> dict[str, float]:
        return dict(self.__dict__)


def cycles(array: Array, kind: str, *, inputs: int, filters: int, groups: int, outputs: int) -> int:
    """Cycles of a convolution or dense layer.

    Args:
        array: the array.
        kind: "binary", "int8" or "float": of its weights.
        inputs: K, products of one output value.
        filters: N, output channels a group.
        groups: how many.
        outputs: P, output positions; 1 for a dense layer.
    """
    rows, columns = array.sides(kind)
    together = 1
    if kind != "binary":
        together = max(1, min(rows // inputs, columns // filters, groups))
    turns = -(-groups // together)
    high, wide = inputs * together, filters * together
    tiles = -(-high // rows) * -(-wide // columns)
    return turns * tiles * (2 * rows + columns + outputs - 2)
