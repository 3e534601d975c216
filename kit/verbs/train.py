"""Trains a recipe into a run folder: weights, metrics.json, curves, model card.

Examples:
  python -m kit train --list
  python -m kit train --recipe faces-wake
  python -m kit train --recipe scenes-wake --set epochs=2 --run runs/short
  python -m kit train --resume runs/short
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from convert.errors import BitWakeError
from kit import console
from kit.files import shown, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--recipe, --data, --run, --seed, --resume, --set, --list."""
    parser.add_argument("--recipe", metavar="NAME", help="see --list")
    parser.add_argument("--data", metavar="NAME", help="replaces the recipe's own data")
    parser.add_argument("--run", metavar="DIR", help="run folder (default: a new one in runs/)")
    parser.add_argument("--seed", type=int, help="default: the recipe's")
    parser.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    parser.add_argument(
        "--set", metavar="FIELD=VALUE", action="append", default=[], help="change a recipe's field"
    )
    parser.add_argument("--list", action="store_true", help="list the recipes")


def overrides(settings: list[str]) -> dict[str, Any]:
    """FIELD=VALUE pairs; a value that is JSON is read as such, anything else is text.

    Raises:
        BitWakeError: a setting without `=`.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise BitWakeError("--set takes FIELD=VALUE", found=setting)
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def run(args: argparse.Namespace) -> int:
    """Trains, or lists the recipes."""
    from train import api

    if args.list:
        recipes = api.list_recipes()
        if args.json:
            write_json(args.json, recipes)
        console.table("", ("recipe", "what"), sorted(recipe_rows(recipes)))
        return 0
    if not args.recipe and not args.resume:
        raise BitWakeError("which recipe?", found="no --recipe", remedy="kit train --list")
    folder = Path(args.resume or args.run) if args.resume or args.run else None
    result = api.train_command(
        recipe=args.recipe,
        data=args.data,
        run_dir=folder,
        seed=args.seed,
        resume=bool(args.resume),
        overrides=overrides(args.set),
    )
    if args.json and result is not None:
        write_json(args.json, plain(result))
    return 0


def recipe_rows(recipes: Any) -> list[tuple[str, str]]:
    """Name and summary, from a mapping or a list of names."""
    if isinstance(recipes, dict):
        return [(name, str(what)) for name, what in recipes.items()]
    return [(str(item), "") for item in recipes]


def plain(result: Any) -> Any:
    """What the training gave back, as JSON: a metrics mapping, or a run folder's metrics.json."""
    if isinstance(result, (str, Path)):
        metrics = Path(result) / "metrics.json"
        known = json.loads(metrics.read_text("utf-8")) if metrics.is_file() else {}
        return {"run": shown(Path(result)), **known}
    return result
