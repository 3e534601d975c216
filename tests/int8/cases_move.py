"""Random single-operator models of what only rearranges, on int8 and on float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.int8.build import Model, T, const, one_op

Maker = Callable[[Any, int], Model]


def _map(rng: Any, k: int, shape: tuple[int, ...]) -> T:
    """Every fourth model moves floats."""
    if k % 4 == 3:
        return T(shape, "float32")
    return T(shape, "int8", float(rng.uniform(0.01, 1)), int(rng.integers(-128, 128)))


def _like(t: T, shape: tuple[int, ...]) -> T:
    return T(shape, t.dtype, t.scale, t.zero)


def _shape(rng: Any, rank: int, most: int = 6) -> tuple[int, ...]:
    return (1, *(int(v) for v in rng.integers(1, most, rank - 1)))


def pad(rng: Any, k: int) -> Model:
    a = _map(rng, k, _shape(rng, int(rng.integers(2, 5))))
    pads = np.array([[0, 0], *rng.integers(0, 4, (len(a.shape) - 1, 2)).tolist()])
    shape = tuple(int(n + p.sum()) for n, p in zip(a.shape, pads, strict=True))
    return one_op(f"{a} {pads}", "PAD", [a, const(pads)], [_like(a, shape)])


def padv2(rng: Any, k: int) -> Model:
    a = _map(rng, k, _shape(rng, 4))
    pads = np.array([[0, 0], *rng.integers(0, 4, (3, 2)).tolist()])
    shape = tuple(int(n + p.sum()) for n, p in zip(a.shape, pads, strict=True))
    is_float = a.dtype == "float32"
    value = const([1.5] if is_float else [int(rng.integers(-128, 128))], a.dtype, a.scale,
                  zero=a.zero)  # fmt: skip
    return one_op(f"{a} {pads} {value}", "PADV2", [a, const(pads), value], [_like(a, shape)])


def transpose(rng: Any, k: int) -> Model:
    a = _map(rng, k, _shape(rng, int(rng.integers(2, 6))))
    order = [0, *(1 + rng.permutation(len(a.shape) - 1)).tolist()]
    shape = tuple(a.shape[v] for v in order)
    return one_op(f"{a} {order}", "TRANSPOSE", [a, const(order)], [_like(a, shape)])


def concatenation(rng: Any, k: int) -> Model:
    rank = int(rng.integers(2, 5))
    axis = int(rng.integers(1, rank))
    base, parts = _shape(rng, rank), []
    like = _map(rng, k, base)
    for _ in range(int(rng.integers(2, 5))):
        shape = list(base)
        shape[axis] = int(rng.integers(1, 6))
        parts.append(_like(like, tuple(shape)))
    if k % 5 == 0 and like.dtype == "int8":
        data = rng.integers(-128, 128, parts[1].shape)
        parts[1] = T(parts[1].shape, "int8", like.scale, like.zero, data)
    shape = list(base)
    shape[axis] = sum(p.shape[axis] for p in parts)
    given = axis - rank if k % 2 else axis
    return one_op(f"{parts} {given}", "CONCATENATION", list(parts), [_like(like, tuple(shape))],
                  ("ConcatenationOptions", {"axis": given}))  # fmt: skip


def split(rng: Any, k: int) -> Model:
    rank = int(rng.integers(2, 5))
    axis, n = int(rng.integers(1, rank)), int(rng.integers(1, 5))
    shape = list(_shape(rng, rank))
    part = tuple(shape)
    shape[axis] *= n
    a = _map(rng, k, tuple(shape))
    return one_op(f"{a} {axis} {n}", "SPLIT", [const(axis), a], [_like(a, part)] * n,
                  ("SplitOptions", {"numSplits": n}))  # fmt: skip


def strided_slice(rng: Any, k: int) -> Model:
    rank = int(rng.integers(2, 5))
    a = _map(rng, k, _shape(rng, rank, 8))
    masks = {"beginMask": 1, "endMask": 1, "shrinkAxisMask": 0}
    begin, end, step, shape = [0], [0], [1], [1]
    for axis in range(1, rank):
        n, bit = a.shape[axis], 1 << axis
        mode = int(rng.integers(0, 5))
        stride = int(rng.choice([1, 2, -1, -2])) if mode else 1
        b, e = int(rng.integers(-n, n)), int(rng.integers(-n, n + 3))
        if mode == 1:
            masks["beginMask"] |= bit
        if mode == 2 or mode == 4:
            masks["endMask"] |= bit
        if mode == 3:
            masks["shrinkAxisMask"] |= bit
            stride, e = 1, b + 1 if b != -1 else n
        places = range(n)[slice(None if mode == 1 else b, None if mode in (2, 4) else e, stride)]
        if mode != 3 and len(places) == 0:
            masks["beginMask"] |= bit
            masks["endMask"] |= bit
            places = range(n)[::stride]
        begin.append(b)
        end.append(e)
        step.append(stride)
        if mode != 3:
            shape.append(len(places))
    label = f"{a} {begin} {end} {step} {masks}"
    return one_op(label, "STRIDED_SLICE", [a, const(begin), const(end), const(step)],
                  [_like(a, tuple(shape))], ("StridedSliceOptions", masks))  # fmt: skip


def gather(rng: Any, k: int) -> Model:
    rank = int(rng.integers(2, 5))
    a = _map(rng, k, _shape(rng, rank))
    axis = int(rng.integers(1, rank))
    index = rng.integers(0, a.shape[axis], int(rng.integers(1, 9)) if k % 5 else (2, 3))
    shape = (*a.shape[:axis], *index.shape, *a.shape[axis + 1 :])
    given = axis - rank if k % 2 else axis
    return one_op(f"{a} {index} {given}", "GATHER", [a, const(index)], [_like(a, shape)],
                  ("GatherOptions", {"axis": given}))  # fmt: skip


def tile(rng: Any, k: int) -> Model:
    a = _map(rng, k, _shape(rng, int(rng.integers(2, 5)), 4))
    times = [1, *rng.integers(1, 4, len(a.shape) - 1).tolist()]
    shape = tuple(n * t for n, t in zip(a.shape, times, strict=True))
    return one_op(f"{a} {times}", "TILE", [a, const(times)], [_like(a, shape)])


def nearest(rng: Any, k: int) -> Model:
    a = _map(rng, k, _shape(rng, 4, 9))
    sides = tuple(int(v) for v in rng.integers(1, 20, 2))
    mode = (k // 2) % 4
    values = {"alignCorners": mode == 1, "halfPixelCenters": mode == 2}
    out = _like(a, (1, *sides, a.shape[3]))
    return one_op(f"{a} {sides} {values}", "RESIZE_NEAREST_NEIGHBOR", [a, const(sides)], [out],
                  ("ResizeNearestNeighborOptions", values))  # fmt: skip


def depth_to_space(rng: Any, k: int) -> Model:
    _, h, w, c = _shape(rng, 4)
    b = int(rng.integers(1, 4))
    a = _map(rng, k, (1, h, w, c * b * b))
    return one_op(f"{a} {b}", "DEPTH_TO_SPACE", [a], [_like(a, (1, h * b, w * b, c))],
                  ("DepthToSpaceOptions", {"blockSize": b}))  # fmt: skip


def space_to_depth(rng: Any, k: int) -> Model:
    _, h, w, c = _shape(rng, 4)
    b = int(rng.integers(1, 4))
    a = _map(rng, k, (1, h * b, w * b, c))
    return one_op(f"{a} {b}", "SPACE_TO_DEPTH", [a], [_like(a, (1, h, w, c * b * b))],
                  ("SpaceToDepthOptions", {"blockSize": b}))  # fmt: skip


MOVEMENT: dict[str, Maker] = {
    "PAD": pad,
    "PADV2": padv2,
    "TRANSPOSE": transpose,
    "CONCATENATION": concatenation,
    "SPLIT": split,
    "STRIDED_SLICE": strided_slice,
    "GATHER": gather,
    "TILE": tile,
    "RESIZE_NEAREST_NEIGHBOR": nearest,
    "DEPTH_TO_SPACE": depth_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
}
