"""Padding arithmetic of TensorFlow's SAME and VALID."""

from __future__ import annotations

SAME, VALID = 0, 1


def padded(size: int, out: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """Rows or columns before and behind the map."""
    if padding == VALID:
        return 0
    effective = (kernel - 1) * dilation + 1
    return max(0, (out - 1) * stride + effective - size)


def pad_before(size: int, out: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """Rows or columns before the map. SAME splits an odd total with the larger half behind."""
    return padded(size, out, kernel, stride, dilation, padding) // 2


def out_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    effective = (kernel - 1) * dilation + 1
    if padding == SAME:
        return -(-size // stride)
    return (size - effective) // stride + 1
