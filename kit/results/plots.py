"""Plots of docs/results.md as SVG files: points with whiskers, joined where they are one series.

Colours hold on light and dark pages; series differ by marker too. The same values give the same
bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from kit.report.scatter import tick

WIDTH, HEIGHT = 720, 414
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 54, 52
LINE = 18  # px of a line of the legend
COLOURS = ("#2f7ed8", "#d9822b", "#3a9d5d", "#b04fc0", "#c23b4b", "#7a7f87", "#00939c", "#8d6e3f")
INK = "#7a7f87"
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # times a power of ten
TICKS = 6  # about so many an axis


@dataclass(frozen=True)
class Dot:
    """A value `y` at `x`; `spread` is half the whisker, NaN for none."""

    x: float
    y: float
    spread: float = math.nan


@dataclass(frozen=True)
class Series:
    """Points of one colour and marker; `joined` draws lines between them, in the order of x."""

    name: str
    dots: tuple[Dot, ...]
    joined: bool = False


def step_of(span: float) -> float:
    """A round distance of ticks."""
    rough = span / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in STEPS if step * power >= rough * (1 - 1e-9))


def ticks(low: float, high: float) -> list[float]:
    """Round values around low … high; the first and the last are the ends of the axis."""
    span = high - low
    if span <= 1e-9 * abs(high):  # one value alone: an axis of its own magnitude
        span = abs(high) or 1.0
    step = step_of(span)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, max(last, first + 1) + 1)]


def _marker(kind: int, x: float, y: float, colour: str) -> str:
    if kind % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
    if kind % 3 == 1:
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" fill="{colour}"/>'
    return f'<path d="M{x:.1f} {y - 6:.1f}l6 10.5h-12z" fill="{colour}"/>'


def chart(series: Sequence[Series], title: str, across: str, up: str) -> str:
    """The file's text.

    Args:
        series: at least one dot among them.
        title: above the plot, and for people who do not see it.
        across, up: what the axes say.
    """
    dots = [dot for one in series for dot in one.dots]
    spreads = [0.0 if math.isnan(dot.spread) else dot.spread for dot in dots]
    xs = ticks(min(dot.x for dot in dots), max(dot.x for dot in dots))
    ys = ticks(
        min(dot.y - s for dot, s in zip(dots, spreads, strict=True)),
        max(dot.y + s for dot, s in zip(dots, spreads, strict=True)),
    )
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    height = HEIGHT + LINE * len(series)

    def px(x: float) -> float:
        return LEFT + (right - LEFT) * (x - xs[0]) / (xs[-1] - xs[0])

    def py(y: float) -> float:
        return bottom - (bottom - TOP) * (y - ys[0]) / (ys[-1] - ys[0])

    def text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        return f'<text {place} fill="{INK}"{more}>{escape(words)}</text>'

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        text(LEFT, 22, title, more=' font-weight="bold"'),
    ]
    for y in ys:
        out.append(f'<path d="M{LEFT} {py(y):.1f}H{right}" stroke="{INK}" stroke-opacity="0.3"/>')
        out.append(text(LEFT - 8, py(y) + 4, tick(y), "end"))
    for x in xs:
        out.append(text(px(x), bottom + 20, tick(x), "middle"))
    out.append(text(right, bottom + 40, across, "end"))
    out.append(text(LEFT - 56, TOP - 12, up))
    for kind, one in enumerate(series):
        colour = COLOURS[kind % len(COLOURS)]
        placed = sorted(one.dots, key=lambda dot: (dot.x, dot.y))
        if one.joined and len(placed) > 1:
            path = "L".join(f"{px(dot.x):.1f} {py(dot.y):.1f}" for dot in placed)
            out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for dot in placed:
            if not math.isnan(dot.spread):
                low, high = py(dot.y - dot.spread), py(dot.y + dot.spread)
                out.append(
                    f'<path d="M{px(dot.x):.1f} {low:.1f}V{high:.1f}" stroke="{colour}" '
                    f'stroke-width="1.5"/>'
                )
            out.append(_marker(kind, px(dot.x), py(dot.y), colour))
        line = HEIGHT + LINE * kind + 4
        out += [_marker(kind, LEFT + 6, line, colour), text(LEFT + 20, line + 4, one.name)]
    return "\n".join([*out, "</svg>"]) + "\n"
