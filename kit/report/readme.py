"""Writes the README's figures between its markers, and tells when they are out of date.

A block begins with `<!-- figures:NAME -->` and ends with `<!-- /figures -->`; what lies between is
made from `docs/figures.json` and is never edited by hand.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence

from convert.errors import BitWakeError
from kit import console
from kit.cli import typed
from kit.files import ROOT, shown, write_json, write_whole
from kit.report import figures
from kit.report.figures import Figures, Place
from kit.report.stats import percent

BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


def run(args: argparse.Namespace) -> int:
    """Renews or checks; 1 when the check finds something."""
    place = Place(ROOT)
    if args.check:
        lines = out_of_date(place)
        if args.json:
            write_json(args.json, {"ok": not lines, "stale": lines})
        for line in lines:
            console.say(f"out of date: {line}")
        console.say(
            typed("renew with: kit report --readme") if lines else "README.md is up to date"
        )
        return 1 if lines else 0
    found, kept, left = figures.keep(_before(place), figures.gather(place))
    text = place.readme.read_text("utf-8")
    renewed = fill(text, found)
    write_whole(place.snapshot, (json.dumps(found, indent=1, sort_keys=True) + "\n").encode())
    write_whole(place.readme, renewed.encode())
    if args.json:
        write_json(args.json, found)
    changed = "renewed" if renewed != text else "were up to date"
    console.say(f"the figures of {shown(place.readme)} {changed}")
    for line in kept:
        console.say(f"kept from the last snapshot, because no run here has it: {line}")
    for line in left:
        console.say(f"left out, because the shipped model is another one: {line}")
    return 0


def _before(place: Place) -> Figures:
    """The last snapshot. One that is not there or cannot be read is about to be replaced."""
    try:
        return figures.read(place.snapshot, "kit report --readme makes it")
    except BitWakeError:
        return {}


def out_of_date(place: Place) -> list[str]:
    """What does not fit together, in sentences."""
    found = figures.read(place.snapshot, "kit report --readme makes it")
    text = place.readme.read_text("utf-8")
    lines = figures.stale(place, found)
    if fill(text, found) != text:
        lines.append(f"{shown(place.readme)} differs from {shown(place.snapshot)}")
    return lines


def fill(text: str, found: Figures) -> str:
    """The text with every block made anew.

    Raises:
        BitWakeError: a block with a name that nobody makes, or one that is missing.
    """
    names = [match.group(2) for match in BLOCK.finditer(text)]
    if sorted(names) != sorted(BLOCKS):
        raise BitWakeError(
            "the README's blocks of figures are not the known ones",
            found=", ".join(names) or "none",
            remedy="one each of: " + ", ".join(f"<!-- figures:{name} -->" for name in BLOCKS),
        )
    return BLOCK.sub(lambda m: f"{m[1]}\n{BLOCKS[m[2]](found)}\n{m[3]}", text)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; columns whose head starts with `#` are right-aligned."""
    lines = [
        "| " + " | ".join(head.lstrip("#") for head in columns) + " |",
        "|" + "|".join("--:" if head.startswith("#") else "---" for head in columns) + "|",
    ]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def data_words(entry: Figures) -> str:
    """Data, split and seed, with the word synthetic where it belongs."""
    kind = "synthetic" if entry["synthetic"] else "real photographs"
    return f"{entry['data']} ({kind}), {entry['split']}, seed {entry['seed']}"


def demo(found: Figures) -> str:
    """What `make demo` prints at its end."""
    place = found["demo"]
    rows = []
    for entry in place["models"]:
        score, exact = entry["accuracy"], entry["bit_exact"]
        low, high = score["wilson95"]
        rows.append(
            (
                entry["model"],
                data_words(entry),
                f"{score['right']} of {score['total']}",
                f"{percent(low)} – {percent(high)}",
                f"{entry['total']:,}",
                f"{exact['equal']} of {exact['compared']}",
            )
        )
    head = ("model", "pictures", "#right", "95 % interval", f"#{place['unit']} per inference",
            "#equal to LCE bit for bit")  # fmt: skip
    return table(head, rows) + conditions("make demo", place)


