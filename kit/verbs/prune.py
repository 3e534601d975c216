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

TAUGHT = ("temperature", "label_weight")  # of the plan, where there is a teacher
GIVEN = ("sizes", "epochs", "rate", "pictures", *TAUGHT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is pruned, the schedule, and how the rest is retrained."""
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
    parser.add_argument("--rate", type=float, help="of that, as a factor on the recipe's")
    parser.add_argument("--temperature", type=float, help="of the unpruned network as teacher")
    parser.add_argument(
        "--label-weight", type=float, help="of the labels' loss beside the teacher's"
    )
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
    given = {name: getattr(args, name) for name in GIVEN if getattr(args, name) is not None}
    idle = [f"--{name.replace('_', '-')}" for name in TAUGHT if name in given]
    if args.no_teacher and idle:
        raise BitWakeError(
            "without a teacher the labels are all that the rest learns from",
            found=f"--no-teacher and {' and '.join(idle)}",
            remedy="leave one of them out",
        )
    plan = Plan(**given, distilled=not args.no_teacher)
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
