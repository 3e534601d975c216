"""Measures single kernels on a board: binary convolutions of many shapes, and int8 ones.

Every case is built as the compiler would build that layer for this core, is run on random data
made on the board, and its output is compared bit for bit with a plain definition. An emulated
board counts instructions: that is no time and no number of cycles. CMSIS-NN's figures beside the
int8 kernels were measured on the same emulated core.

Writes runs/kernels/<board>/: kernels.json, kernels.csv, kernels.png; with --only part.json,
part.csv, part.png, and the table of all cases stays.

Examples:
  python -m kit kernels
  python -m kit kernels --board mps3_an547 --json kernels.json
  python -m kit kernels --page docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Any

from convert.errors import BitWakeError, BoardError
from kit import boards, console
from kit.boards import Board
from kit.files import ROOT, shown, write_json, write_whole
from kit.kernels import cases, measure, page, plot
from kit.verbs import shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --only, --page."""
    shared.board_argument(parser)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT")
    parser.add_argument(
        "--page", metavar="FILE", help="measure every emulated board and write this Markdown page"
    )


def run(args: argparse.Namespace) -> int:
    """Measures; 1 when a kernel is wrong."""
    names = [args.board]
    if args.page:
        if args.only or args.board != boards.DEFAULT:
            raise BitWakeError(
                "--page holds every case of every emulated board",
                found=f"--only {args.only}" if args.only else f"--board {args.board}",
                remedy="leave it out, or leave --page out: figures also go to runs/kernels/",
            )
        names = [board.id for board in boards.all_boards() if board.emulator == "qemu"]
    if args.only and args.json not in (None, "-"):
        keep_others(Path(args.json), args.only)
    results = {name: measured(boards.find(name), args.only) for name in names}
    rows = [row for part in results.values() for row in part]
    if args.page:
        write_whole(Path(args.page), page.markdown(results).encode())
        console.say(f"written: {shown(Path(args.page))}")
    if args.json:
        write_json(args.json, rows)
    wrong = [
        f"{row['name']} on {row['board']}"
        for row in rows
        if row["bit_exact"] is False or "wrote" in row["why_not"]
    ]
    if wrong:
        console.say(f"error: wrong answers: {', '.join(wrong)}")
    return 1 if wrong else 0


def keep_others(path: Path, only: str) -> None:
    """Refuses to write the cases of --only over a table that holds others.

    Raises:
        BitWakeError: how many would be lost.
    """
    try:
        names = [str(row["name"]) for row in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        return  # no table of ours
    others = [name for name in names if only not in name]
    if others:
        error = BitWakeError(
            f"--only would replace a table that holds {len(others)} other cases",
            where=shown(path),
            found=", ".join(others[:3]) + (", …" if len(others) > 3 else ""),
            remedy="another FILE for --json, or delete this one",
        )
        error.reported = True  # type: ignore[attr-defined]  # or it would replace the table itself
        raise error


def measured(board: Board, only: str) -> list[dict[str, Any]]:
    """One board's rows, shown and written to its run folder.

    Raises:
        BitWakeError: no case has such a name, or the board does not work.
        BoardError: it has no emulator.
    """
    if not board.emulated:
        known = ", ".join(other.id for other in boards.all_boards() if other.emulated)
        raise BoardError(
            "single kernels are measured on emulated boards alone",
            where=board.id,
            found="a board without emulator",
            remedy=f"one of {known}; `kit bench` measures every layer of a model on silicon",
        )
    chosen = [case for case in cases.make(board.core) if only in case.name]
    if not chosen:
        raise BitWakeError(
            "no kernel case has such a name", found=only, remedy="leave --only out to see all"
        )
    rows = []
    for part in measure.batches(board, chosen):
        with console.working(f"building {len(part)} kernel cases for {board.id}"):
            elf = measure.firmware(board, part)
        with console.working(f"running them twice on {board.id}"):
            info, outcomes = measure.measure(board, elf, None, len(part))
        rows += [
            measure.row(case, outcome, info, board)
            for case, outcome in zip(part, outcomes, strict=True)
        ]
    folder = ROOT / "runs" / "kernels" / board.id
    stem = "part" if only else "kernels"
    write_json(str(folder / f"{stem}.json"), rows)
    write_whole(folder / f"{stem}.csv", as_csv(rows).encode())
    write_whole(folder / f"{stem}.png", plot.png(rows))
    show(rows, {case.name: case.shape for case in chosen})
    console.say(f"written: {shown(folder)}/{stem}.{{json,csv,png}}")
    return rows


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
