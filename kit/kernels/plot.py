"""Instructions a multiply-accumulate, a bar a case."""

from __future__ import annotations

import textwrap
from typing import Any

from kit.demo.plots import COLOURS, HATCHES, as_png

# A count on paper: three-input tables of 4-bit counters on Thumb-2. Kernels may do better.
REFERENCE = 0.135


def png(rows: list[dict[str, Any]]) -> bytes:
    """The plot; cases that did not run have no bar."""
    from matplotlib.figure import Figure

    ran = [row for row in rows if row["per_mac"] is not None]
    figure = Figure(figsize=(8, 1.8 + 0.27 * max(1, len(ran))), layout="constrained")
    axes = figure.subplots()
    for at, row in enumerate(ran):
        kind = row["kind"]
        axes.barh(at, row["per_mac"], color=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white")
        axes.text(row["per_mac"], at, f" {row['per_mac']:.3f}", va="center", fontsize=7.5)
    axes.axvline(REFERENCE, color="#555", linestyle="--", linewidth=0.8)
    axes.set_yticks(range(len(ran)), [row["name"] for row in ran], fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(right=2 * max((row["per_mac"] for row in ran), default=1.0))
    axes.tick_params(axis="x", labelsize=8)
    first = rows[0]
    axes.set_xlabel(
        f"{first['unit']} a multiply-accumulate (logarithmic; dashed: {REFERENCE}, Thumb-2 tables "
        "counted on paper)",
        fontsize=8.5,
    )
    axes.spines[["top", "right"]].set_visible(False)
    words = f"{first['compiler']}, commit {first['commit']}, flags {first['flags']}"
    figure.suptitle(f"kernels on {first['board']} ({first['core']})", fontsize=11)
    figure.supxlabel("\n".join(textwrap.wrap(words, 130)), fontsize=6.5, color="#555")
    return as_png(figure)
