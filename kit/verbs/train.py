"""Trains a recipe into a run folder: weights, metrics.json, curves, model card.

Examples:
  python -m kit train --list
  python -m kit train --recipe faces-wake
  python -m kit train --recipe scenes-wake --set epochs=2 --run runs/short
  python -m kit train --resume runs/short
  python -m kit train --recipe faces-wake --folds
  python -m kit train --recipe faces-wake --seeds 3
  python -m kit train --recipe faces-wake --run runs/both --workers a:4000,b:4000 --worker 0
  python -m kit train --compare runs/scenes-wake runs/scenes-mobilenet
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from convert.errors import BitWakeError
from kit import console
from kit.files import shown, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, how, where, on how many machines; or what to compare or list."""
    parser.add_argument("--recipe", metavar="NAME", help="see --list")
    parser.add_argument("--data", metavar="NAME", help="replaces the recipe's own data")
    parser.add_argument("--run", metavar="DIR", help="run folder (default: a new one in runs/)")
    parser.add_argument("--seed", type=int, help="default: the recipe's")
    parser.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    parser.add_argument(
        "--set", metavar="FIELD=VALUE", action="append", default=[], help="change a recipe's field"
    )
    parser.add_argument(
        "--folds", action="store_true", help="cross-validate: every picture is tested once"
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="train N seeds: mean and sample deviation"
    )
    parser.add_argument(
        "--checkpoint-every",
        type=float,
        metavar="MINUTES",
        help="checkpoints within an epoch (default 10)",
    )
    parser.add_argument(
        "--workers",
        metavar="HOST:PORT,…",
        help="all machines that train together; each runs this command with its own --worker",
    )
    parser.add_argument("--worker", type=int, metavar="K", help="which of them this is, from 0")
    parser.add_argument(
        "--compare", metavar="DIR", nargs="+", help="finished runs side by side, int8 where float"
    )
    parser.add_argument("--list", action="store_true", help="list the recipes")


