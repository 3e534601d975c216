"""Accuracy against costs that need no board: bytes of weights, cycles of a systolic array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kit.report import page, scatter
from kit.report.collect import Collected, Score
from kit.report.html import Html, tag
from kit.report.stats import percent

KINDS = {"binary": "binary", "int8": "int8", "float": "other"}  # form -> class of the style sheet


@dataclass(frozen=True)
class Axis:
    """A cost.

    Attributes:
        key: in file names and anchors.
        unit: on the axis.
        value: of a score; 0 where it is not known.
        note: what has to be said of it.
    """

    key: str
    unit: str
    value: Callable[[Score], float]
    note: str


AXES = (
    Axis(
        "bytes",
        "bytes of weights",
        lambda score: score.size_bits / 8,
        "Weights as they are stored: 1, 8 or 32 bits each.",
    ),
    Axis(
        "cycles",
        "cycles of a systolic array",
        lambda score: score.cycles,
        "A weight-stationary array of 16×16 8-bit elements; 16 times as many 1-bit elements, a "
        "quarter as many float32 ones on the same area, by assumption. The cycle model is "
        "reconstructed: no device here has such an array.",
    ),
)

Numbered = list[tuple[int, Score]]


def groups(collected: Collected, axis: Axis) -> dict[str, Numbered]:
    """Data -> rows of the table whose cost is known, once a model; at least two to compare."""
    found: dict[str, Numbered] = {}
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(collected.rows, 1):
        score = row.score
        if score and axis.value(score) > 0 and (score.name, score.source) not in seen:
            seen.add((score.name, score.source))
            found.setdefault(score.data, []).append((number, score))
    return {data: rows for data, rows in sorted(found.items()) if len(rows) > 1}


def sections(collected: Collected) -> list[Html]:
    """A chart for each data set and axis."""
    return [
        _section(data, axis, rows)
        for axis in AXES
        for data, rows in groups(collected, axis).items()
    ]


def _section(data: str, axis: Axis, rows: Numbered) -> Html:
    points = [
        scatter.Point(
            axis.value(score),
            score.accuracy,
            *score.interval,
            number,
            f"{number} {score.name} ({score.form or 'unknown'}): {percent(score.accuracy)}, "
            f"{axis.value(score):,.0f} {axis.unit}",
            KINDS.get(score.form, "other"),
        )
        for number, score in rows
    ]
    synthetic = any(score.synthetic for _, score in rows)
    badge = page.data_badge(synthetic)
    names = tag("ul", *(tag("li", point.title) for point in points), class_="plain small soft")
    title = f"Accuracy on {data} against {axis.unit}"
    drawn = scatter.chart(points, axis.unit, title, per="")
    card = tag("div", drawn, names, tag("p", axis.note, class_="soft"), class_="card")
    return page.section(f"chart-{data}-{axis.key}", f"{data}: {axis.unit}", card, badge=badge)


def plots(collected: Collected) -> dict[str, bytes]:
    """File name -> PNG of the same charts."""
    return {
        f"accuracy-{data}-{axis.key}.png": _plot(data, axis, rows)
        for axis in AXES
        for data, rows in groups(collected, axis).items()
    }


def _plot(data: str, axis: Axis, rows: Sequence[tuple[int, Score]]) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    from kit.demo.plots import COLOURS, as_png

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    markers = {"binary": "o", "int8": "s", "other": "^"}
    for _, score in rows:
        low, high = score.interval
        kind = KINDS.get(score.form, "other")
        x, y = axis.value(score), 100 * score.accuracy
        spread = [[y - 100 * low], [100 * high - y]]
        axes.errorbar(x, y, yerr=spread, fmt=markers[kind], color=COLOURS[kind], capsize=3)
        label = f"{score.name}\n{score.form or 'unknown'}"
        axes.annotate(label, (x, y), xytext=(8, -4), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=8)
    axes.set_xlabel(axis.unit, fontsize=9)
    synthetic = any(score.synthetic for _, score in rows)
    kind = "synthetic pictures" if synthetic else "real photographs"
    axes.set_ylabel(f"accuracy on {data} in %, 95 % interval", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{data} ({kind}): accuracy against {axis.unit}", fontsize=11)
    return as_png(figure)
