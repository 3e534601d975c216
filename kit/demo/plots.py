"""The demo's plots as PNG files, for slides and documents that show no HTML."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

from kit.demo.results import ModelRun, Place
from kit.report.stats import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The page's colours in its light dress; hatching tells the kinds apart without colour.
COLOURS = {"binary": "#3538cd", "int8": "#a8480a", "other": "#5c6b80"}
HATCHES = {"binary": "", "int8": "//", "other": ".."}
WORDS = {"binary": "1-bit", "int8": "8-bit", "other": "other"}
DPI = 150


def layers(run: ModelRun, place: Place) -> bytes:
    """Bars of every layer's cost."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    total = max(1, sum(layer.ticks for layer in run.layers))
    figure = Figure(figsize=(8, 1.6 + 0.34 * len(run.layers)), layout="constrained")
    axes = figure.subplots()
    for at, layer in enumerate(run.layers):
        kind = layer.kind if layer.kind in COLOURS else "other"
        axes.barh(at, layer.ticks, color=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white")
        words = f" {layer.ticks:,} ({percent(layer.ticks / total)})"
        axes.text(layer.ticks, at, words, va="center", fontsize=8)
    names = [f"{layer.index} {layer.op}" for layer in run.layers]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    longest = max((layer.ticks for layer in run.layers), default=1)
    axes.set_xlim(0, longest * 1.3)
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(f"{place.unit} per inference, {total:,} in all", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    kinds = [kind for kind in COLOURS if any(layer.kind == kind for layer in run.layers)]
    patches = [
        Patch(facecolor=COLOURS[k], edgecolor="white", hatch=HATCHES[k], label=WORDS[k])
        for k in kinds
    ]
    axes.legend(handles=patches, fontsize=8, frameon=False, loc="lower right")
    figure.suptitle(f"{run.name} on {place.where}", fontsize=11)
    _conditions(figure, place)
    return as_png(figure)


def _conditions(figure: Figure, place: Place) -> None:
    """Below the plot: what every figure depends on."""
    words = f"{place.core}, {place.compiler}, commit {place.commit}, flags {place.flags}"
    figure.supxlabel("\n".join(textwrap.wrap(words, 130)), fontsize=6.5, color="#555")


def as_png(figure: Figure) -> bytes:
    """PNG bytes that are equal for equal figures: no version, no date inside."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
