"""Turns a training run into model.tflite with LCE, and checks it: types, float layers, bits.

Examples:
  python -m kit convert --run runs/faces-wake
  python -m kit convert --run runs/faces-wake --out my.tflite --json convert.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convert.errors import ModelError
from kit.files import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--run, --out."""
    parser.add_argument("--run", required=True, metavar="DIR", help="folder of a training run")
    parser.add_argument("--out", metavar="FILE", help="default: model.tflite in the run folder")


def run(args: argparse.Namespace) -> int:
    """Converts and prints what was checked."""
    folder = Path(args.run)
    if not folder.is_dir():
        raise ModelError(
            "there is no such run folder", found=args.run, remedy="kit train --recipe … makes one"
        )
    from convert.from_keras import convert_run

    report = convert_run(folder, Path(args.out) if args.out else folder / "model.tflite")
    if args.json:
        write_json(args.json, report.as_dict())
    return 0
