"""A second opinion on the calls of a stream: one plane of every window replayed bit by bit.

It knows the layers and the numbers that go into the descriptors, not the schedule they came from.
For every bit of a window it keeps the row of the map that lies there. A call must find whole rows
where its descriptor says that they lie, its padding must put every tap on the row that the layer
reads in the whole map, and what it writes must come next. No live row can be overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from convert.ir import Array
from convert.stream.check import ScheduleError

if TYPE_CHECKING:
    from convert.lower.chain import Link
    from convert.lower.stream import StreamCall

NOTHING = -1


def _whole(link: Link) -> Array:
    """Rows of a map that lies there as a whole."""
    return np.repeat(np.arange(link.out.shape[1]), link.width)


class _Replay:
    """What lies where, after some calls."""

    def __init__(self, links: Sequence[Link], bits: Mapping[int, int]) -> None:
        self.links = links
        self.held = {number: np.full(n, NOTHING) for number, n in bits.items()}
        self.made = [0] * len(links)
        self.split: tuple[int, int] = (0, 0)  # first row and rows of the map that was split last
        source = self.held.get(-1)
        if source is not None:
            whole = _whole(links[0])
            source[: len(whole)] = whole

    def read(self, call: StreamCall, origin: int, count: int) -> int:
        """The first of `count` rows that a window holds from a bit on."""
        before = self.links[call.layer - 1]
        assert call.read is not None
        found = self.held[call.read[0]][origin : origin + count * before.width]
        first = int(found[0]) if len(found) else NOTHING
        wanted = np.repeat(np.arange(first, first + count), before.width)
        if first == NOTHING or not np.array_equal(found, wanted):
            raise ScheduleError(f"{call}: rows do not lie at bit {origin}")
        return first

    def taps(
        self, call: StreamCall, rows: tuple[int, int], kernel: tuple[int, int, int],
        fields: Mapping[str, int],
    ) -> None:  # fmt: skip
        """Every tap inside the map is on its row, every other one outside what is read.

        Args:
            rows: first row that is read, and how many there are.
            kernel: taps, stride and padding of the layer on the whole map.
            fields: numbers of the call, or of one branch of it.
        """
        step = self.links[call.layer - 1].step
        taps, stride, before = kernel
        height, (first, count) = self.height(call.layer), rows
        for y in range(fields["out_h"]):
            for tap in range(taps):
                whole = (self.made[call.layer] + y) * stride - before + tap
                here = y * stride - fields["pad_top"] + tap
                inside, real = 0 <= here < count * step, 0 <= whole < height
                # Rows that the last phases lack have bits 0, as padding has.
                lacking = inside and whole >= height
                if first * step + here != whole or (inside != real and not lacking):
                    raise ScheduleError(f"{call}: tap {tap} of row {y} is on row {whole}")

    def height(self, layer: int) -> int:
        """Rows of the unsplit map that a layer reads."""
        shapes = list(self.links[layer].shapes.values())
        return int(shapes[0].in_h if shapes else self.links[layer - 1].out.shape[1])

    def write(self, call: StreamCall, rows: int) -> None:
        """The next rows, at a word; the rest of their last word is lost."""
        link, first = self.links[call.layer], self.made[call.layer]
        bits, at = self.held[call.write[0]], 8 * call.write[1]
        end = at + rows * link.width
        if call.write[0] < 0 or at % 32 or end > len(bits) or first + rows > link.out.shape[1]:
            raise ScheduleError(f"{call}: rows {first}..{first + rows} do not fit")
        bits[at:end] = np.repeat(np.arange(first, first + rows), link.width)
        bits[end : -(-end // 32) * 32] = NOTHING
        self.made[call.layer] += rows

    def level(self, call: StreamCall) -> None:
        """Rows of a table convolution: every tap is on its row of the picture."""
        s, fields, (first, count) = self.links[0].op.attrs["shape"], call.fields, call.rows
        done = self.made[0] * self.links[0].step
        for y in range(fields["out_h"]):
            for tap in range(s.k_h):
                whole = (done + y) * s.stride_h - s.pad_top + tap * s.dilation_h
                here = y * s.stride_h - fields["pad_top"] + tap * s.dilation_h
                inside = 0 <= here < fields["in_h"] == count
                if first + here != whole or inside != (0 <= whole < s.in_h):
                    raise ScheduleError(f"{call}: tap {tap} of row {y} is on row {whole}")
        self.write(call, -(-fields["out_h"] // self.links[0].step))

    def slide(self, call: StreamCall) -> None:
        """Kept rows elsewhere in their window."""
        begin, to, n = (call.fields[name] for name in ("from", "to", "bits"))
        bits = self.held[call.write[0]]
        if (
            min(call.write) < 0
            or call.write[1] > 0
            or begin + n > len(bits)
            or to + n > len(bits)
            or (to + n) % 32
        ):
            raise ScheduleError(f"{call}: beyond its window")
        bits[to : to + n] = bits[begin : begin + n].copy()
        bits[to // 32 * 32 : to] = NOTHING

    def layer(self, call: StreamCall) -> None:
        """A convolution, a pair or a pooling."""
        link, fields = self.links[call.layer], dict(call.fields)
        kernels = {n: (s.k_h, s.stride_h, s.pad_top) for n, s in link.shapes.items()}
        if not kernels:
            a = link.op.attrs
            kernels = {"": (a["k_h"], a["stride_h"], a["pad_top"])}
        rows = self.split
        for name, kernel in kernels.items():
            branch = {k.removeprefix(name): v for k, v in fields.items() if k.startswith(name)}
            if link.split is None:
                count = branch["in_h"]
                rows = (self.read(call, branch["in_origin"], count), count)
            elif branch["in_origin"] or branch["in_h"] != -(-rows[1] // kernel[1]):
                raise ScheduleError(f"{call}: not the phases that were made")
            self.taps(call, rows, kernel, branch)
        self.write(call, branch["out_h"])


def check_calls(
    links: Sequence[Link], calls: Sequence[StreamCall], bits: Mapping[int, int]
) -> None:
    """Replay all calls.

    Args:
        links: the chain.
        bits: of a plane of each window, by the number that calls name it by; -1 is the map that
            the chain begins at.

    Raises:
        ScheduleError: naming the call.
    """
    replay = _Replay(links, bits)
    for call in calls:
        if call.kind == "slide":
            replay.slide(call)
        elif call.kind == "encode":
            replay.write(call, -(-call.fields["h"] // links[0].step))
        elif call.kind == "level":
            replay.level(call)
        elif call.kind == "split":
            count = call.fields["in_h"]
            replay.split = (replay.read(call, call.fields["in_origin"], count), count)
        else:
            replay.layer(call)
    whole = _whole(links[-1])
    if not np.array_equal(replay.held[0][: len(whole)], whole):
        raise ScheduleError("the last map is not whole")
