"""What the terminal shows while the demo runs: a live table, or one plain line a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from kit import console
from kit.demo.results import Demo, ModelRun, Picture, Place
from kit.report.stats import percent

if TYPE_CHECKING:
    from rich.console import Group

ROWS_AROUND = 12  # of the terminal, not for the table: title, bar, prompt and what precedes them
BAR = 24  # characters of the longest bar of a layer


class Screen(Protocol):
    """Shows a run as it grows."""

    def __call__(self, run: ModelRun, place: Place) -> None: ...


@contextlib.contextmanager
def live() -> Iterator[Screen]:
    """A screen for one model: rich on a terminal, plain lines otherwise."""
    if not console.stream().isatty():
        yield plain
        return
    from rich.live import Live

    terminal = console.rich_console()
    height = max(3, terminal.height - ROWS_AROUND)
    with Live(console=terminal, auto_refresh=False) as view:
        yield lambda run, place: view.update(table(run, place, height), refresh=True)


def plain(run: ModelRun, place: Place) -> None:
    """One line for the last picture; a heading before the first."""
    if not run.pictures:
        console.say(f"{run.name} on {place.board}: {run.planned} pictures of {source(run)}")
        return
    picture = run.pictures[-1]
    exact = {True: ", bit-exact", False: ", NOT bit-exact", None: ""}[picture.bit_exact]
    console.say(
        f"  {run.total:>3}/{run.planned}  {picture.file:<24} "
        f"{run.label_name(picture.verdict):<10} {100 * picture.confidence:5.1f} %  "
        f"truth {run.label_name(picture.label):<10} {mark(picture):<5}  "
        f"{picture.ticks:,} {place.unit}{exact}"
    )


def source(run: ModelRun) -> str:
    """The data with its conditions."""
    if run.synthetic is None:
        return "unknown origin"
    rendered = ", rendered" if run.synthetic else ""
    return f"{run.data}, {run.split} split, seed {run.seed} ({run.origin}{rendered})"


def mark(picture: Picture) -> str:
    """In words, because colour alone says nothing to many."""
    return "right" if picture.right else "WRONG"


def table(run: ModelRun, place: Place, height: int) -> Group:
    """The last pictures and the score, for rich."""
    from rich import box
    from rich.console import Group
    from rich.markup import escape
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    rows = Table(
        title=f"{run.name} on {escape(place.title)}: {escape(source(run))}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    names = max(len(run.label_name(index)) for index in (0, 1))
    for head, width in (("picture", 18), ("verdict", names), ("confidence", 0), ("truth", names)):
        justify: Any = "right" if head == "confidence" else "left"
        rows.add_column(head, justify=justify, min_width=width or None)
    rows.add_column("", min_width=len("WRONG"))
    rows.add_column(place.unit, justify="right")
    rows.add_column("as LCE, bit for bit")
    for picture in run.pictures[-height:]:
        style = "green" if picture.right else "bold red"
        rows.add_row(
            escape(picture.file),
            f"[{style}]{escape(run.label_name(picture.verdict))}[/]",
            f"{100 * picture.confidence:.1f} %",
            escape(run.label_name(picture.label)),
            f"[{style}]{mark(picture)}[/]",
            f"{picture.ticks:,}",
            {True: "yes", False: "[bold red]NO[/]", None: "–"}[picture.bit_exact],
        )
    # A bar alone ends without a line feed; in a grid it is a row.
    below = Table.grid()
    below.add_row(ProgressBar(total=run.planned, completed=run.total, width=60))
    below.add_row(score(run))
    return Group(rows, below)


def score(run: ModelRun) -> str:
    """Right of total with Wilson's interval."""
    if not run.total:
        return f"0 of {run.planned} pictures"
    low, high = run.interval
    return (
        f"{run.right} of {run.total} right: {percent(run.right / run.total)} "
        f"(95 % interval {percent(low)} to {percent(high)}, {run.origin})"
    )


def layers(run: ModelRun, place: Place) -> None:
    """Every layer's cost with a bar."""
    if not run.layers:
        return
    total = max(1, sum(layer.ticks for layer in run.layers))
    longest = max(1, max(layer.ticks for layer in run.layers))
    rows = [
        (
            layer.index,
            layer.op,
            layer.kind,
            layer.ticks,
            percent(layer.ticks / total),
            "█" * max(1, round(BAR * layer.ticks / longest)) if layer.ticks else "",
        )
        for layer in run.layers
    ]
    columns = ("#", "op", "kind", f"#{place.unit}", "#share", "")
    console.table(f"{run.name}: cost of every layer", columns, rows)


def summary(demo: Demo) -> None:
    """The figures of all models, with their conditions."""
    place = demo.place
    for run in demo.models:
        if not run.total:
            continue
        console.say(f"{run.name}: {score(run)}")
        for note in filter(None, (run.doubt, *run.notes)):
            console.say(f"  {note}")
        memory = run.memory
        if memory is not None:
            console.say(
                f"  {run.ticks:,} {place.unit} per inference (median); flash {memory.flash:,} B, "
                f"RAM {memory.ram:,} B (arena {memory.arena:,}, stack used {memory.stack_used:,} "
                f"of {memory.stack_size:,})"
            )
        console.say(f"  {exact(run)}")
    console.say(
        f"{place.where}, {place.core}, {place.compiler}, {place.flags}, commit {place.commit}"
    )
    if place.unit == "instructions":
        console.say("instructions are counted by the emulator: no time, no cycles")


def exact(run: ModelRun) -> str:
    """The comparison with LCE in a line."""
    if not run.compared:
        return "not compared with LCE: no output is recorded beside the pictures"
    return (
        f"bit-exact with LCE's interpreter on {run.equal} of {run.compared} pictures "
        "(outputs recorded at conversion)"
    )
