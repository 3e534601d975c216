"""Instructions and bytes of each encoder's kernel on an emulated Cortex-M4: docs/encoders.md.

python -m tests.convert.encoder_costs
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from convert.costs import Model
from tests.convert import encoder_cases
from tests.convert.cases import filter_bits
from tests.convert.flat import SAME, Flat
from tests.convert.test_operators import plain
from tests.int8 import cores

SIDE = 64


def thermometer(planes: int, channels: int = 1) -> bytes:
    """Every encoder that treats pixels alike has the same kernels."""
    f = Flat()
    x = f.input("x", (1, SIDE, SIDE, channels), "float32")
    t = np.tile((np.arange(1, planes + 1) * 255 / (planes + 1)).round() - 0.5, channels)
    ones = np.ones((1, 1, 1, channels * planes), np.float32)
    f.output("bits", f.quantize(f.depthwise(x, ones, -t)))
    return f.finish(encoder_cases.RAW)


def tiles(tile: int, planes: int, together: bool) -> bytes:
    """Thresholds by place; `together` makes channels of the places."""
    limits = np.arange(tile * tile * planes) % 255 - 0.5
    return encoder_cases.tiled(limits, (SIDE, SIDE), tile, together)


def planes(depth: int, stride: int = 1) -> bytes:
    """Bit planes through filters of 3x3."""
    rng = np.random.default_rng(0)
    f = Flat()
    x = f.input("x", (1, SIDE, SIDE, 1), "float32")
    index = encoder_cases.cast(f, x)
    total = None
    for j in range(8):
        bits = f.quantize(
            encoder_cases.look_up(f, np.where(np.arange(256) >> j & 1, 1.0, -1.0), index)
        )
        y = f.bconv(
            bits, filter_bits(rng, depth, 3, 3, 1), 1, stride=(stride, stride), padding=SAME,
            multiplier=np.full(depth, 2.0**j), bias=np.zeros(depth),
        )  # fmt: skip
        total = y if total is None else encoder_cases.add(f, total, y)
    assert total is not None
    y = f.binary("ADD", f.binary("MUL", total, rng.normal(0, 1, depth)), rng.normal(0, 99, depth))
    f.output("bits", f.quantize(y))
    return f.finish(encoder_cases.RAW)


CASES = {
    "any by pixel, gray, 8 planes": thermometer(8),
    "any by pixel, gray, 32 planes": thermometer(32),
    "any by pixel, RGB, 8 planes a channel": thermometer(8, 3),
    "dither, 4x4, 8 planes": tiles(4, 8, together=False),
    "bayer, 8 planes a site": tiles(2, 8, together=True),
    "bitplanes, 8 outputs": planes(8),
    "bitplanes, 8 outputs, stride 2": planes(8, 2),
}


def main() -> None:
    """The table of docs/encoders.md, on standard output."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    models = [plain(content, "m") for content in CASES.values()]
    with tempfile.TemporaryDirectory() as folder:
        sources = cores.write(models, Path(folder))
        sources += sorted((cores.MCU / "kernels").glob("*.c"))
        rows = cores.on_core("m4", Path(folder), sources)
    said = subprocess.run(["arm-none-eabi-gcc", "--version"], capture_output=True, text=True)
    print(f"{SIDE}x{SIDE} pixels, {cores.CORES['m4'].machine}, -O2, {said.stdout.splitlines()[0]}")
    print("| encoder | kernel | instructions | a pixel | tables, bytes | planar, predicted |")
    print("|---|---|---|---|---|---|")
    for name, model, row in zip(CASES, models, rows, strict=True):
        op = model.graph.ops[0]
        planar = Model("cortex-m4").run(model.graph, op, "planar")
        print(
            f"| {name} | `bw_{op.kind}` | {row.instructions:,} | {row.instructions / SIDE**2:.0f} "
            f"| {model.emitted.weights_bytes:,} | {f'{planar:,}' if planar else '-'} |"
        )


if __name__ == "__main__":
    main()
