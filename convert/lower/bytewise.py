"""What element-wise operators make of all 256 bytes, with the interpreter's arithmetic.

A picture of one tile, T x T pixels, is put through the operators 256 times, every sample being the
same byte each time. Beside the numbers goes, for each of them, which sample of the tile it was made
from. An operator that would join two samples is none of ours. Where constants repeat every T pixels
and nothing moves further than within a tile, the whole map repeats the tile.

float32 throughout, one rounding an operation. A multiplication that an interpreter's kernel may
contract with the addition behind it is also computed contracted: see `Values`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convert.ir import Array, Graph, Op, Tensor


class ForeignError(Exception):
    """An operator, or a form of it, that is no part of an input encoder."""


@dataclass(frozen=True)
class Values:
    """A map over one tile for every byte.

    Attributes:
        plain: [256, h, w, …]: one rounding an operation.
        contracted: the same with products and sums contracted where a kernel may do so.
        source: int [h, w, …]: the sample of the tile, (row * T + column) * channels + channel.
    """

    plain: Array
    contracted: Array
    source: Array

    def each(self, step: Callable[[Array], Array]) -> Values:
        """An element-wise function of both."""
        return Values(step(self.plain), step(self.contracted), self.source)

    def moved(self, step: Callable[[Array], Array]) -> Values:
        """A movement within the tile; `step` takes [n, h, w, …]."""
        return Values(step(self.plain), step(self.contracted), step(self.source[None])[0])


def tile_of(reals: Array, tile: int, channels: int) -> Values:
    """The input: `reals` [256] is what the model's input holds for every byte."""
    shape = (len(reals), tile, tile, channels)
    column = np.broadcast_to(reals.reshape(-1, 1, 1, 1), shape).copy()
    return Values(column, column, np.arange(tile * tile * channels).reshape(shape[1:]))


def activated(v: Values, op: Op) -> Values:
    """With the operator's fused activation."""
    code = int(op.attrs.get("activation", 0))
    if code == 0:
        return v
    low, high = {1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}[code]
    return v.each(lambda x: np.clip(x, np.float32(low), np.float32(high)).astype(x.dtype))


def _tile_of_constant(t: Tensor, like: Values, tile: int, sides: tuple[int, int]) -> Array:
    """A constant of the operands of [1, H, W, …], cut down to a tile.

    Raises:
        ForeignError: it does not repeat, or does not fit.
    """
    assert t.data is not None
    data = t.data
    rank = like.plain.ndim
    if data.ndim > rank:
        raise ForeignError
    data = data.reshape((1,) * (rank - data.ndim) + data.shape)
    if data.shape[0] != 1:
        raise ForeignError
    for axis in (1, 2):
        side, mine = data.shape[axis], like.plain.shape[axis]
        if side == 1:
            continue
        first = np.take(data, range(min(mine, side)), axis=axis)
        if side != sides[axis - 1] or side % mine:
            raise ForeignError
        reps = [1] * rank
        reps[axis] = side // mine
        if not np.array_equal(np.tile(first, reps), data):
            raise ForeignError
        data = first
    shapes = np.broadcast_shapes(data.shape[1:], like.plain.shape[1:])
    if shapes != like.plain.shape[1:]:
        raise ForeignError
    return data


_PAIRS: dict[str, Callable[[Array, Array], Array]] = {
    "ADD": lambda a, b: a + b,
    "SUB": lambda a, b: a - b,
    "MUL": lambda a, b: a * b,
    "DIV": lambda a, b: a / b,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
    "FLOOR_DIV": lambda a, b: np.floor(a / b) if a.dtype == np.float32 else a // b,
    "FLOOR_MOD": np.mod,
}
_UNARY: dict[str, Callable[[Array], Array]] = {
    "ABS": np.abs,
    "NEG": np.negative,
    "FLOOR": np.floor,
    "RELU": lambda x: np.maximum(x, x.dtype.type(0)),
    "RELU6": lambda x: np.clip(x, x.dtype.type(0), x.dtype.type(6)),
    "RELU_N1_TO_1": lambda x: np.clip(x, x.dtype.type(-1), x.dtype.type(1)),
}


