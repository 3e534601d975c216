"""Mean and sample deviation over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mean:
    """Of n values: the mean, and the sample deviation (n - 1 in the divisor; NaN for n = 1)."""

    mean: float
    deviation: float
    n: int


def mean_of(values: Iterable[float]) -> Mean | None:
    """None for no value."""
    found = [float(value) for value in values]
    if not found:
        return None
    mean = math.fsum(found) / len(found)
    if len(found) == 1:
        return Mean(mean, math.nan, 1)
    squares = math.fsum((value - mean) ** 2 for value in found)
    return Mean(mean, math.sqrt(squares / (len(found) - 1)), len(found))


def over_seeds(
    outcomes: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, Any]], float | None]
) -> Mean | None:
    """Of those outcomes that have the value."""
    found = [value(outcome) for outcome in outcomes]
    return mean_of(one for one in found if one is not None)


def by_arm(outcomes: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Arm -> outcomes, by seed."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in sorted(outcomes, key=lambda one: (one["arm"], one["seed"])):
        found.setdefault(outcome["arm"], []).append(outcome)
    return found


def mixed(outcomes: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Of `names`, the fields in which outcomes differ: a mean over those would mix things up."""
    return [name for name in names if len({repr(one[name]) for one in outcomes if name in one}) > 1]
