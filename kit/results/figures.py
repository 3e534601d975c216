"""Which plots docs/results.md has, and what they show."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

from kit.results import plots
from kit.results.tables import (
    CYCLES,
    FLOAT_CYCLES,
    FLOAT_SCORE,
    FLOAT_SIZE,
    INSTRUCTIONS,
    NOT_SHARES,
    SIZE,
    Outcome,
    at_setting,
    curve,
    metric_of,
    ordered,
    points,
    score,
)
from train.results.aggregate import Mean, by_arm, over_seeds
from train.results.arm import Arm, Group

# what the names of all plots made here look like
PLOT = re.compile(r"(all|[a-z])-(ev|gamma|size|instructions|bytes|cycles)\.svg$")
Value = Callable[[Outcome], float | None]
# file name's end, what the axis says, value, that of a network's float form, factor
AXES: tuple[tuple[str, str, Value, Value | None, float], ...] = (
    ("instructions", "instructions an inference on netduino2plus", INSTRUCTIONS, None, 1.0),
    ("bytes", "bytes of weights", SIZE, FLOAT_SIZE, 1 / 8),
    ("cycles", "cycles on a systolic array (reconstructed)", CYCLES, FLOAT_CYCLES, 1.0),
)


def of_group(group: Group, mine: Sequence[Outcome], planned: Sequence[Arm]) -> dict[str, str]:
    """Name -> SVG of a group's plots."""
    named = ordered(by_arm([one for one in mine if score(one) is not None]), planned)
    kind = _kind(mine)
    files: dict[str, str] = {}
    for axis, words in (("ev", "exposure, EV"), ("gamma", "gamma of the converter")):
        series = []
        for _, ones in named:
            xs = sorted({float(x) for one in ones for x in curve(one, axis)})
            dots = tuple(_dot(x, at_setting(ones, axis, x)) for x in xs)
            series.append(plots.Series(str(ones[0]["what"]), dots, True))
        title = f"{group.title}: {words.split(',')[0]}{kind}"
        files |= _file(f"{group.key}-{axis}.svg", series, title, words, "accuracy, %")
    if group.cost == "size_bits":
        series = []
        for _, ones in named:
            dots = tuple(_dot(size.mean / 1e3, mean) for _, size, mean, _ in points(ones))
            series.append(plots.Series(str(ones[0]["what"]), dots, True))
        title = f"{group.title}{kind}"
        files |= _file(f"{group.key}-size.svg", series, title, "weights, kbit", "accuracy, %")
    metrics = {metric_of(one) for _, ones in named for one in ones}
    if group.cost == "instructions" and len(metrics) == 1:  # two metrics do not share an axis
        metric = metrics.pop()
        for end, across, value, real, factor in AXES:
            series = []
            for _, ones in named:
                for kind_of, cost, mean in (
                    ("", over_seeds(ones, value), over_seeds(ones, score)),
                    (", before it in float32", *_float_form(ones, real)),
                ):
                    if cost and mean:
                        dot = _dot(factor * cost.mean, mean, metric)
                        series.append(plots.Series(f"{ones[0]['what']}{kind_of}", (dot,)))
            up = metric if metric in NOT_SHARES else f"{metric}, %"
            title = f"{group.title}{kind}"
            files |= _file(f"{group.key}-{end}.svg", series, title, across, up)
    return files


def overall(good: Sequence[Outcome], groups: Sequence[Group]) -> dict[str, str]:
    """Accuracy against cost of every classifier judged on the same pictures; a series a group."""
    scored = [one for one in good if metric_of(one) == "accuracy" and "dataset_hash" in one]
    if not scored:
        return {}
    common = Counter(one["dataset_hash"] for one in scored).most_common(1)[0][0]
    same = [one for one in scored if one["dataset_hash"] == common]
    files: dict[str, str] = {}
    for end, across, value, real, factor in AXES:
        series, floats = [], []
        for group in groups:
            dots = []
            for ones in by_arm([one for one in same if one["group"] == group.key]).values():
                cost, mean = over_seeds(ones, value), over_seeds(ones, score)
                if cost and mean:
                    dots.append(_dot(factor * cost.mean, mean))
                cost, mean = _float_form(ones, real)
                if cost and mean:
                    floats.append(_dot(factor * cost.mean, mean))
            series.append(plots.Series(group.title, tuple(dots)))
        series.append(plots.Series("8-bit networks in float32", tuple(floats)))
        title = f"Accuracy against cost{_kind(same)}"
        files |= _file(f"all-{end}.svg", series, title, across, "accuracy, %")
    return files


def _float_form(ones: Sequence[Outcome], cost: Value | None) -> tuple[Mean | None, Mean | None]:
    """Cost and score of what an 8-bit network was quantized from; it runs on no board."""
    if cost is None:
        return None, None
    return over_seeds(ones, cost), over_seeds(ones, FLOAT_SCORE)


def _kind(outcomes: Sequence[Outcome]) -> str:
    return ", synthetic" if any(one.get("synthetic") for one in outcomes) else ""


def _file(
    name: str, series: Sequence[plots.Series], title: str, across: str, up: str
) -> dict[str, str]:
    """The plot, or nothing where there is no dot."""
    full = [one for one in series if one.dots]
    return {name: plots.chart(full, title, across, up)} if full else {}


def _dot(x: float, mean: Mean | None, metric: str = "accuracy") -> plots.Dot:
    if mean is None:
        return plots.Dot(x, math.nan)
    factor = 1.0 if metric in NOT_SHARES else 100.0
    return plots.Dot(x, factor * mean.mean, factor * mean.deviation)