def overrides(settings: list[str]) -> dict[str, Any]:
    """FIELD=VALUE pairs; a value that is JSON is read as such, anything else is text. Objects of
    one field are joined.

    Raises:
        BitWakeError: a setting without `=`, or a second value of a field.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise BitWakeError("--set takes FIELD=VALUE", found=setting)
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        before = found.get(name, {})
        if isinstance(before, dict) and isinstance(value, dict):
            value = {**before, **value}
        elif name in found:
            raise BitWakeError(
                "--set gives a field two values",
                found=f"{name}: {json.dumps(before)} and {json.dumps(value)}",
                remedy="leave one of them out",
            )
        found[name] = value
    return found


# What else each kind of call heeds; the rest would be ignored in silence.
TOGETHER = ("workers", "worker")
HEEDS = {
    "list": (),
    "compare": (),
    "folds": ("recipe", "run", "seed", "set", *TOGETHER),
    "seeds": ("recipe", "data", "run", "seed", "set", *TOGETHER),
    "resume": ("recipe", "data", "run", "seed", "set", "checkpoint_every", *TOGETHER),
}


def refuse_idle(args: argparse.Namespace) -> None:
    """Raises BitWakeError for flags that do not go together."""
    given = [
        name
        for name, value in vars(args).items()
        if name != "json" and not (value is None or value is False or value == [])
    ]
    for kind in filter(given.__contains__, HEEDS):
        idle = [name for name in given if name != kind and name not in HEEDS[kind]]
        if idle:
            flags = ["--" + name.replace("_", "-") for name in HEEDS[kind]]
            raise BitWakeError(
                f"--{kind} goes with {', '.join(flags) or 'no other flag'} only",
                found=", ".join("--" + name.replace("_", "-") for name in idle),
                remedy="leave it out"
                + ("; the same command again resumes by itself" if "resume" in idle else ""),
            )


def run(args: argparse.Namespace) -> int:
    """Trains, or lists the recipes."""
    refuse_idle(args)
    from train import api

    join(args)
    if args.list:
        recipes = api.list_recipes()
        if args.json:
            write_json(args.json, recipes)
        console.table("", ("recipe", "what"), sorted(recipes.items()))
        return 0
    if args.compare:
        return compare(args)
    if not args.recipe and not args.resume:
        raise BitWakeError("which recipe?", found="no --recipe", remedy="kit train --list")
    if args.resume and args.run and Path(args.run) != Path(args.resume):
        raise BitWakeError(
            "--resume already names the run folder",
            found=f"--run {args.run}",
            remedy="leave --run out",
        )
    folder = Path(args.resume or args.run) if args.resume or args.run else None
    if args.folds:
        return cross_validate(args, folder)
    if args.seeds is not None:
        return several(args, folder)
    result = api.train_command(
        recipe=args.recipe,
        data=args.data,
        run_dir=folder,
        seed=args.seed,
        resume=bool(args.resume),
        overrides=overrides(args.set),
        checkpoint_minutes=args.checkpoint_every,
    )
    if args.json:
        write_json(args.json, result)
    console.say(f"run folder: {shown(Path(result['run']))}")
    return 0


def join(args: argparse.Namespace) -> None:
    """Sets TF_CONFIG from --workers and --worker.

    Raises:
        BitWakeError: one without the other, or an address that is none.
    """
    if args.workers is None and args.worker is None:
        return
    if args.workers is None or args.worker is None:
        raise BitWakeError(
            "--workers and --worker go together",
            remedy="--workers host0:port,host1:port --worker 0",
        )
    from train.distribute import configuration

    os.environ["TF_CONFIG"] = configuration(args.workers.split(","), args.worker)


def several(args: argparse.Namespace, folder: Path | None) -> int:
    """N runs, their mean and sample deviation; the single figures in seeds.json."""
    from train.seeds import seeds_command

    result = seeds_command(
        recipe=args.recipe,
        seeds=args.seeds,
        data=args.data,
        run_dir=folder,
        seed=args.seed,
        overrides=overrides(args.set),
    )
    if args.json:
        write_json(args.json, result)
    score = result["score"]
    spread = "" if score["deviation"] is None else f" ± {score['deviation']:.4f}"
    rows = [
        (f"seed {seed}", f"{value:.4f}")
        for seed, value in zip(result["seeds"], score["values"], strict=True)
    ]
    rows.append(("mean ± sample deviation", f"{score['mean']:.4f}{spread}"))
    console.table(result["metric"], ("run", f"#{result['split']} split"), rows)
    synthetic = " (synthetic)" if result["synthetic"] else ""
    console.say(
        f"{result['recipe']} on {result['data']}{synthetic}: "
        f"{shown(Path(result['run']) / 'seeds.json')}"
    )
    return 0


def cross_validate(args: argparse.Namespace, folder: Path | None) -> int:
    """A run of every fold, their mean; the single figures in folds.json."""
    from train import api

    result = api.folds_command(
        recipe=args.recipe, run_dir=folder, seed=args.seed, overrides=overrides(args.set)
    )
    if args.json:
        write_json(args.json, result)
    columns = {"#all pictures": [*result["accuracies"], result["accuracy"]]}
    if "wedge_free_accuracy" in result:
        free = [*result["wedge_free_accuracies"], result["wedge_free_accuracy"]]
        columns["#without wedges"] = free
    names = [*(f"fold {k}" for k in range(len(result["accuracies"]))), "all"]
    figures = zip(*columns.values(), strict=True)
    rows = [
        (name, *(f"{100 * v:.2f}" for v in row)) for name, row in zip(names, figures, strict=True)
    ]
    console.table("accuracy, %", ("split", *columns), rows)
    console.say(
        f"{result['recipe']} on {result['data']}, {result['split']}, seed {result['seed']}: "
        f"{shown(Path(result['run']) / 'folds.json')}"
    )
    return 0


def compare(args: argparse.Namespace) -> int:
    """Accuracy, size and work of finished runs on their common test split."""
    from train.compare import compare as compared

    result = compared([Path(run) for run in args.compare])
    if args.json:
        write_json(args.json, result)
    metric = result["rows"][0]["metric"]
    share = metric == "accuracy"
    rows = [
        (
            row["what"],
            f"{100 * row['score']:.2f}" if share else f"{row['score']:.4f}",
            f"{row['weight_bytes']:,}",
            f"{row['macs'] / 1e6:.2f}",
            row["epochs"],
        )
        for row in result["rows"]
    ]
    pictures = result["rows"][0]["pictures"]
    synthetic = " (synthetic)" if result["synthetic"] else ""
    console.table(
        f"{result['data']}{synthetic}, {pictures} test pictures",
        (
            "network",
            f"#{metric}, %" if share else f"#{metric}",
            "#weights, bytes",
            "#million MACs",
            "#epochs",
        ),
        rows,
    )
    console.say(f"details: {shown(Path(args.compare[0]) / 'comparison.json')}")
    return 0
