"""Checks that a data set is there, or says what to download and where to put it.

Examples:
  python -m kit data
  python -m kit data faces
  python -m kit data faces --sheet faces.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kit import console
from kit.files import shown, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NAME, --data, --seed, --sheet."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a data set; without: a list")
    parser.add_argument("--data", metavar="NAME", help="the same as NAME")
    parser.add_argument("--seed", type=int, default=0, help="of the set's random choices")
    parser.add_argument("--sheet", metavar="PNG", help="draw a contact sheet of the test pictures")


def run(args: argparse.Namespace) -> int:
    """Lists the sets, or loads one and tells what it holds."""
    name = args.name or args.data
    if not name:
        from train.data.registry import DATASETS

        rows = sorted((key, what) for key, (_, what) in DATASETS.items())
        if args.json:
            write_json(args.json, [{"name": key, "what": what} for key, what in rows])
        console.table("", ("data set", "what"), rows)
        return 0
    return tell(name, args.seed, args.sheet, args.json)


def tell(name: str, seed: int, sheet: str | None, json_file: str | None) -> int:
    """Loads a set, prints its splits, draws its sheet."""
    from train.data.registry import load

    dataset = load(name, seed=seed)
    rows = []
    for split, pictures in dataset.splits.items():
        counts = [int((pictures.labels == k).sum()) for k in range(len(dataset.label_names))]
        rows.append((split, len(pictures), *counts))
    console.say(f"{dataset.name}: {dataset.note}")
    heads = ("split", "#pictures", *(f"#{label}" for label in dataset.label_names))
    console.table("", heads, rows)
    shape = "×".join(map(str, dataset.image_shape))
    synthetic = ", synthetic" if dataset.synthetic else ""
    console.say(f"{shape}, seed {dataset.seed}{synthetic}, sha256 {dataset.hash}")
    result = {
        "name": dataset.name,
        "shape": list(dataset.image_shape),
        "labels": list(dataset.label_names),
        "splits": {row[0]: row[1] for row in rows},
        "seed": dataset.seed,
        "synthetic": dataset.synthetic,
        "sha256": dataset.hash,
    }
    if sheet:
        from train.data.sheet import contact_sheet

        contact_sheet(dataset.test, Path(sheet), label_names=dataset.label_names)
        console.say(f"contact sheet: {shown(Path(sheet))}")
        result["sheet"] = sheet
    if json_file:
        write_json(json_file, result)
    return 0
