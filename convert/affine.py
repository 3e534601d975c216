"""Whole numbers that decide a table of thresholds: exact, or shown not to exist.

A decision about two counts x and y is given as a threshold for each y: true where x > at[y]. The
question is for whole p, q > 0 and t with

    q x + p y > t   exactly where   x > at[y],   for all 0 <= x <= most, 0 <= y < len(at).

With r = p / q and s = t / q it asks for a line s - r y that keeps between the steps: at[y] <= s -
r y < at[y] + 1 wherever both answers occur at y. (At at[y] = -1 all are true and only the right
half counts, at at[y] = most none is and only the left.) Two points bound r from one side each, so
the r that serve form an interval; it is narrowed by the pair that the current r violates most,
and the simplest fraction inside is tried next. All of it in whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from convert.ir import Array

LARGEST = 32767  # a factor is a half-word
LARGEST_SUM = 2**30  # what both products, or the limit less them, may be
TRIES = 200


@dataclass(frozen=True)
class Line:
    """x * q + y * p > t."""

    q: int
    p: int
    t: int


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the least denominator strictly between two; Stern and Brocot's tree."""
    if low < 0 < high:
        return Fraction(0)
    if high <= 0:
        return -simplest(-high, -low)
    whole = low.numerator // low.denominator
    if whole + 1 < high:
        return Fraction(whole + 1)
    if low == whole:  # between whole and at most whole + 1: 1 / n with the least n
        rest = high - whole
        return whole + Fraction(1, rest.denominator // rest.numerator + 1)
    return whole + 1 / simplest(1 / (high - whole), 1 / (low - whole))


def separate(at: Array, most: int) -> Line | None:
    """The line with the smallest factors, or None when there is none within half-words.

    Args:
        at: whole numbers [states of y], -1 ... most.
        most: the largest x.
    """
    y = np.arange(len(at), dtype=np.int64)
    at = at.astype(np.int64)
    lower, upper = y[at >= 0], y[at < most]  # where the line must lie above at, below at + 1
    low, high = Fraction(-2 - most), Fraction(2 + most)
    ratio = Fraction(0)
    for _ in range(TRIES):
        p, q = ratio.numerator, ratio.denominator
        if max(abs(p), q) > LARGEST or q * most + abs(p) * len(at) > LARGEST_SUM:
            return None
        below = q * at[lower] + p * lower
        above = q * (at[upper] + 1) + p * upper
        if not len(below):
            return Line(q, p, int(above.min()) - 1)
        if not len(above) or below.max() < above.min():
            return Line(q, p, int(below.max()))
        i, j = int(lower[below.argmax()]), int(upper[above.argmin()])
        if i == j:
            return None
        bound = Fraction(int(at[j] + 1 - at[i]), i - j)  # at[i] + r i < at[j] + 1 + r j
        low, high = (low, min(high, bound)) if i > j else (max(low, bound), high)
        if low >= high:
            return None
        ratio = simplest(low, high)
    return None
