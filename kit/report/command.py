"""Shows accuracy against on-device cost: a page, plots and a CSV from what was run so far.

Reads runs/bench/*/bench.json (make bench), runs/*/metrics.json (make train), the 8-bit forms in
runs/*/comparison.json (kit train --compare) and the shipped models/*/metrics.json; writes
runs/report/. A model counts once for each board it was measured on. Two further charts need no
board: accuracy against bytes of weights, and against cycles of a systolic array (docs/analysis.md).

With --readme the figures in README.md are renewed from those files, from runs/demo/results.json
(make demo) and runs/validate/*/validate.json (make validate); --check only says whether they are
up to date.

Exit status 0: written. 1: with --check, the README is out of date. 2: there is nothing to report.

Examples:
  python -m kit report
  python -m kit report --json -
  python -m kit report --readme
  python -m kit report --readme --check
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convert.errors import BitWakeError
from kit import console
from kit.files import ROOT, shown, write_json
from kit.report import overview, tradeoff
from kit.report.collect import Collected, collect
from kit.report.files import publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--out, --readme, --check."""
    parser.add_argument("--out", metavar="DIR", help="default runs/report")
    parser.add_argument("--readme", action="store_true", help="renew the figures in README.md")
    parser.add_argument("--check", action="store_true", help="with --readme: only compare")


def run(args: argparse.Namespace) -> int:
    """Collects, writes, prints."""
    if args.readme or args.check:
        from kit.report import readme

        return readme.run(args)
    collected = collect(ROOT / "runs", ROOT / "models")
    if not collected.rows:
        raise nothing(collected)
    folder = Path(args.out) if args.out else ROOT / "runs" / "report"
    files = publish(folder, contents(collected))
    if args.json:
        write_json(args.json, as_dict(collected))
    show(collected)
    console.say(f"written: {', '.join(shown(path) for path in files)}")
    return 0


def nothing(collected: Collected) -> BitWakeError:
    """The refusal when not a single file could be used."""
    found = "; ".join(f"{file}: {why}" for file, why in collected.left_out[:4])
    return BitWakeError(
        "there is nothing to report yet",
        where="runs/bench/*/bench.json, runs/*/metrics.json, models/*/metrics.json",
        found=found or "none of these files",
        remedy="make bench MODEL=scenes-wake measures a model, make train RECIPE=… trains one",
    )


def contents(collected: Collected) -> dict[str, bytes]:
    """Name → content of every file."""
    files = {
        f"accuracy-{data}-{board}.png": overview.plot((data, board, unit), rows)
        for (data, board, unit), rows in overview.groups(collected).items()
    }
    files |= tradeoff.plots(collected)
    files["report.csv"] = overview.as_csv(collected).encode()
    page = overview.render(collected, sorted(files))
    return {**files, "index.html": page.encode()}


def as_dict(collected: Collected) -> dict[str, object]:
    """The report for machines."""
    return {
        "rows": overview.as_dicts(collected),
        "missing": overview.missing(collected),
        "left_out": [{"file": file, "reason": why} for file, why in collected.left_out],
    }


def show(collected: Collected) -> None:
    """The table for people."""
    rows = []
    for row in collected.rows:
        score, cost = row.score, row.cost
        kind = ", synthetic" if score and score.synthetic else ""
        rows.append(
            (
                row.name,
                f"{score.data}{kind}" if score else None,
                f"{100 * score.accuracy:.1f} %" if score else None,
                cost.board if cost else None,
                cost.ticks if cost else None,
                cost.unit if cost else None,
                cost.flash if cost else None,
                cost.ram if cost else None,
            )
        )
    columns = (
        "model",
        "data",
        "#accuracy",
        "board",
        "#per inference",
        "unit",
        "#flash B",
        "#RAM B",
    )
    console.table("accuracy and cost", columns, rows)
    for line in overview.missing(collected):
        console.say(f"missing: {line}")
    for file, why in collected.left_out:
        console.say(f"left out: {file}: {why}")
