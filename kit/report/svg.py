"""Bar charts and gauges as inline SVG.

They have no ``viewBox``: horizontal places are percentages and type keeps its size, so that one
drawing is legible at 390 and at 1280 pixels. Colours are classes of the page's style sheet, which
follow light and dark. Every bar carries its figure as text; kinds differ by pattern too, not by
colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kit.report.html import Html, join, tag

ROW = 40  # px: a line of text and the bar beneath it
BAR = 12  # px
KINDS = ("binary", "int8", "other")


@dataclass(frozen=True)
class Bar:
    """One bar: its label at the left, its figure at the right, its length beneath."""

    label: str
    figure: str
    value: float
    kind: str = "binary"
    """A class of the style sheet: ``binary``, ``int8``, ``other`` or ``theirs``."""


@dataclass(frozen=True)
class Part:
    """One part of a gauge."""

    name: str
    value: int
    kind: str


def patterns() -> Html:
    """The hatchings that ``bars`` and ``gauge`` refer to; once per page."""
    line = tag("path", d="M0 6L6 0", class_="hatch-line")
    dot = tag("circle", cx=3, cy=3, r=1.1, class_="hatch-dot")
    size = {"width": 6, "height": 6, "patternUnits": "userSpaceOnUse"}
    return tag(
        "svg",
        tag(
            "defs",
            tag(
                "pattern",
                tag("rect", width=6, height=6, class_="k-int8"),
                line,
                id="p-int8",
                **size,
            ),
            tag(
                "pattern",
                tag("rect", width=6, height=6, class_="k-other"),
                dot,
                id="p-other",
                **size,
            ),
            tag(
                "pattern",
                tag("rect", width=6, height=6, class_="k-theirs"),
                line,
                id="p-theirs",
                **size,
            ),
        ),
        width=0,
        height=0,
        class_="defs",
        aria_hidden="true",
    )


def _fill(kind: str) -> str | None:
    """A kind other than ``binary`` is hatched; CSS sets the plain colour."""
    return None if kind == "binary" else f"url(#p-{kind})"


def _bar(x: float, y: int, width: float, height: int, kind: str, title: str = "") -> Html:
    return tag(
        "rect",
        tag("title", title) if title else None,
        x=f"{x:.3f}%",
        y=y,
        width=f"{width:.3f}%",
        height=height,
        rx=2,
        class_=f"bar k-{kind}",
        style=f"fill:{_fill(kind)}" if _fill(kind) else None,
    )


def bars(rows: Sequence[Bar], title: str, top: float | None = None) -> Html:
    """A horizontal bar chart.

    Args:
        rows: the bars from top to bottom.
        title: what the chart says, for people who do not see it.
        top: the value of a full-width bar; the largest of ``rows`` when missing.
    """
    full = max([row.value for row in rows], default=0.0) if top is None else top
    body = []
    for index, row in enumerate(rows):
        y = index * ROW
        share = 100 * row.value / full if full > 0 else 0.0
        body += [
            tag("text", row.label, x=0, y=y + 15, class_="label"),
            tag("text", row.figure, x="100%", y=y + 15, class_="figure", text_anchor="end"),
            tag("rect", x=0, y=y + 21, width="100%", height=BAR, rx=2, class_="track"),
            # A bar too short to see would read as nothing at all.
            _bar(0, y + 21, max(share, 0.4) if row.value > 0 else 0.0, BAR, row.kind),
        ]
    return tag(
        "svg",
        *body,
        role="img",
        aria_label=title,
        class_="chart",
        width="100%",
        height=max(1, len(rows)) * ROW,
    )


def gauge(parts: Sequence[Part], limit: int, title: str) -> Html:
    """What ``parts`` take of ``limit``, as one bar; beyond the limit the bar is full."""
    total = sum(part.value for part in parts)
    full = max(limit, total, 1)
    body = [tag("rect", x=0, y=0, width="100%", height=16, rx=3, class_="track")]
    x = 0.0
    for part in parts:
        width = 100 * part.value / full
        if width > 0:
            body.append(_bar(x, 0, width, 16, part.kind, f"{part.name}: {part.value:,} B"))
        x += width
    return tag("svg", *body, role="img", aria_label=title, class_="gauge", width="100%", height=16)


def interval(low: float, value: float, high: float, title: str) -> Html:
    """A proportion with its interval on a scale of 0 to 1: a band, and a mark at the value."""
    return tag(
        "svg",
        tag("rect", x=0, y=6, width="100%", height=4, rx=2, class_="track"),
        tag(
            "rect",
            x=f"{100 * low:.3f}%",
            y=4,
            width=f"{100 * (high - low):.3f}%",
            height=8,
            rx=2,
            class_="band",
        ),
        tag("line", x1=f"{100 * value:.3f}%", x2=f"{100 * value:.3f}%", y1=0, y2=16, class_="mark"),
        role="img",
        aria_label=title,
        class_="gauge",
        width="100%",
        height=16,
    )


def fingerprint(digest: str, columns: int = 64) -> Html:
    """The bits of a hexadecimal digest as squares, most significant first: a face for a hash."""
    try:
        bits = "".join(f"{int(digit, 16):04b}" for digit in digest)
    except ValueError:
        bits = ""
    rows = -(-len(bits) // columns)
    squares = join(
        tag("rect", x=index % columns, y=index // columns, width=0.86, height=0.86)
        for index, bit in enumerate(bits)
        if bit == "1"
    )
    return tag(
        "svg",
        squares,
        viewBox=f"0 0 {columns} {max(rows, 1)}",
        class_="fingerprint",
        aria_hidden="true",
        preserveAspectRatio="xMinYMid meet",
    )
