"""Instructions of a table convolution, predicted from its shape.

As in `convert.planar.cost`, a kernel's parts run a number of times that follows from the shape, and
take so many instructions each on a core. `python -m tests.convert.level_costs` measures and fits
them (QEMU, -O2).
"""

from __future__ import annotations

from convert.lower.levels import BLOCK, Tables
from convert.planar.geometry import ConvShape

Terms = dict[str, float]
COST: dict[str, dict[str, float]] = {
    "m4": {
        "rows": 129.88, "pairs": 120.70, "singles": 185.07, "bytes": 25.53,
        "bytes_groups": 26.29, "bytes_taps": 8.06, "pixels": 241.04, "halves": 35.00,
        "adds": 14.99, "edge_taps": 32.76,
    },
    "m3": {
        "rows": 144.40, "pairs": 118.36, "singles": 178.75, "bytes": 29.71,
        "bytes_groups": 17.71, "bytes_taps": 9.94, "pixels": 229.73, "halves": 33.17,
        "adds": 15.61, "edge_taps": 32.77,
    },
    "m55": {
        "rows": 150.95, "pairs": 62.09, "singles": 90.67, "bytes": 20.36, "bytes_groups": 5.51,
        "bytes_taps": 8.69, "pixels": 208.25, "halves": 24.88, "adds": 6.15,
        "edge_taps": 32.97,
    },
    "m0plus": {
        "rows": 173.42, "pairs": 211.85, "singles": 357.20, "bytes": 46.78,
        "bytes_groups": 37.51, "bytes_taps": 9.35, "pixels": 341.50, "halves": 50.43,
        "adds": 28.75, "edge_taps": 50.89,
    },
}  # fmt: skip


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
