"""Counts a model apart from any board: BOPs, weight bits, activation bits, systolic cycles.

Works on every .tflite: binary, int8 and float32. Cycles are those of a weight-stationary systolic
array; the model is reconstructed, see docs/analysis.md.

Examples:
  python -m kit analyse scenes-wake
  python -m kit analyse runs/scenes-mobilenet/int8.tflite --array 32x32 --ratio 8 --json -
"""

from __future__ import annotations

import argparse

from kit import console, models
from kit.files import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL, --array, --ratio."""
    parser.add_argument("model", metavar="MODEL", help="a .tflite, or a name in models/")
    parser.add_argument(
        "--array", type=sides, default=(16, 16), metavar="RxC", help="8-bit elements; default 16x16"
    )
    parser.add_argument(
        "--ratio",
        type=float,
        default=16.0,
        help="1-bit elements on the area of an 8-bit one; default 16, an assumption",
    )


def sides(text: str) -> tuple[int, int]:
    """`16x32` -> (16, 32)."""
    rows, _, columns = text.partition("x")
    if not (rows.isdigit() and columns.isdigit()):
        raise argparse.ArgumentTypeError(f"not rows x columns such as 16x16: {text!r}")
    return int(rows), int(columns)


def run(args: argparse.Namespace) -> int:
    """Counts and prints a row a layer."""
    from convert.analysis import Array, analyse

    model = models.find(args.model)
    rows, columns = args.array
    found = analyse(model.path, Array(rows, columns, args.ratio))
    result = {"model": model.name, "model_sha256": model.sha256, **found.as_dict()}
    if args.json:
        write_json(args.json, result)
    cells: list[tuple[object, ...]] = [
        (layer.name, layer.kind, "×".join(map(str, layer.out_shape)), layer.macs, layer.bops,
         layer.weight_bits, layer.activation_bits, layer.cycles)
        for layer in found.layers
    ]  # fmt: skip
    sums = [found.total(name) for name in ("macs", "bops", "weight_bits")]
    cells.append(("all", "", "", *sums, found.activation_bits, found.total("cycles")))
    heads = ("layer", "kind", "output", "#MACs", "#BOPs", "#weight bits", "#activation bits",
             "#cycles")  # fmt: skip
    console.table(model.name, heads, cells)
    high, wide = found.array.sides("binary")
    console.say(
        f"cycles of a weight-stationary array of {rows}×{columns} 8-bit elements, "
        f"or {high}×{wide} 1-bit ones on the same area (reconstructed; the ratio is an assumption)"
    )
    if not found.compiles:
        console.say("this model does not compile: activation bits are the flatbuffer's tensors'")
    return 0
