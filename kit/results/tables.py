"""Tables of docs/results.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from train.results.aggregate import Mean, mixed, over_seeds
from train.results.arm import SEEDS, Arm

Outcome = Mapping[str, Any]
Named = tuple[str, Sequence[Outcome]]  # an arm's name and its outcomes
NOTHING = "–"
# What the outcomes of an arm must have in common for their mean to mean something.
COMMON = ("recipe", "overrides", "dataset_hash", "size_bits")
NOT_SHARES = ("PSNR",)  # metrics that are no share of 1
DARK = -3.0  # EV at which a network's loss is stated


def score(outcome: Outcome) -> float | None:
    """The headline figure, as a share where it is one."""
    value = outcome.get("score", outcome.get("accuracy"))
    return None if value is None else float(value)


def told(mean: Mean | None, factor: float = 1.0, digits: int = 2) -> str:
    """`67.05 ± 0.41`, without a deviation for one value."""
    if mean is None:
        return NOTHING
    text = f"{round(factor * mean.mean, digits) + 0.0:.{digits}f}"  # no -0.00
    return text if math.isnan(mean.deviation) else f"{text} ± {factor * mean.deviation:.{digits}f}"


def counted(mean: Mean | None) -> str:
    n = 0 if mean is None else mean.n
    return str(n) if n >= SEEDS else f"{n} of {SEEDS}"


def value_at(*path: str) -> Callable[[Outcome], float | None]:
    """Reads a nested number."""

    def read(outcome: Outcome) -> float | None:
        found: Any = outcome
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    return read


INSTRUCTIONS = value_at("bench", "total")
FLOAT_SIZE, FLOAT_CYCLES = value_at("float", "size_bits"), value_at("float", "cycles")
FLOAT_SCORE = value_at("float_score")
CYCLES = value_at("analysis", "cycles")
SIZE = value_at("size_bits")
# head, value, factor, digits; shown when an arm of the group has it. Structure: no deviation.
COSTS: tuple[tuple[str, Callable[[Outcome], float | None], float, int], ...] = (
    ("weights, kbit", SIZE, 1e-3, 1),
    ("M MACs", value_at("analysis", "macs"), 1e-6, 2),
    ("M BOPs", value_at("analysis", "bops"), 1e-6, 1),
    ("instructions", INSTRUCTIONS, 1.0, 0),
    ("systolic cycles", CYCLES, 1.0, 0),
    ("flash, B", value_at("bench", "flash_bytes"), 1.0, 0),
    ("RAM, B", value_at("bench", "ram_bytes"), 1.0, 0),
)


def kernels_of(outcome: Outcome) -> str | None:
    """The commit whose kernels its instructions are of."""
    bench = outcome.get("bench", {})
    return bench.get("kernels") or bench.get("commit")


def costed(outcomes: Sequence[Outcome], counts: Mapping[str, Outcome]) -> list[Outcome]:
    """The outcomes, with their arm's count for `bench`, and `float` where it has one.

    An arm without a count (what pruning left was learned) keeps the instructions of its last seed:
    kernels improve between one run and the next, and a mean over seeds would be of no kernel.
    """
    last: dict[str, int] = {}
    for one in outcomes:
        if "bench" in one:
            last[one["arm"]] = max(one["seed"], last.get(one["arm"], -1))
    found: list[Outcome] = []
    for one in outcomes:
        count = counts.get(one["arm"], {})
        plain = {name: value for name, value in one.items() if name != "bench"}
        if "bench" in count:
            bench = {**count["bench"], "kernels": count.get("kernels")}
            plain |= {"bench": bench, **({"float": count["float"]} if "float" in count else {})}
        elif last.get(one["arm"]) == one["seed"]:
            plain["bench"] = one["bench"]
        found.append(plain)
    return found


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; heads that begin with `#` are right-aligned."""
    lines = ["| " + " | ".join(head.lstrip("#") for head in heads) + " |"]
    lines.append("|" + "|".join("---:" if head.startswith("#") else "---" for head in heads) + "|")
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def ordered(found: Mapping[str, Sequence[Outcome]], planned: Sequence[Arm]) -> list[Named]:
    """Arms as planned, then those that are planned no more."""
    names = [arm.name for arm in planned if arm.name in found]
    return [(name, found[name]) for name in [*names, *(n for n in found if n not in names)]]


