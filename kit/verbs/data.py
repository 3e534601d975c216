"""Makes a data set be there: downloads what is published, or says what to put where; then loads it
and tells what it holds.

Examples:
  python -m kit data
  python -m kit data faces --sheet faces.png
  python -m kit data stl10
  python -m kit data vww --set definition=mlperf --set channels=1
  python -m kit data vww --no-download
  python -m kit data stl10 --mirror http://example.org/stl10
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convert.errors import BitWakeError
from kit import console
from kit.files import shown, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NAME, --data, --seed, --set, --no-download, --mirror, --sheet."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a data set; without: a list")
    parser.add_argument("--data", metavar="NAME", help="the same as NAME")
    parser.add_argument("--seed", type=int, default=0, help="of the set's random choices")
    parser.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[], help="an option of the set"
    )
    parser.add_argument(
        "--no-download", action="store_true", help="only look at, and unpack, what is there"
    )
    parser.add_argument("--mirror", metavar="URL", help="a folder that holds the published files")
    parser.add_argument("--sheet", metavar="PNG", help="draw a contact sheet of the test pictures")


def run(args: argparse.Namespace) -> int:
    """Lists the sets, or loads one and tells what it holds."""
    from kit.verbs.train import overrides

    name = args.name or args.data
    if args.data not in (None, name):
        raise BitWakeError(
            "one data set at a time", found=f"{name} and --data {args.data}", remedy="name one"
        )
    if not name:
        from train.data.registry import DATASETS

        rows = sorted((key, what) for key, (_, what) in DATASETS.items())
        if args.json:
            write_json(args.json, [{"name": key, "what": what} for key, what in rows])
        console.table("", ("data set", "what"), rows)
        return 0
    refuse_idle(name, args)
    options = overrides(args.set)
    if "seed" in options:
        raise BitWakeError(
            "the seed is no option of the set",
            found=f"--set seed={options['seed']}",
            remedy=f"--seed {options['seed']}",
        )
    dataset = loaded(name, args.seed, options, not args.no_download, args.mirror)
    return tell(dataset, args.sheet, args.json)


def refuse_idle(name: str, args: argparse.Namespace) -> None:
    """Raises BitWakeError for a mirror that nothing would be taken from."""
    from train.data.registry import DATASETS
    from train.data.sources import SOURCES

    if args.mirror and (args.no_download or (name in DATASETS and name not in SOURCES)):
        raise BitWakeError(
            "nothing would be taken from this mirror",
            found=f"--mirror {args.mirror} with "
            + ("--no-download" if args.no_download else f"{name}, which needs no download"),
            remedy="leave one of them out" if args.no_download else "leave it out",
        )


def loaded(
    name: str, seed: int, options: Mapping[str, Any], network: bool, mirror: str | None
) -> Any:
    """The set; when its files are not there, they are obtained first.

    Raises:
        DataError: unknown set or option, or files that cannot be had.
    """
    from train.data.manifest import FilesError
    from train.data.registry import load

    try:
        return load(name, seed=seed, **options)
    except FilesError as error:
        from train.data.sources import SOURCES, obtain

        if name not in SOURCES:
            raise
        console.say(f"{error.what}: {error.where}: {error.found}")
    obtain(name, options, say=console.say, mirror=mirror, network=network)
    return load(name, seed=seed, **options)


def tell(dataset: Any, sheet: str | None, json_file: str | None) -> int:
    """Prints the splits with the balance of their classes, draws the sheet."""
    labels = dataset.label_names
    rows, shares, balance = [], [], {}
    for split, pictures in dataset.splits.items():
        counts = [int((pictures.labels == k).sum()) for k in range(len(labels))]
        known = sum(counts)
        balance[split] = dict(zip(labels, counts, strict=True))
        if known < len(pictures):
            balance[split]["unlabeled"] = len(pictures) - known
        rows.append((split, len(pictures), *counts))
        if known:
            each = (f"{label} {100 * n / known:.1f} %" for label, n in balance[split].items()
                    if label != "unlabeled")  # fmt: skip
            shares.append((split, ", ".join(each)))
    console.say(f"{dataset.name}: {dataset.note}")
    console.table("", ("split", "#pictures", *(f"#{label}" for label in labels)), rows)
    console.table("", ("split", "share of labelled pictures"), shares)
    shape = "×".join(map(str, dataset.image_shape))
    synthetic = ", synthetic" if dataset.synthetic else ""
    console.say(f"{shape}, seed {dataset.seed}{synthetic}, sha256 {dataset.hash}")
    result = {
        "name": dataset.name,
        "note": dataset.note,
        "shape": list(dataset.image_shape),
        "labels": list(labels),
        "splits": {row[0]: row[1] for row in rows},
        "balance": balance,
        "options": dict(dataset.options),
        "seed": dataset.seed,
        "synthetic": dataset.synthetic,
        "sha256": dataset.hash,
    }
    if sheet:
        from train.data.sheet import contact_sheet

        contact_sheet(dataset.test, Path(sheet), label_names=labels)
        console.say(f"contact sheet: {shown(Path(sheet))}")
        result["sheet"] = sheet
    if json_file:
        write_json(json_file, result)
    return 0
