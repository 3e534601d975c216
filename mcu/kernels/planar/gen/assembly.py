"""What every generator of assembly needs: heads of functions, and the command line."""

import sys
from pathlib import Path


def function(name: str) -> list[str]:
    """Head of a global function."""
    return [
        "",
        f'    .section .text.{name}, "ax", %progbits',
        "    .balign 4",
        f"    .global {name}",
        f"    .type {name}, %function",
        "    .thumb_func",
        f"{name}:",
    ]


def run(target: Path, text: str) -> int:
    """Writes the file; with --check only says whether it is up to date. The exit status."""
    if sys.argv[1:] == ["--check"]:
        return int(target.read_text() != text)
    target.write_text(text)
    return 0
