"""The learned tone curve as a picture, beside a linear converter and the usual gamma.

  python -m train.tone runs/NAME [runs/OTHER …] --out FILE.svg

A thermometer's code c(x), the number of thresholds that a byte x reaches, is a monotone curve that
training has bent: the "global tone mapping" of the GLT paper. Divided by its number of planes it
runs from 0 to 1, as a linear converter's x / 255 and a camera's (x / 255)^(1/2.2) do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import BitWakeError, DataError
from train.runfolder import write_json, write_whole

GAMMA = 2.2
COLOURS = ("#b2182b", "#2166ac", "#1b7837", "#762a83", "#b35806", "#35978f")
LINES = ("-", "--", "-.", ":")  # where there are more curves than colours

Curves = dict[str, npt.NDArray[np.int64]]


def curves(model: Any, name: str) -> Curves:
    """Name -> codes [256] of a model's learned or fixed thermometer, one curve a channel.

    Raises:
        DataError: the model has no thermometer.
    """
    found = [layer for layer in model.layers if hasattr(layer, "tone_curve")]
    if not found:
        raise DataError(
            "this network has no thermometer, so no tone curve",
            where=name,
            found="layers " + ", ".join(layer.name for layer in model.layers[:4]),
            remedy="give a run whose encoder is glt, linear or quantile",
        )
    rows = found[0].tone_curve()
    if len(rows) == 1 or (rows == rows[0]).all():
        return {name: rows[0]}
    return {f"{name}, channel {c}": row for c, row in enumerate(rows)}


def kind_of(out: Path) -> str:
    """The kind of picture that a file's name asks for: svg or png.

    Raises:
        DataError: another kind.
    """
    kind = out.suffix.lower().lstrip(".")
    if kind not in ("svg", "png"):
        raise DataError("a plot is written as svg or png", found=str(out), remedy=f"{out}.svg")
    return kind


def draw(found: Mapping[str, npt.NDArray[np.int64]], out: Path) -> None:
    """Write the curves; the kind of picture follows the file's name (svg, png).

    Raises:
        DataError: no such kind of picture.
    """
    import io

    import matplotlib

    kind = kind_of(out)
    matplotlib.use("Agg")
    from matplotlib import pyplot

    x = np.arange(256)
    with matplotlib.rc_context({"svg.hashsalt": "bitwake", "font.size": 9}):
        figure, axes = pyplot.subplots(figsize=(5.2, 4.2))
        axes.plot(x, x / 255, color="0.55", linewidth=1, linestyle="--", label="linear")
        axes.plot(
            x, (x / 255) ** (1 / GAMMA), color="0.2", linewidth=1, linestyle=":",
            label=f"gamma {GAMMA}",
        )  # fmt: skip
        for k, (name, codes) in enumerate(found.items()):
            share = codes / max(1, int(codes[-1]))
            turn, colour = divmod(k, len(COLOURS))
            line = LINES[turn % len(LINES)]
            axes.step(x, share, where="post", color=COLOURS[colour], linestyle=line, label=name)
        axes.set_xlabel("byte of the picture")
        axes.set_ylabel("share of the thermometer's planes")
        axes.set_xlim(0, 255)
        axes.set_ylim(0, 1.02)
        axes.grid(color="0.9")
        axes.legend(loc="lower right", frameon=False)
        figure.tight_layout()
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
        pyplot.close(figure)
    write_whole(out, buffer.getvalue())


def of_runs(folders: Sequence[Path]) -> Curves:
    """The curves of finished runs, named after their recipes and seeds; where two runs share
    these, after their folders too.

    Raises:
        DataError: no finished run, or one without a thermometer.
    """
    from train.card import read_json
    from train.compare import restored

    found: Curves = {}
    records = [read_json(folder / "recipe.json") for folder in folders]
    names = [f"{record.get('name')}, seed {record.get('seed')}" for record in records]
    for folder, record, name in zip(folders, records, names, strict=True):
        told = name if names.count(name) == 1 else f"{name} ({folder})"
        found |= curves(restored(folder, record), told)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m train.tone", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="svg or png")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the curves as numbers")
    args = parser.parse_args(arguments)
    try:
        kind_of(args.out)  # before networks are built
        found = of_runs(args.runs)
        draw(found, args.out)
        if args.json:
            write_json(args.json, {name: codes.tolist() for name, codes in found.items()})
    except BitWakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out}: {', '.join(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