@dataclass
class Evaluator:
    """One walk through an encoder's operators.

    Attributes:
        graph: that holds them.
        tile: side of the tile of input pixels.
        known: values by tensor's name.
    """

    graph: Graph
    tile: int
    known: dict[str, Values]

    def run(self, op: Op) -> Values:
        """The operator's output.

        Raises:
            ForeignError: this form of it is no part of an encoder.
        """
        if op.kind in _PAIRS:
            made = activated(self._pair(op), op)
        elif op.kind in _UNARY:
            made = self._only(op).each(_UNARY[op.kind])
        elif op.kind in _STEPS:
            made = _STEPS[op.kind](self, op)
        else:
            raise ForeignError
        out = self.graph.tensor(op.outputs[0])
        if (
            out.dtype != str(made.plain.dtype)
            or made.plain.ndim != len(out.shape)
            or made.plain.shape[3:] != out.shape[3:]
        ):
            raise ForeignError  # a damaged file
        self.known[out.name] = made
        return made

    def _value(self, name: str | None) -> Values:
        if name is None or name not in self.known:
            raise ForeignError
        return self.known[name]

    def _only(self, op: Op) -> Values:
        return self._value(op.inputs[0])

    def _constant(self, op: Op, k: int) -> Array:
        name = op.inputs[k] if k < len(op.inputs) else None
        data = self.graph.tensors[name].data if name is not None else None
        if data is None:
            raise ForeignError
        return data

    def _pair(self, op: Op) -> Values:
        """Two operands: a constant, or two that come from the same samples."""
        step = _PAIRS[op.kind]
        names = op.inputs[:2]
        if len(names) < 2:
            raise ForeignError
        tensors = [self.graph.tensor(n) for n in names]
        constant = [k for k in (0, 1) if tensors[k].data is not None]
        if not constant:
            a, b = (self._value(n) for n in names)
            if a.source.shape != b.source.shape or not np.array_equal(a.source, b.source):
                raise ForeignError
            plain = step(a.plain, b.plain).astype(a.plain.dtype)
            contracted = step(a.contracted, b.contracted).astype(a.plain.dtype)
            return Values(plain, contracted, a.source)
        k = constant[0]
        v = self._value(names[1 - k])
        if len(constant) == 2 or tensors[k].dtype != str(v.plain.dtype):
            raise ForeignError
        shape = self.graph.tensor(names[1 - k]).shape
        c = _tile_of_constant(tensors[k], v, self.tile, (shape[1], shape[2]))
        return v.each(lambda x: (step(c, x) if k == 0 else step(x, c)).astype(x.dtype))

    def depthwise(self, op: Op) -> Values:
        """A 1x1 depthwise convolution: a multiplication and an addition a channel."""
        v = self._only(op)
        w = self._constant(op, 1)
        if w.ndim != 4 or w.shape[:3] != (1, 1, 1) or w.dtype != np.float32:
            raise ForeignError
        if op.attrs["stride_h"] != 1 or op.attrs["stride_w"] != 1:
            raise ForeignError
        out, repeat = w.shape[3], w.shape[3] // max(1, v.plain.shape[-1])
        if v.plain.ndim != 4 or repeat * v.plain.shape[-1] != out:
            raise ForeignError
        weights, bias = w.reshape(out), np.zeros(out, np.float32)
        if len(op.inputs) > 2 and op.inputs[2] is not None:
            bias = self._constant(op, 2).reshape(out)
        x, z = np.repeat(v.plain, repeat, -1), np.repeat(v.contracted, repeat, -1)
        plain = ((x * weights).astype(np.float32) + bias).astype(np.float32)
        exact = z.astype(np.float64) * weights.astype(np.float64) + bias.astype(np.float64)
        made = Values(plain, exact.astype(np.float32), np.repeat(v.source, repeat, -1))
        return activated(made, op)

    def cast(self, op: Op) -> Values:
        """float32 to int32, cut towards zero, and back."""
        kind = self.graph.tensor(op.outputs[0]).dtype
        v = self._only(op)
        if kind not in ("float32", "int32") or not np.isfinite(v.plain).all():
            raise ForeignError
        if np.abs(v.plain).max() >= 2**31 or not np.array_equal(
            np.trunc(v.plain), np.trunc(v.contracted)
        ):
            raise ForeignError
        return v.each(lambda x: np.trunc(x).astype(kind))

    def gather(self, op: Op) -> Values:
        """Rows of a constant table by index, or other channels of a map."""
        axis, batch = int(op.attrs.get("axis", 0)), int(op.attrs.get("batch_dims", 0))
        table = self.graph.tensor(op.inputs[0]).data
        if batch != 0:
            raise ForeignError
        if table is None:
            v, index = self._only(op), self._constant(op, 1)
            rank, last = v.plain.ndim, v.plain.shape[-1]
            if axis not in (-1, rank - 1) or index.ndim != 1 or rank < 4:
                raise ForeignError
            if index.dtype.kind != "i" or index.min() < 0 or index.max() >= last:
                raise ForeignError
            return v.moved(lambda x: np.take(x, index, axis=-1))
        v = self._value(op.inputs[1])
        if axis not in (0, -table.ndim) or table.ndim < 1 or table.dtype != np.float32:
            raise ForeignError
        if v.plain.dtype != np.int32 or v.plain.min() < 0 or v.plain.max() >= len(table):
            raise ForeignError
        row = table.shape[1:]
        source = np.broadcast_to(v.source.reshape(v.source.shape + (1,) * len(row)),
                                 (*v.source.shape, *row))  # fmt: skip
        return Values(table[v.plain], table[v.contracted], source)

    def reshape(self, op: Op) -> Values:
        """Of what stands behind rows and columns."""
        a, out = self.graph.tensor(op.inputs[0]), self.graph.tensor(op.outputs[0])
        v = self._only(op)
        if len(out.shape) < 4 or len(a.shape) < 3 or out.shape[:3] != a.shape[:3]:
            raise ForeignError
        return v.moved(lambda x: x.reshape(*x.shape[:3], *out.shape[3:]))

    def concatenation(self, op: Op) -> Values:
        """Channels of several maps, one behind the other."""
        parts = [self._value(n) for n in op.inputs]
        rank = parts[0].plain.ndim
        if int(op.attrs.get("axis", 0)) not in (-1, rank - 1) or op.attrs.get("activation", 0):
            raise ForeignError
        return Values(
            np.concatenate([p.plain for p in parts], -1),
            np.concatenate([p.contracted for p in parts], -1),
            np.concatenate([p.source for p in parts], -1),
        )

    def strided_slice(self, op: Op) -> Values:
        """Of channels; rows and columns whole."""
        shape = self.graph.tensor(op.inputs[0]).shape
        begin, end, step = (self._constant(op, k).reshape(-1) for k in (1, 2, 3))
        other = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "offset")
        if any(int(op.attrs.get(k, 0)) for k in other) or not (
            len(begin) == len(end) == len(step) == len(shape) >= 4
        ):
            raise ForeignError
        whole = []
        for k, size in enumerate(shape):
            first = None if int(op.attrs["begin_mask"]) >> k & 1 else int(begin[k])
            last = None if int(op.attrs["end_mask"]) >> k & 1 else int(end[k])
            whole.append(range(size)[slice(first, last, int(step[k]))])
        if any(whole[k] != range(shape[k]) for k in range(len(shape) - 1)) or not whole[-1]:
            raise ForeignError
        return self._only(op).moved(lambda x: np.take(x, list(whole[-1]), axis=-1))

    def _blocks(self, op: Op) -> tuple[Values, int]:
        v, b = self._only(op), int(op.attrs["block_size"])
        if v.plain.ndim != 4 or b < 1:
            raise ForeignError
        return v, b

    def space_to_depth(self, op: Op) -> Values:
        """Tiles of b x b pixels become channels."""
        v, b = self._blocks(op)
        if v.plain.shape[1] % b or v.plain.shape[2] % b:
            raise ForeignError  # a larger tile is needed

        def step(x: Array) -> Array:
            n, h, w, c = x.shape
            parts = x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
            return parts.reshape(n, h // b, w // b, b * b * c)

        return v.moved(step)

    def depth_to_space(self, op: Op) -> Values:
        """Channels become tiles of b x b pixels."""
        v, b = self._blocks(op)
        if v.plain.shape[3] % (b * b):
            raise ForeignError

        def step(x: Array) -> Array:
            n, h, w, c = x.shape
            parts = x.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5)
            return parts.reshape(n, h * b, w * b, c // (b * b))

        return v.moved(step)


_STEPS: dict[str, Callable[[Evaluator, Op], Values]] = {
    "DEPTHWISE_CONV_2D": Evaluator.depthwise,
    "CAST": Evaluator.cast,
    "GATHER": Evaluator.gather,
    "RESHAPE": Evaluator.reshape,
    "CONCATENATION": Evaluator.concatenation,
    "STRIDED_SLICE": Evaluator.strided_slice,
    "SPACE_TO_DEPTH": Evaluator.space_to_depth,
    "DEPTH_TO_SPACE": Evaluator.depth_to_space,
}

KINDS = frozenset({*_PAIRS, *_UNARY, *_STEPS})