def conditions(command: str, entry: Figures) -> str:
    """The line under a table: what its figures depend on."""
    return (
        f"\n`{command}`: {entry['board']} ({entry['core']}, emulated by QEMU), "
        f"{entry['compiler']}, `{entry['flags']}`, commit `{entry['commit']}`.\n"
    )


def accuracy(found: Figures) -> str:
    """The shipped models on their whole test sets."""
    rows = []
    for entry in found["accuracy"]:
        low, high = entry["wilson95"]
        rows.append(
            (
                entry["model"],
                data_words(entry),
                f"{entry['pictures']:,}",
                percent(entry["accuracy"], 2),
                f"{percent(low)} – {percent(high)}",
                f"{entry['size_bits'] / 1000:,.0f} kbit",
            )
        )
        if entry["wedge_free"]:
            pictures, share = entry["wedge_free"]
            words = f"{data_words(entry)}, without alignment wedges"
            rows.append((entry["model"], words, f"{pictures:,}", percent(share, 2), "", ""))
    head = ("model", "data, split, seed", "#pictures", "#accuracy", "95 % interval", "#weights")
    text = table(head, rows)
    for entry in found["folds"]:
        text += "\n" + fold_words(entry)
    for entry in found["comparison"]:
        text += "\n" + beside(entry)
    return text


def fold_words(entry: Figures) -> str:
    """A cross-validation in a sentence."""
    each = ", ".join(percent(share) for share in entry["accuracies"])
    return (
        f"`make train RECIPE={entry['recipe']} ARGS=--folds`: **{percent(entry['accuracy'])}**, "
        f"mean of {len(entry['accuracies'])} folds ({each}) over all {entry['pictures']:,} "
        f"pictures of {entry['data']}, seed {entry['seed']}; "
        f"{percent(entry['wedge_free_accuracy'])} of the {entry['wedge_free_pictures']:,} without "
        "alignment wedges.\n"
    )


def beside(entry: Figures) -> str:
    """Other networks on the same test pictures."""
    rows = [
        (
            row["what"],
            percent(row["accuracy"], 2),
            f"{row['weight_bytes']:,}",
            f"{row['macs'] / 1e6:.1f} M {'binary' if row['weights'] == 'binary' else 'real'}",
            row["epochs"],
        )
        for row in entry["rows"]
    ]
    kind = " (synthetic)" if entry["synthetic"] else ""
    pictures = entry["rows"][0]["pictures"]
    return (
        f"Other networks trained on the same data, on the same {pictures:,} {entry['split']} "
        f"pictures of {entry['data']}{kind} (`kit train --compare …`):\n\n"
        + table(("network", "#accuracy", "#weights B", "#MACs", "#epochs"), rows)
    )


def cost(found: Figures) -> str:
    """What one inference takes."""
    rows = []
    for entry in found["cost"]:
        sizes = ("flash_bytes", "ram_bytes", "arena_bytes", "stack_bytes", "weights_bytes")
        rows.append(
            (
                f"{entry['model']} `{entry['model_sha256'][:8]}`",
                f"{entry['board']} ({entry['core']})",
                f"{entry['total']:,} {entry['unit']}",
                *(f"{entry[name]:,}" for name in sizes),
            )
        )
    head = ("model, SHA-256", "board", "#per inference", "#flash B", "#RAM B", "#arena B",
            "#stack used B", "#weights B")  # fmt: skip
    builds = sorted({(c["board"], c["compiler"], c["flags"], c["commit"]) for c in found["cost"]})
    lines = [
        f"{board}: {compiler}, `{flags}`, commit `{commit}`."
        for board, compiler, flags, commit in builds
    ]
    return (
        table(head, rows) + "\n`make bench`, the slowest of its inputs. " + " ".join(lines) + "\n"
    )


def validate(found: Figures) -> str:
    """Bit-exactness against LCE's interpreter."""
    rows = [
        (
            entry["model"],
            entry["board"],
            f"{entry['inputs']:,}",
            f"{entry['mismatched_elements']:,}",
            f"{entry['oracle']}, seed {entry['seed']}",
        )
        for entry in found["validate"]
    ]
    head = ("model", "board", "#inputs compared", "#elements that differ", "with")
    return table(head, rows) + "\n`make validate`.\n"


BLOCKS: dict[str, Callable[[Figures], str]] = {
    "demo": demo,
    "accuracy": accuracy,
    "cost": cost,
    "validate": validate,
}
