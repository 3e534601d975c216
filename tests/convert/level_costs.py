"""Measures the table convolution on emulated cores and fits its cost table.

python -m tests.convert.level_costs prints what `convert.level_cost.COST` should be, and how far off
the fit is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convert import level_cost
from convert.compile import Compiled
from convert.emit import emit
from convert.ir import Graph
from convert.lower import Context, lower
from convert.lower.levels import (
    KIND,
    Tables,
    codes_of,
    convolution_of,
    level_conv,
    replaced,
    tables,
)
from convert.pixels import scaling_of
from convert.plan import make_plan
from convert.planar.geometry import ConvShape
from convert.tflite_reader import read
from tests.convert.flat import VALID
from tests.convert.level_cases import First, first_layer
from tests.int8 import cores
from tests.planar.fit import fit

BATCH = 24
TABLES = {"m4": "m4", "m3": "m3", "m55": "m55", "m0": "m0plus"}  # core to its table


def lowered(content: bytes) -> Graph:
    """Before any layout is chosen."""
    graph = read(content, name="m")
    made, refusals = lower(graph, Context(scaling_of(graph.metadata)))
    assert not refusals
    return made


def with_pairs(graph: Graph, pairs: int, lanes: int = 8) -> Compiled:
    """The first layer as a table convolution to packed words, with so many pairs of taps."""
    encoder = next(op for op in graph.ops if op.kind == "encode_u8")
    conv = convolution_of(graph, encoder)
    assert conv is not None
    codes = codes_of(graph, encoder, conv)
    assert codes is not None
    made = tables(codes, pairs, (lanes,))
    assert made is not None
    made = replaced(graph, encoder, level_conv(graph, encoder, conv, made))
    plan = make_plan(made)
    return Compiled(made, plan, emit(made, plan, ""), "")


def shape_of(whole: Compiled) -> tuple[ConvShape, Tables]:
    """Of its table convolution."""
    (op,) = (op for op in whole.graph.ops if op.kind.endswith(KIND))
    return op.attrs["shape"], op.attrs["tables"]


def spread() -> Iterator[tuple[First, int, int]]:
    """Layers, pairs of taps and bits of a lane."""
    for size in ((96, 96), (48, 40), (20, 24)):
        for stride in (1, 2, 3):
            for pairs in (0, 2, 4):
                yield First(size, stride=stride), pairs, 8
    for planes, pairs in ((4, 4), (16, 0), (16, 1), (31, 0)):
        yield First((48, 48), planes=planes, stride=2), pairs, 8
    for filters in (8, 48, 64):
        for pairs in (0, 3, 4):
            yield First((48, 48), filters=filters, stride=2), pairs, 8
    for kernel in (1, 2, 5):
        for pairs in (0, kernel * kernel // 4, kernel * kernel // 3):
            yield First((32, 40), kernel=kernel, planes=4), pairs, 8
            yield First((32, 40), kernel=kernel, planes=4, padding=VALID), pairs, 8
    for pairs in (0, 4, 13):
        yield First((32, 32), in_c=3, planes=3, stride=2), pairs, 8
        yield First((32, 32), in_c=3, planes=3, stride=2, padding=VALID), pairs, 8
    for filters in (32, 64):
        for pairs in (0, 4):
            yield First((30, 30), filters=filters, padding=VALID), pairs, 16
            yield First((30, 30), filters=filters, stride=1), pairs, 16


def measured(core: str, models: list[Compiled]) -> list[int]:
    """Instructions of each, in programs that fit a board's flash."""
    found: list[int] = []
    for first in range(0, len(models), BATCH):
        with tempfile.TemporaryDirectory() as folder:
            sources = cores.write(models[first : first + BATCH], Path(folder), binary=True)
            found += [run.instructions for run in cores.on_core(core, Path(folder), sources)]
    return found


def main() -> None:
    """Prints the table."""
    models = [
        with_pairs(lowered(first_layer(one, np.random.default_rng(0))), pairs, lanes)
        for one, pairs, lanes in spread()
    ]
    rows = [(None, level_cost.terms(*shape_of(whole))) for whole in models]
    print("COST: dict[str, dict[str, float]] = {")
    for core, name in TABLES.items():
        found, error = fit(rows, measured(core, models))
        parts = ", ".join(f'"{part}": {value:.2f}' for part, value in found.items())
        print(f'    "{name}": {{{parts}}},  # error at most {100 * error:.1f} %')
    print("}")


if __name__ == "__main__":
    main()
