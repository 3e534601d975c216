"""Lists the operators that compile, each with its rules; writes or checks the page of them.

Examples:
  python -m kit supported
  python -m kit supported --write
  python -m kit supported --check
"""

from __future__ import annotations

import argparse

from convert.errors import BitWakeError
from kit import console
from kit.cli import typed
from kit.files import ROOT, shown, write_json, write_whole

PAGE = ROOT / "docs" / "supported-operators.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--write, --check."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    what.add_argument("--check", action="store_true", help="fail when that page is out of date")


def run(args: argparse.Namespace) -> int:
    """Prints, writes or checks; 1 when the page is out of date."""
    from convert.limits import LIMITS
    from convert.supported import render_supported

    limits = "".join(f"- {limit[0].upper()}{limit[1:]}.\n" for limit in LIMITS)
    text = f"{render_supported()}\n## Limits of a model\n\n{limits}"
    current = PAGE.read_text("utf-8") if PAGE.is_file() else ""
    fresh = current == text
    if args.json:
        write_json(args.json, {"page": str(PAGE.relative_to(ROOT)), "fresh": fresh, "text": text})
    if args.write:
        if not fresh:
            write_whole(PAGE, text.encode())
        console.say(f"{shown(PAGE)}: {'as it was' if fresh else 'written'}")
        return 0
    if args.check:
        if not PAGE.is_file():
            raise BitWakeError(
                "the page is missing", where=shown(PAGE), remedy="kit supported --write"
            )
        console.say(f"{shown(PAGE)}: {'up to date' if fresh else 'out of date'}")
        if not fresh:
            console.say(typed("do: kit supported --write"))
        return 0 if fresh else 1
    if args.json != "-":
        console.say(text.rstrip("\n"))
    return 0
