"""Makes the folder of a shipped model from a finished run: model.tflite, card, labels, metrics, and
test pictures with LCE's answers. The run is converted first when it has no model.tflite.

Examples:
  python -m kit ship --run runs/faces-wake
  python -m kit ship --run runs/scenes-wake --as scenes-wake --comparison runs/comparison.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convert.errors import ModelError
from kit import console
from kit.files import shown, write_json
from kit.models import MODELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--run, --as, --folds, --comparison."""
    parser.add_argument("--run", required=True, metavar="DIR", help="folder of a finished run")
    parser.add_argument("--as", dest="name", metavar="NAME", help="default: the recipe's name")
    parser.add_argument("--folds", metavar="JSON", help="folds.json to tell in the card")
    parser.add_argument("--comparison", metavar="JSON", help="comparison.json to tell in the card")


def check_name(name: object, where: str) -> None:
    """Refuses what is no name of a folder in models/: shipping replaces that folder as a whole.

    Raises:
        ModelError: it leads elsewhere, or nowhere.
    """
    from train.recipes import NAME

    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ModelError(
            "this is no name for a shipped model",
            where=where,
            found=repr(name),
            remedy="letters, digits and - _ . + behind the first: --as my-model",
        )


def stale(flatbuffer: Path, folder: Path) -> bool:
    """Whether a run's flatbuffer was not made from the weights that are there; runs that do not say
    which those are, are told by the files' times."""
    from convert.tflite_reader import read
    from train.card import read_json

    weights, had = folder / "weights.npz", read_json(folder / "metrics.json").get("weights_sha256")
    if had is not None and read(flatbuffer).metadata.get("weights_sha256") != had:
        return True
    return weights.is_file() and flatbuffer.stat().st_mtime < weights.stat().st_mtime


def run(args: argparse.Namespace) -> int:
    """Converts, evaluates, writes."""
    if args.name is not None:
        check_name(args.name, "--as")
    from train.card import read_json
    from train.ship import ship

    folder = Path(args.run)
    if not folder.is_dir():
        raise ModelError(
            "there is no such run folder", found=args.run, remedy="kit train --recipe … makes one"
        )
    name: str = args.name or read_json(folder / "recipe.json").get("name") or ""
    check_name(name, str(folder / "recipe.json"))
    flatbuffer = folder / "model.tflite"
    if not flatbuffer.is_file() or stale(flatbuffer, folder):
        from kit import cli

        cli.dispatch("convert", ["--run", str(folder)])
    shipped = ship(
        folder,
        flatbuffer.read_bytes(),
        MODELS / name,
        folds=Path(args.folds) if args.folds else None,
        comparison=Path(args.comparison) if args.comparison else None,
    )
    if args.json:
        write_json(args.json, shipped)
    mark = " (synthetic)" if shipped["synthetic"] else ""
    console.say(
        f"{shown(MODELS / name)}: {shipped['lce_accuracy'] * 100:.2f} % of "
        f"{shipped['pictures']} test pictures of {shipped['data']}{mark} in LCE's interpreter; "
        f"{shipped['shipped_pictures']} pictures, {shipped['tflite_bytes']:,} bytes of model.tflite"
    )
    return 0
