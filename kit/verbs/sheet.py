"""Draws a contact sheet of a data set, to look at: do you agree with the labels?

Examples:
  python -m kit sheet --data scenes
  python -m kit sheet --data faces --out faces.png
"""

from __future__ import annotations

import argparse

from kit.files import ROOT
from kit.verbs.data import tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--data, --seed, --out."""
    parser.add_argument("--data", default="scenes", metavar="NAME", help="default scenes")
    parser.add_argument("--seed", type=int, default=0, help="of the set's random choices")
    parser.add_argument("--out", metavar="PNG", help="default runs/sheets/NAME.png")


def run(args: argparse.Namespace) -> int:
    """Loads the set and draws."""
    out = args.out
    if out is None:
        folder = ROOT / "runs" / "sheets"
        folder.mkdir(parents=True, exist_ok=True)
        out = str(folder / f"{args.data}.png")
    return tell(args.data, args.seed, out, args.json)
