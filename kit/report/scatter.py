"""A scatter chart as inline SVG: numbered points with intervals, the numbers being table rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kit.report.html import Html, tag

HEIGHT = 280  # px of the plane; type keeps its size at every width
LEFT = 12.0  # % of the width for the labels of the vertical axis
TOP, BOTTOM = 12, 44  # px above and below the plane
RADIUS = 11
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)  # times a power of ten
QUARTERS = 4  # parts of each axis
FLOORS = (0.96, 0.92, 0.8, 0.6, 0.2, 0.0)


@dataclass(frozen=True)
class Point:
    """A model: cost `x` (at least 0), share `y` of 1 with its interval, number in the table.

    `kind` is a class of the style sheet: binary, int8 or other.
    """

    x: float
    y: float
    low: float
    high: float
    number: int
    title: str
    kind: str = "binary"


def nice(top: float) -> float:
    """The next step with few digits at or above `top`."""
    if top <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next(step * power for step in STEPS if step * power >= top * (1 - 1e-9))


def floor_of(points: Sequence[Point]) -> float:
    """The lower end of the vertical axis, below every interval, with round quarters up to 100 %."""
    least = min((point.low for point in points), default=0.0)
    return next(low for low in FLOORS if low <= least)


def tick(value: float) -> str:
    """A tick's label: 2.5 M, 400 k, 0.5."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def chart(points: Sequence[Point], unit: str, title: str, per: str = " per inference") -> Html:
    """The chart.

    Args:
        points: at least one.
        unit: of `x`.
        title: what it says, for people who do not see it.
        per: follows the unit on the axis.
    """
    low = floor_of(points)
    right = QUARTERS * nice(max(point.x for point in points) * 1.02 / QUARTERS)

    def across(x: float) -> str:
        return f"{LEFT + (97 - LEFT) * x / right:.3f}%"

    def down(y: float) -> float:
        return round(TOP + HEIGHT * (1 - (y - low) / (1 - low)), 1)

    body = []
    for step in range(QUARTERS + 1):
        y = low + (1 - low) * step / QUARTERS
        body += [
            tag("line", x1=f"{LEFT}%", x2="97%", y1=down(y), y2=down(y), class_="grid-line"),
            tag(
                "text", f"{100 * y:.3g} %", x=f"{LEFT - 1.5}%", y=down(y) + 4, text_anchor="end",
                class_="figure",
            ),
        ]  # fmt: skip
    for step in range(QUARTERS + 1):
        value = right * step / QUARTERS
        anchor = "end" if step == QUARTERS else "middle"
        place = {"x": across(value), "y": TOP + HEIGHT + 20, "text_anchor": anchor}
        body.append(tag("text", tick(value), class_="figure", **place))
    place = {"x": "97%", "y": TOP + HEIGHT + 40, "text_anchor": "end"}
    body.append(tag("text", f"{unit}{per}", class_="figure", **place))
    for point in points:
        x, ends = across(point.x), {"y1": down(point.low), "y2": down(point.high)}
        body += [
            tag("line", x1=x, x2=x, class_="whisker", **ends),
            tag("circle", tag("title", point.title), cx=x, cy=down(point.y), r=RADIUS,
                class_=f"k-{point.kind} dot"),
            tag("text", str(point.number), x=x, y=down(point.y) + 4.5, text_anchor="middle",
                class_="dot-number"),
        ]  # fmt: skip
    return tag(
        "svg",
        *body,
        role="img",
        aria_label=title,
        class_="chart",
        width="100%",
        height=TOP + HEIGHT + BOTTOM,
    )
