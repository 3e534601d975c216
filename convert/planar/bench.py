"""The layers that micro-benchmarks of the binary kernels show, by name."""

from __future__ import annotations

from convert.planar.geometry import ConvShape


def _same(n: int, c: int, k: int, groups: int = 1) -> ConvShape:
    """c channels to c channels over all groups, n × n pixels to as many."""
    part = c // groups
    return ConvShape(n, n, part, n, n, part, k, k, groups, pad_top=k // 2, pad_left=k // 2)


# Maps on which pixels fill the lanes, and small ones on which outputs do.
PLANAR: dict[str, ConvShape] = {
    **{f"3x3 64 {n}x{n}": _same(n, 64, 3) for n in (8, 12, 16, 24, 48)},
    **{f"3x3 128 {n}x{n}": _same(n, 128, 3) for n in (8, 12, 16)},
    **{f"1x1 128 {n}x{n}": _same(n, 128, 1) for n in (8, 16)},
    **{f"3x3 2 groups of 32 {n}x{n}": _same(n, 64, 3, 2) for n in (16, 24)},
    "3x3 4 groups of 32 8x8": _same(8, 128, 3, 4),
    "3x3 8 to 32, stride 2, 96x96": ConvShape(
        96, 96, 8, 48, 48, 32, stride_h=2, stride_w=2, pad_top=0, pad_left=0
    ),
}
LANES: dict[str, ConvShape] = {
    **{f"3x3 {c} {n}x{n}": _same(n, c, 3) for n, c in ((3, 256), (6, 128), (8, 64))},
    **{f"1x1 {c} {n}x{n}": _same(n, c, 1) for n, c in ((3, 256), (6, 128))},
}
# Two branches of one map whose sum is compared with a limit: a 3x3 and the skip's 1x1.
PAIRS: dict[str, tuple[ConvShape, ConvShape]] = {
    f"3x3 and 1x1 {c} {n}x{n}": (_same(n, c, 3), _same(n, c, 1))
    for n, c in ((8, 128), (12, 64), (24, 32))
}
# First layers and channels of the picture: planes of a thermometer that a table convolution never
# makes.
TABLES: dict[str, tuple[ConvShape, int]] = {
    "3x3 8 to 32, stride 3, 96x96": (
        ConvShape(96, 96, 8, 32, 32, 32, stride_h=3, stride_w=3, pad_top=0, pad_left=0), 1
    ),
    "3x3 16 to 32, stride 2, 32x32": (
        ConvShape(32, 32, 16, 16, 16, 32, stride_h=2, stride_w=2, pad_top=0, pad_left=0), 1
    ),
    "3x3 RGB of 8 to 32, stride 2, 64x64": (
        ConvShape(64, 64, 24, 32, 32, 32, stride_h=2, stride_w=2, pad_top=0, pad_left=0), 3
    ),
}  # fmt: skip
