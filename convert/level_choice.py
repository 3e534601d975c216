"""Whether a first layer becomes a table convolution, and with how many pairs of taps.

A table convolution saves instructions and costs flash. Of the forms whose tables take at most
MOST_BYTES that one is taken that is cheapest when a byte of tables counts as an instruction of a
picture, and against other kernels it is weighed so too. Nine taps and 32 filters behind a
thermometer of 8 planes take 2,592 bytes, as four pairs 8,064 more, which on the Cortex-M4 save 64
instructions a pixel: they pay from 126 pixels on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from convert.costs import Model
from convert.ir import Graph, Op
from convert.layout import PACKED
from convert.lower.levels import (
    KIND,
    LANES,
    MOST_BYTES,
    Codes,
    Tables,
    codes_of,
    convolution_of,
    level_conv,
    replaced,
    table_bytes,
    tables,
)  # fmt: skip
from convert.select import saturates

TABLE = "table"  # the layout's name in options
Pairs = Mapping[str, tuple[Op, Op]]  # by name: an encoder, and the operation for it and its reader
BYTE = 1  # instructions of a picture that a byte of tables must save


def _forms(codes: Codes, core: str) -> Iterator[Tables]:
    """Tables with none, one, two ... pairs of taps, within the bound on flash."""
    filters = codes.delta.shape[2]
    for pairs in range(codes.taps // 2 + 1):
        if table_bytes(codes.levels, codes.taps, pairs, filters, LANES[0]) > MOST_BYTES:
            return
        made = tables(codes, pairs, saturating=saturates(core))
        if made is not None and made.words.nbytes <= MOST_BYTES:
            yield made


def operation(graph: Graph, encoder: Op, core: str) -> Op | None:
    """The table convolution for an encoder and its reader; None where the kernel does not take
    them or the tables are too large."""
    conv = convolution_of(graph, encoder)
    codes = codes_of(graph, encoder, conv) if conv is not None else None
    if conv is None or codes is None:
        return None
    model = Model(core)
    forms = (level_conv(graph, encoder, conv, made) for made in _forms(codes, core))
    return min(forms, key=lambda op: (model.run(graph, op, PACKED) or 0) + weight(op), default=None)


def weight(op: Op) -> int:
    """What an operation's tables in flash count for, in instructions."""
    return BYTE * int(op.attrs["tables"].words.nbytes) if op.kind == KIND else 0


def possible(graph: Graph, core: str) -> Pairs:
    """Every table convolution that the kernel and flash allow, by the convolution's name."""
    found = {}
    for encoder in graph.ops:
        one = operation(graph, encoder, core)
        if one is not None:
            found[one.name] = (encoder, one)
    return found


def with_tables(graph: Graph, pairs: Pairs) -> Graph:
    """The graph with those table convolutions."""
    for encoder, one in pairs.values():
        graph = replaced(graph, encoder, one)
    return graph
