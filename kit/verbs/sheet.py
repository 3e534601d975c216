"""Draws a contact sheet of a data set, to look at: do you agree with the labels?

Examples:
  python -m kit sheet --data scenes
  python -m kit sheet --data scenes --channels 3 --split train
  python -m kit sheet --data faces --out faces.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from convert.errors import DataError
from kit import console
from kit.files import ROOT, shown, write_json

PICTURES = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--data, --seed, --split, --channels, --out."""
    parser.add_argument("--data", default="scenes", metavar="NAME", help="default scenes")
    parser.add_argument("--seed", type=int, default=0, help="of the set's random choices")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--channels", type=int, default=1, choices=(1, 3), help="gray or colour")
    parser.add_argument("--out", metavar="PNG", help="default runs/sheets/NAME.png")


def run(args: argparse.Namespace) -> int:
    """Loads the split and draws."""
    from train.data.registry import load
    from train.data.sheet import contact_sheet

    options: dict[str, Any] = {"channels": args.channels}
    if args.data == "scenes":  # rendered on demand: no more than are shown
        options |= {"n_train": 0, "n_val": 0, "n_test": 0, f"n_{args.split}": PICTURES}
    dataset = load(args.data, seed=args.seed, **options)
    pictures = dataset.splits[args.split]
    if not len(pictures):
        raise DataError(
            "this split holds no pictures", where=args.data, found=args.split, remedy="--split test"
        )
    out = Path(args.out) if args.out else ROOT / "runs" / "sheets" / f"{args.data}.png"
    contact_sheet(pictures, out, label_names=dataset.label_names, n=PICTURES)
    console.say(f"{dataset.name}, {args.split}, seed {args.seed}: {shown(out)}")
    if args.json:
        write_json(
            args.json,
            {
                "data": dataset.name,
                "split": args.split,
                "seed": args.seed,
                "synthetic": dataset.synthetic,
                "labels": list(dataset.label_names),
                "sheet": str(out),
            },
        )
    return 0
