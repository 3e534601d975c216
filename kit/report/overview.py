"""The report's page, table, CSV and plot: accuracy against what an inference costs on a board."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from kit.report import page, scatter, tradeoff
from kit.report.collect import Collected, Cost, Row, Score
from kit.report.html import Html, tag
from kit.report.stats import percent

# Points in one chart must be comparable: same pictures, same board, same unit.
Group = tuple[str, str, str]
NOTHING = "–"
FIELDS = (
    "model", "data", "split", "seed", "synthetic", "accuracy", "pictures", "low95", "high95",
    "size_bits", "form", "systolic_cycles", "board", "core", "unit", "ticks", "flash_bytes",
    "ram_bytes", "arena_bytes", "stack_bytes", "weights_bytes", "compiler", "flags", "commit",
    "model_sha256",
)  # fmt: skip


def groups(collected: Collected) -> dict[Group, list[tuple[int, Score, Cost]]]:
    """(data, board, unit) → numbered rows that have both an accuracy and a cost."""
    found: dict[Group, list[tuple[int, Score, Cost]]] = {}
    for number, row in enumerate(collected.rows, 1):
        if row.score and row.cost:
            key = (row.score.data, row.cost.board, row.cost.unit)
            found.setdefault(key, []).append((number, row.score, row.cost))
    return dict(sorted(found.items()))


def missing(collected: Collected) -> list[str]:
    """What would have to be run to fill the gaps, in sentences."""
    lines = []
    if not collected.costs:
        lines.append("No benchmark was found: make bench BOARD=netduino2plus MODEL=scenes-wake")
    if not collected.scores:
        lines.append("No accuracy was found: make train RECIPE=faces-wake, or git checkout models")
    for row in collected.rows:
        if row.score and not row.cost and collected.costs:
            lines.append(_unmeasured(row.score))
        elif row.cost and not row.score and collected.scores:
            lines.append(f"{row.cost.model} ({row.cost.source}) has no metrics.json beside it.")
    return lines


def _unmeasured(score: Score) -> str:
    if score.sha256:
        where = score.file or score.name
        return f"{score.name} was not measured on a board: make bench MODEL={where}"
    return f"{score.name} ({score.source}) has no model.tflite, so it was not measured on a board."


def cells(number: int, row: Row) -> list[str]:
    """One row of the table."""
    score, cost = row.score, row.cost
    if score:
        kind = ", synthetic" if score.synthetic else ""
        low, high = score.interval
        accuracy = percent(score.accuracy)
        spread = f"{percent(low)} – {percent(high)}" if score.pictures else NOTHING
        data = f"{score.data}, {score.split}, seed {score.seed}{kind}"
    else:
        accuracy = spread = data = NOTHING
    if cost is None:
        return [str(number), row.name, data, accuracy, spread, NOTHING, *[NOTHING] * 5]
    sizes = (cost.ticks, cost.flash, cost.ram, cost.arena)
    where = f"{cost.board} ({cost.core})"
    figures = [f"{value:,}" for value in sizes]
    return [str(number), row.name, data, accuracy, spread, where, cost.unit, *figures]


COLUMNS = (
    "#", "Model", "Data, split, seed", "#Accuracy", "#95 %", "Board", "Unit", "#Per inference",
    "#Flash B", "#RAM B", "#Arena B",
)  # fmt: skip


def render(collected: Collected, files: Sequence[str]) -> str:
    """The page as HTML text."""
    charts = [_chart(key, rows) for key, rows in groups(collected).items()]
    table = page.table(
        "Every model that was found; numbers are those in the charts",
        COLUMNS,
        [cells(number, row) for number, row in enumerate(collected.rows, 1)],
    )
    sections: list[Html] = [*charts, *tradeoff.sections(collected)]
    sections.append(page.section("models", "All models", tag("div", table, class_="card")))
    gaps = missing(collected) + [f"{file} is left out: {why}" for file, why in collected.left_out]
    if gaps:
        sections.append(page.section("missing", "What is missing", page.points(gaps)))
    sections.append(page.section("builds", "Builds", tag("div", _builds(collected), class_="card")))
    sections.append(
        page.section("files", "Files beside this page",
                     page.points([tag("a", name, href=name) for name in files]))
    )  # fmt: skip
    return page.document(
        "Accuracy against cost on the device",
        "BitWake report",
        "Each point is a model that was both scored on test pictures and measured on a board. "
        "Emulated boards count instructions, which are no time and no cycles; results on rendered "
        "pictures are marked synthetic.",
        sections,
        [("models", "All models"), ("builds", "Builds")],
        "Made from bench.json and metrics.json files below runs/ and models/. "
        "This page is one file and loads nothing.",
    )


def _chart(key: Group, rows: Sequence[tuple[int, Score, Cost]]) -> Html:
    data, board, unit = key
    points = [
        scatter.Point(
            cost.ticks, score.accuracy, *score.interval, number,
            f"{number} {score.name}: {percent(score.accuracy)}, {cost.ticks:,} {unit}",
            tradeoff.KINDS.get(score.form, "binary"),
        )
        for number, score, cost in rows
    ]  # fmt: skip
    synthetic = any(score.synthetic for _, score, _ in rows)
    badge = page.data_badge(synthetic)
    names = tag("ul", *(tag("li", point.title) for point in points), class_="plain small soft")
    title = f"Accuracy on {data} against {unit} on {board}"
    card = tag("div", scatter.chart(points, unit, title), names, class_="card")
    return page.section(f"chart-{data}-{board}", f"{data} on {board}", card, badge=badge)


def _builds(collected: Collected) -> Html:
    """Compiler, flags and commits; a figure without them says nothing."""
    rows = []
    for number, row in enumerate(collected.rows, 1):
        if row.cost:
            cost = row.cost
            rows.append(
                [str(number), cost.compiler, page.code(cost.flags), page.code(cost.commit),
                 page.code(cost.sha256[:16])]
            )  # fmt: skip
    if not rows:
        return tag("p", "Nothing was measured on a board.", class_="soft")
    return page.table(
        "How each measured firmware was built",
        ["#", "Compiler", "Flags", "Commit", "Model SHA-256"],
        rows,
    )


def as_csv(collected: Collected) -> str:
    """One line a row, empty where something is not known."""
    out = io.StringIO()
    lines = csv.DictWriter(out, FIELDS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(as_dicts(collected))
    return out.getvalue()


def as_dicts(collected: Collected) -> list[dict[str, object]]:
    """The rows for machines; `None` where something is not known."""
    found = []
    for row in collected.rows:
        score, cost = row.score, row.cost
        values: dict[str, object] = dict.fromkeys(FIELDS)
        values["model"] = row.name
        if score:
            low, high = score.interval
            values |= {
                "data": score.data, "split": score.split, "seed": score.seed,
                "synthetic": score.synthetic, "accuracy": score.accuracy,
                "pictures": score.pictures or None, "low95": low, "high95": high,
                "size_bits": score.size_bits or None, "form": score.form or None,
                "systolic_cycles": score.cycles or None, "model_sha256": score.sha256 or None,
            }  # fmt: skip
        if cost:
            values |= {
                "board": cost.board, "core": cost.core, "unit": cost.unit, "ticks": cost.ticks,
                "flash_bytes": cost.flash, "ram_bytes": cost.ram, "arena_bytes": cost.arena,
                "stack_bytes": cost.stack, "weights_bytes": cost.weights,
                "compiler": cost.compiler, "flags": cost.flags, "commit": cost.commit,
                "model_sha256": cost.sha256,
            }  # fmt: skip
        found.append(values)
    return found


def plot(key: Group, rows: Sequence[tuple[int, Score, Cost]]) -> bytes:
    """The chart of one group as PNG."""
    from matplotlib.figure import Figure

    from kit.demo.plots import COLOURS, as_png

    data, board, unit = key
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for _, score, cost in rows:
        low, high = score.interval
        spread = [[100 * (score.accuracy - low)], [100 * (high - score.accuracy)]]
        axes.errorbar(
            cost.ticks, 100 * score.accuracy, yerr=spread, fmt="o", color=COLOURS["binary"],
            capsize=3,
        )  # fmt: skip
        axes.annotate(
            f"{score.name}\n{cost.flash:,} B flash, {cost.ram:,} B RAM",
            (cost.ticks, 100 * score.accuracy),
            xytext=(8, -4),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xlim(left=0, right=1.45 * max(cost.ticks for _, _, cost in rows))
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    axes.tick_params(labelsize=8)
    axes.set_xlabel(f"{unit} per inference on {board}", fontsize=9)
    synthetic = any(score.synthetic for _, score, _ in rows)
    kind = "synthetic pictures" if synthetic else "real photographs"
    axes.set_ylabel(f"accuracy on {data} in %, 95 % interval", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{data} ({kind}) on {board}", fontsize=11)
    return as_png(figure)
