"""Prunes blocks of a trained network step by step, retraining in between; see docs/pruning.md.

The same command again goes on where it stopped. `kit convert --run RUN` takes the last step.

Examples:
  python -m kit prune --base runs/scenes-wake --run runs/scenes-wake-pruned --sizes 0.8,0.6
  python -m kit prune --recipe pruning-base --run runs/pruned --seed 1
  python -m kit prune --recipe pruning-base --run runs/plain --no-teacher
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convert.errors import BitWakeError
from kit import console
from kit.files import shown, write_json
from kit.verbs.shared import positive
from kit.verbs.train import overrides
from train.card import macs_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--base, --recipe, --run, --seed, --set, --sizes, --epochs, --no-teacher, --pictures."""
    parser.add_argument("--base", metavar="DIR", help="run to prune (default: base in --run)")
    parser.add_argument("--recipe", metavar="NAME", help="trains the run to prune when missing")
    parser.add_argument("--run", metavar="DIR", required=True, help="where the pruning goes")
    parser.add_argument("--seed", type=int, help="of the run to prune")
    parser.add_argument(
        "--set", metavar="FIELD=VALUE", action="append", default=[], help="as in kit train"
    )
    parser.add_argument(
        "--sizes",
        type=sizes,
        metavar="S,…",
        help="weight bits after each step, as shares of the unpruned network's",
    )
    parser.add_argument("--epochs", type=positive, help="of retraining after each step")
    parser.add_argument(
        "--no-teacher", action="store_true", help="retrain with labels alone, not by distillation"
    )
    parser.add_argument("--pictures", type=positive, help="on which blocks are ranked")


def sizes(text: str) -> tuple[float, ...]:
    """`0.75,0.5` -> shares."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not shares such as 0.75,0.5: {text!r}") from None


def run(args: argparse.Namespace) -> int:
    """Prunes, and prints a row a step."""
    from train.prune.command import prune_command
    from train.prune.plan import Plan

    if not args.recipe and not args.base:
        raise BitWakeError(
            "which network?", found="neither --base nor --recipe", remedy="--base runs/NAME"
        )
    given = {"sizes": args.sizes, "epochs": args.epochs, "pictures": args.pictures}
    plan = Plan(
        **{name: value for name, value in given.items() if value is not None},
        distilled=not args.no_teacher,
    )
    result = prune_command(
        recipe=args.recipe,
        base=Path(args.base) if args.base else None,
        folder=Path(args.run),
        plan=plan,
        seed=args.seed,
        overrides=overrides(args.set),
    )
    if args.json:
        write_json(args.json, result)
    rows = [
        (
            point["step"],
            len(point["removed"]),
            f"{point['size_bits'] / 1e3:.1f}",
            f"{macs_of(point) / 1e6:.2f}",
            f"{100 * point['score']:.2f}",
        )
        for point in result["points"]
    ]
    columns = ("#step", "#blocks removed", "#weights, kbit", "#million MACs", "#score, %")
    console.table("pruned", columns, rows)
    console.say(f"run folder: {shown(Path(result['run']))}")
    return 0
