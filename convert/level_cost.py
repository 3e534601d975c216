"""Instructions of a table convolution, predicted from its shape.

As in `convert.planar.cost`, a kernel's parts run a number of times that follows from the shape, and
take so many instructions each on a core. `python -m tests.convert.level_costs` measures and fits
them (QEMU, -O2).
"""

from __future__ import annotations

from convert.lower.levels import BLOCK, Tables
from convert.planar.geometry import ConvShape, plane_words

Terms = dict[str, float]
COST: dict[str, dict[str, float]] = {
    "m4": {
        "rows": 148.06, "pairs": 120.54, "singles": 184.93, "bytes": 24.94,
        "bytes_groups": 26.14, "bytes_taps": 8.29, "pixels": 242.96, "halves": 34.99,
        "adds": 14.92, "edge_taps": 23.29,
    },
    "m3": {
        "rows": 160.07, "pairs": 118.20, "singles": 178.60, "bytes": 29.13,
        "bytes_groups": 17.61, "bytes_taps": 10.13, "pixels": 231.14, "halves": 33.19,
        "adds": 15.56, "edge_taps": 24.41,
    },
    "m55": {
        "rows": 164.92, "pairs": 61.93, "singles": 90.52, "bytes": 19.93, "bytes_groups": 5.48,
        "bytes_taps": 8.79, "pixels": 210.50, "halves": 24.78, "adds": 6.09,
        "edge_taps": 24.88,
    },
    "m0plus": {
        "rows": 179.85, "pairs": 211.30, "singles": 356.57, "bytes": 45.98,
        "bytes_groups": 37.29, "bytes_taps": 9.69, "pixels": 338.51, "halves": 50.82,
        "adds": 28.80, "edge_taps": 34.25,
    },
}  # fmt: skip


# To planes: turning 32 pixels of 32 filters, and a row's pixels that are made in two pieces because
# 32 of them end between; the difference to packed words, measured.
SQUARE = {"m4": (604, 200), "m3": (606, 200), "m55": (468, 200), "m0plus": (1079, 340)}


def terms(shape: ConvShape, made: Tables) -> Terms:
    """How often the parts of `bw_level_conv_u8` run.

    Pixels all of whose taps lie inside the picture, for each block of 32 filters: "pairs" and
    "singles" are those of the forms for 3x3 taps of a gray picture, "bytes" of the one for others,
    with "bytes_groups" and "bytes_taps". "pixels" are those with half-word lanes or beyond the
    edge, with "halves" of eight words, and "adds" of entries; "edge_taps" are looked for.
    """
    s, in_c = shape, len(made.level)
    taps, blocks = s.taps * in_c, -(-s.out_c // BLOCK)
    groups, halves = taps - made.pairs, blocks * made.lanes // 8
    rows = _inside(s.out_h, s.in_h, s.k_h, s.stride_h, s.dilation_h, s.pad_top)
    columns = _inside(s.out_w, s.in_w, s.k_w, s.stride_w, s.dilation_w, s.pad_left)
    edge = s.out_h * s.out_w - rows * columns
    form = _form(s, made)
    fast = rows * columns * blocks if form else 0
    slow = edge if form else s.out_h * s.out_w
    return {
        "rows": s.out_h * (blocks if form else 1),
        "pairs": fast if form == "pairs" else 0,
        "singles": fast if form == "singles" else 0,
        "bytes": fast if form == "bytes" else 0,
        "bytes_groups": fast * groups if form == "bytes" else 0,
        "bytes_taps": fast * taps if form == "bytes" else 0,
        "pixels": slow,
        "halves": slow * halves,
        "adds": slow * halves * groups,
        "edge_taps": edge * taps,
    }


def _form(s: ConvShape, made: Tables) -> str:
    """The kernel's form for pixels inside the picture; "" where it has but one for all."""
    if made.lanes != 8:
        return ""
    nine = (s.k_h, s.k_w, len(made.level), s.dilation_h, s.dilation_w) == (3, 3, 1, 1, 1)
    return {4: "pairs", 0: "singles"}.get(made.pairs, "bytes") if nine else "bytes"


def _inside(made: int, size: int, kernel: int, stride: int, dilation: int, pad: int) -> int:
    """Rows or columns of the output all of whose taps lie inside the picture."""
    reach = (kernel - 1) * dilation
    return sum(0 <= i * stride - pad and i * stride - pad + reach < size for i in range(made))


def instructions(shape: ConvShape, made: Tables, core: str) -> float:
    """Of a table convolution to packed words, on a core of `convert.select.table_of`."""
    table = COST[core]
    return sum(table[name] * count for name, count in terms(shape, made).items())


def turning(shape: ConvShape, core: str) -> float:
    """What planes, not split, take more than packed words."""
    square, piece = SQUARE[core]
    words = plane_words(shape.out_h, shape.out_w)
    return words * (square * -(-shape.out_c // BLOCK) + (piece if shape.out_w % 32 else 0))