def main_table(arms: Sequence[Named]) -> str:
    """A row an arm: its score and its costs."""
    rows, notes = [], []
    shown = [c for c in COSTS if any(over_seeds(ones, c[1]) for _, ones in arms)]
    metrics = {metric_of(one) for _, ones in arms for one in ones}
    single = next(iter(metrics)) if len(metrics) == 1 else ""
    for name, ones in arms:
        mean, metric = over_seeds(ones, score), metric_of(ones[0])
        cells = [str(ones[0]["what"]), *([] if single else [metric])]
        cells += [told(mean, 1 if metric in NOT_SHARES else 100), counted(mean)]
        for _, value, factor, digits in shown:
            cost = over_seeds(ones, value)
            cells.append(NOTHING if cost is None else f"{factor * cost.mean:,.{digits}f}")
        rows.append(cells)
        differing = mixed(ones, COMMON)
        if differing:
            notes.append(f"**{name}**: its seeds differ in {', '.join(differing)}.\n")
    unit = ", %" if single and single not in NOT_SHARES else ""
    head = f"#{single}{unit}" if single else "#score"
    heads = ["experiment", *([] if single else ["metric"]), head, "#n"]
    text = table([*heads, *(f"#{c[0]}" for c in shown)], rows)
    return text + "".join(f"\n{note}" for note in notes)


def metric_of(outcome: Outcome) -> str:
    return str(outcome.get("metric", "accuracy"))


def points_table(arms: Sequence[Named]) -> str:
    """Every size at which a pruned network was judged, and what it lost, seed by seed."""
    rows = []
    for _, ones in arms:
        for at, size, accuracy, lost in points(ones):
            cells = [str(ones[0]["what"]), str(at), told(size, 1e-3, 1), told(accuracy, 100)]
            rows.append([*cells, NOTHING if at == 0 else told(lost, 100), counted(accuracy)])
    heads = ["experiment", "#step", "#weights, kbit", "#accuracy, %", "#lost, points", "#n"]
    return table(heads, rows)


def points(ones: Sequence[Outcome]) -> list[tuple[int, Mean, Mean, Mean | None]]:
    """(step, weight bits, accuracy, accuracy lost since step 0) over the seeds of an arm."""
    found = []
    most = max((len(one.get("points", ())) for one in ones), default=0)
    for at in range(most):
        rows = [one["points"] for one in ones if len(one.get("points", ())) > at]
        size = over_seeds([row[at] for row in rows], value_at("size_bits"))
        accuracy = over_seeds([row[at] for row in rows], value_at("accuracy"))
        pairs = [{"lost": row[0]["accuracy"] - row[at]["accuracy"]} for row in rows]
        if size and accuracy:
            found.append((at, size, accuracy, over_seeds(pairs, value_at("lost"))))
    return found


def robustness_tables(arms: Sequence[Named]) -> str:
    """Accuracy over exposure and over gamma, and what is lost in the dark, seed by seed."""
    parts = []
    for axis, head in (("ev", "EV"), ("gamma", "gamma")):
        xs = sorted({float(x) for _, ones in arms for one in ones for x in curve(one, axis)})
        sign = "+g" if axis == "ev" else "g"
        heads = ["accuracy, %", *(f"#{head} {x:{sign}}" for x in xs)]
        rows = [
            [str(ones[0]["what"]), *(told(at_setting(ones, axis, x), 100, 1) for x in xs)]
            for _, ones in arms
        ]
        if axis == "ev" and {0.0, DARK} <= set(xs):
            heads.append(f"#lost at EV {DARK:+g}, points")
            for row, (_, ones) in zip(rows, arms, strict=True):
                row.append(told(over_seeds(ones, in_the_dark), 100, 1))
        parts.append(table(heads, rows))
    return "\n".join(parts)


def in_the_dark(outcome: Outcome) -> float | None:
    """Accuracy at 0 EV less that at DARK."""
    found = {float(x): y for x, y in curve(outcome, "ev").items()}
    return found[0.0] - found[DARK] if {0.0, DARK} <= set(found) else None


def curve(outcome: Outcome, axis: str) -> dict[str, float]:
    """x, as text -> accuracy."""
    found = outcome.get("robustness", {}).get(axis, {})
    return {str(x): float(y) for x, y in found.items()}


def at_setting(ones: Sequence[Outcome], axis: str, x: float) -> Mean | None:
    """Accuracy at one exposure or gamma."""

    def value(one: Outcome) -> float | None:
        return next((y for at, y in curve(one, axis).items() if float(at) == x), None)

    return over_seeds(ones, value)
