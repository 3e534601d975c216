"""Average precision of boxes, as COCO counts it, for one class.

Precision is made non-increasing from the right and read at the 101 recalls 0, 0.01, … 1. mAP is the
mean over the IoU thresholds 0.5, 0.55, … 0.95. Every box counts, whatever its size; there are no
crowd regions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
THRESHOLDS = tuple(np.round(np.arange(0.5, 1.0, 0.05), 2))
RECALLS = np.arange(101) / 100


def iou(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> Array:
    """Intersection over union of boxes [N, 4] and [M, 4] (left, top, right, bottom): [N, M]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(box[:, 2:] - box[:, :2], 0, None).prod(-1) for box in (a, b)]
    union = areas[0][:, None] + areas[1][None] - common
    return np.asarray(common / np.maximum(union, 1e-12))


def hits(scores: Array, overlaps: Array, threshold: float) -> npt.NDArray[np.bool_]:
    """Which detections of one picture find a true box that none with a higher score found.

    Args:
        scores: [N]; equal ones in the order given.
        overlaps: IoU [N, M] with the true boxes. A detection takes the free one it overlaps most.
    """
    found = np.zeros(len(scores), bool)
    free = np.ones(overlaps.shape[1], bool)
    for k in np.argsort(-scores, kind="stable"):
        mine = np.where(free, overlaps[k], -1.0)
        if len(mine) and mine.max() >= threshold:
            found[k] = True
            free[int(mine.argmax())] = False
    return found


def average_precision(
    found: Sequence[tuple[Array, Array]], truth: Sequence[Array], threshold: float
) -> float:
    """AP at one IoU threshold.

    Args:
        found: of each picture boxes [N, 4] and scores [N].
        truth: of each picture boxes [M, 4].

    Returns:
        0 … 1; NaN when there is no true box at all.
    """
    total = sum(len(boxes) for boxes in truth)
    if not total:
        return float("nan")
    scores = np.concatenate([s for _, s in found])
    right = np.concatenate(
        [hits(s, iou(b, t), threshold) for (b, s), t in zip(found, truth, strict=True)]
    )
    order = np.argsort(-scores, kind="stable")
    good = np.cumsum(right[order])
    precision = good / np.arange(1, len(good) + 1)
    recall = good / total
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.mean([envelope[k] if k < len(envelope) else 0.0 for k in at]))


def mean_average_precision(
    found: Sequence[tuple[Array, Array]], truth: Sequence[Array]
) -> dict[str, float]:
    """`mAP` over THRESHOLDS, and `AP50` and `AP75`, those at IoU 0.5 and 0.75."""
    each = {t: average_precision(found, truth, float(t)) for t in THRESHOLDS}
    return {"mAP": float(np.mean(list(each.values()))), "AP50": each[0.5], "AP75": each[0.75]}
