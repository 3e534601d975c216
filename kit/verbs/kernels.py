"""Measures single kernels on a board: binary convolutions of many shapes, and int8 ones.

Every case is built as the compiler would build that layer for this core, is run on random data
made on the board, and its output is compared bit for bit with a plain definition. An emulated
board counts instructions: that is no time and no number of cycles. CMSIS-NN's figures beside the
int8 kernels were measured on the same emulated core.

Writes runs/kernels/<board>/: kernels.json, kernels.csv, kernels.png.

Examples:
  python -m kit kernels
  python -m kit kernels --board mps3_an547 --json kernels.json
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from typing import Any

from convert.errors import BitWakeError
from kit import boards, console
from kit.files import ROOT, shown, write_json, write_whole
from kit.kernels import cases, measure, plot
from kit.verbs import shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --only."""
    shared.board_argument(parser)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT")


def run(args: argparse.Namespace) -> int:
    """Measures; 1 when a kernel is wrong."""
    board = boards.find(args.board)
    chosen = [case for case in cases.make(board.core) if args.only in case.name]
    if not chosen:
        raise BitWakeError(
            "no kernel case has such a name", found=args.only, remedy="leave --only out to see all"
        )
    with console.working(f"building {len(chosen)} kernel cases for {board.id}"):
        elf = measure.firmware(board, chosen)
    with console.working(f"running them twice on {board.id}"):
        info, outcomes = measure.measure(board, elf, None, len(chosen))
    rows = [
        measure.row(case, outcome, info, board)
        for case, outcome in zip(chosen, outcomes, strict=True)
    ]
    folder = ROOT / "runs" / "kernels" / board.id
    write_whole(folder / "kernels.json", (json.dumps(rows, indent=2) + "\n").encode())
    write_whole(folder / "kernels.csv", as_csv(rows).encode())
    write_whole(folder / "kernels.png", plot.png(rows))
    if args.json:
        write_json(args.json, rows)
    show(rows, {case.name: case.shape for case in chosen})
    console.say(f"written: {shown(folder)}/kernels.{{json,csv,png}}")
    wrong = [row["name"] for row in rows if row["bit_exact"] is False or "wrote" in row["why_not"]]
    if wrong:
        console.say(f"error: wrong answers: {', '.join(wrong)}")
    return 1 if wrong else 0


def show(rows: list[dict[str, Any]], shapes: dict[str, str]) -> None:
    """The table for people."""
    first = rows[0]
    console.say(
        f"board {first['board']} ({first['core']}), unit {first['unit']}, {first['compiler']}\n"
        f"flags {first['flags']}\ncommit {first['commit']}"
    )
    table = [
        (
            row["name"],
            row["kernel"],
            shapes[row["name"]],
            row["ticks"],
            None if row["per_mac"] is None else f"{row['per_mac']:.3f}",
            {True: "yes", False: "NO", None: row["why_not"]}[row["bit_exact"]],
            None if not row["cmsis_nn"] else f"{row['ticks'] / row['cmsis_nn']:.2f}",
        )
        for row in rows
    ]
    columns = ("case", "kernel", "shape", f"#{first['unit']}", "#per MAC", "bit-exact",
               "#of CMSIS-NN's")  # fmt: skip
    console.table(f"kernels on {first['board']}", columns, table)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """All fields, a row a case."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
