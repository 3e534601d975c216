"""The few statistics that BitWake prints beside an accuracy."""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution: two-sided 95 %


def wilson(right: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion.

    It is used rather than the normal approximation because demo sets are small (tens of pictures)
    and accuracies lie near 1, where the approximation runs past 1.

    Formula: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    1927: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        right: successes, 0 … total.
        total: trials; 0 gives the whole interval (0, 1).
        z: standard score of the wanted confidence.

    Returns:
        Lower and upper bound, within 0 … 1.

    Raises:
        ValueError: counts that no experiment gives.
    """
    if total < 0 or not 0 <= right <= total:
        raise ValueError(f"{right} right out of {total} is not a count")
    if total == 0:
        return 0.0, 1.0
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low = 0.0 if right == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if right == total else min(1.0, (centre + spread) / scale)
    return low, high


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as people read it: ``percent(0.95)`` is ``95.0 %``."""
    return f"{100 * share:.{digits}f} %"


def count(number: int) -> str:
    """A whole number with thousands separated by commas."""
    return f"{number:,}"


def in_bytes(number: int) -> str:
    """A size in bytes, and in kB or MB (1,000s) beside it where that is easier to hold in mind."""
    if number < 10_000:
        return f"{number:,} B"
    return f"{number:,} B ({number / 1e6:.2f} MB)" if number >= 1e6 else f"{number / 1e3:.0f} kB"
