"""Lists the boards of this checkout: memory, emulator, camera, and what was tried on silicon.

Examples:
  python -m kit boards
  python -m kit boards --json boards.json
"""

from __future__ import annotations

import argparse

from kit import boards, console
from kit.files import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None but --json."""


def run(args: argparse.Namespace) -> int:
    """Prints the registry."""
    found = boards.all_boards()
    if args.json:
        write_json(args.json, [board.as_dict() for board in found])
    rows = [
        (
            board.id,
            board.core,
            f"{board.flash_bytes // 1024} K" if board.flash_bytes else "–",
            f"{board.ram_bytes // 1024} K" if board.ram_bytes else "–",
            board.emulator_name,
            board.camera,
            board.silicon,
        )
        for board in found
    ]
    console.table("", ("board", "core", "#flash", "#RAM", "emulator", "camera", "silicon"), rows)
    return 0
