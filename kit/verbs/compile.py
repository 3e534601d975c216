"""Compiles a .tflite into C, or says layer by layer why it cannot be.

Exit status 0: compiled. 2: refused, with every reason; nothing is written then.

Examples:
  python -m kit compile models/faces-wake/model.tflite --out build/c
  python -m kit compile my.tflite --out build/c --json report.json
  python -m kit compile my.tflite --dump
  python -m kit compile scenes-wake --max-ram 12000 --rows
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from convert.arrange import Arranged, Options
from convert.errors import ModelError
from convert.layout import PLANAR
from convert.level_choice import TABLE
from convert.select import CORES
from kit import console, models
from kit.files import ROOT, shown, write_json
from kit.verbs import shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL, --out, --name, --dump, --core, --layout, --max-ram, --rows."""
    parser.add_argument("model", metavar="MODEL", help="a .tflite, or a name in models/")
    parser.add_argument("--out", metavar="DIR", help="where the C goes (default build/c/<model>)")
    parser.add_argument("--name", help="the model's name in the generated code")
    parser.add_argument(
        "--dump", action="store_true", help="print the graph before the first pass and after each"
    )
    parser.add_argument(
        "--core",
        metavar="CORE",
        choices=sorted(CORES),
        default=Options.core,
        help=f"whose instructions to save: {', '.join(sorted(CORES))} (default {Options.core})",
    )
    shared.compile_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Compiles and prints the layer table."""
    from convert.compile import compile_model

    try:
        model = models.find(args.model)
        out = Path(args.out) if args.out else ROOT / "build" / "c" / model.name
        report = compile_model(
            model.path,
            out,
            name=args.name or model.name,
            dump=console.say if args.dump else None,
            options=replace(shared.compile_options(args), core=args.core),
        )
    except ModelError as error:
        if args.json:
            reason = {"layer": error.where, "rule": error.what, "found": error.found,
                      "remedy": error.remedy}  # fmt: skip
            write_json(args.json, {"ok": False, "arena_bytes": 0, "weights_bytes": 0,
                                   "layers": [], "errors": [reason]})  # fmt: skip
            error.reported = True  # type: ignore[attr-defined]
        raise
    result = report.as_dict()
    if args.json:
        write_json(args.json, result)
    if not report.ok:
        console.say(f"{shown(model.path)} is refused:")
        for reason in result["errors"]:
            told = ModelError(
                str(reason.get("rule", "")),
                where=str(reason.get("layer", "")),
                found=str(reason.get("found", "")),
                remedy=str(reason.get("remedy", "")),
            )
            console.say(f"error: {told}")
        return 2
    rows = [
        (index, layer.get("op"), layer.get("kind"), layer.get("macs"), layer.get("name"))
        for index, layer in enumerate(result["layers"])
    ]
    console.table(model.name, ("#", "op", "kind", "#MACs", "layer"), rows)
    if report.arranged is not None:
        show_choices(report.arranged)
    console.say(
        f"arena {report.arena_bytes:,} bytes of RAM, weights {report.weights_bytes:,} bytes of "
        f"flash; C in {shown(out)}"
    )
    return 0


def show_choices(made: Arranged) -> None:
    """What the compiler decided, and what RAM would cost otherwise."""
    for layout, about in ((PLANAR, "planar maps"), (TABLE, "tables of the picture's bytes")):
        names = sorted(name for name, chosen in made.layouts.items() if chosen == layout)
        if names:
            console.say(f"{about}: {', '.join(names)}")
    if made.chosen.segments:
        console.say(f"layers by rows, reading a map: {', '.join(made.chosen.segments)}")
    if len(made.candidates) > 1:
        rows = [
            (
                one.streamed or "none",
                ", ".join(one.segments),
                ", ".join(one.tables),
                one.arena_bytes,
                one.instructions,
                "chosen" if one == made.chosen else "",
            )
            for one in sorted(made.candidates, key=lambda c: (c.arena_bytes, c.instructions))
        ]
        heads = (
            "#first layers by rows",
            "others",
            "tables",
            "#arena",
            "#instructions (predicted, binary convolutions)",
            "",
        )
        console.table("RAM against instructions", heads, rows)
