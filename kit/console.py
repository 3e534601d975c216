"""What people see: tables, lines and progress; colour and motion only on a terminal.

Rich is imported when something is printed with it, so that `kit --help` stays instant. When
`--json -` claims standard output, everything for people goes to standard error.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


class _Place:
    """Where the text for people goes; one for the process."""

    stderr = False


def to_stderr(wanted: bool) -> None:
    """From now on text for people goes to standard error, or to standard output again."""
    _Place.stderr = wanted


def stream() -> TextIO:
    """The stream that people read."""
    return sys.stderr if _Place.stderr else sys.stdout


def say(text: str = "") -> None:
    """One line of plain text, at once."""
    print(text, file=stream(), flush=True)


def rich_console() -> Console:
    """Rich on the people's stream; 120 columns where there is no terminal to ask."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich's own ends the program with status 1

    where = stream()
    width = None if where.isatty() else 120
    return Ours(file=where, width=width, highlight=False, soft_wrap=False)


@contextlib.contextmanager
def working(text: str) -> Iterator[None]:
    """Says what takes a while: with a moving sign on a terminal, as one plain line elsewhere."""
    if not stream().isatty():
        say(text)
        yield
        return
    with rich_console().status(text):
        yield


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a table; columns whose head starts with `#` hold numbers and are right-aligned."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in columns:
        number = head.startswith("#")
        justify: Any = "right" if number else "left"
        out.add_column(escape(head.lstrip("#")), justify=justify, overflow="fold", no_wrap=number)
    for row in rows:
        out.add_row(*(escape(format_cell(cell)) for cell in row))
    rich_console().print(out)


def format_cell(cell: Any) -> str:
    """Integers with thousands separated, floats with three decimals, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.3f}"
    return str(cell)


def progress(items: Sequence[Any], what: str, every: float = 10.0) -> Iterator[Any]:
    """Yields the items; shows a bar on a terminal and a plain line every `every` seconds else."""
    total = len(items)
    if stream().isatty():
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        shape = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*shape, TimeRemainingColumn(), console=rich_console()) as bar:
            task = bar.add_task(what, total=total)
            for item in items:
                yield item
                bar.advance(task)
        return
    last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= every and done < total:
            say(f"{what}: {done} of {total}")
            last = now
    say(f"{what}: {total} of {total}")
