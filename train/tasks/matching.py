"""Matching in R2D2's way (arXiv 1906.06195): descriptors, where they repeat, where to trust them.

The losses are R2D2's, at a cell of 4x4 pixels where R2D2 has one pixel: average precision of the
descriptors, quantized so that it has a gradient, weighted by the reliability; similarity and
peakiness of the repeatability. Windows are 8 pixels, for small pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.errors import DataError
from train.backend import tf
from train.data import Split
from train.data.dataset import Pixels
from train.fields import MOST, check_fields
from train.recipes.recipe import Augment
from train.tasks.changes import lit_only
from train.tasks.match_accuracy import CELL, PIXELS, accuracy, keypoints
from train.tasks.task import Predict

KAPPA = 0.5  # the average precision at which a descriptor is worth trusting
BINS = 20
FAR = 8.0  # pixels: cells nearer to the true place are neither right nor wrong
WINDOW = 8
SKIPPED = 2  # every so manieth cell, in both directions, is sought in the other view


def warp(points: Any, matrix: Any) -> Any:
    """Points [P, 2] through homographies [B, 3, 3]: [B, P, 2]."""
    ones = tf.ones_like(points[:, :1])
    q = tf.einsum("pk,bik->bpi", tf.concat([points, ones], axis=1), matrix)
    depth = tf.where(tf.abs(q[..., 2:]) < 1e-6, 1e-6, q[..., 2:])
    return q[..., :2] / depth


def bilinear(maps: Any, at: Any) -> Any:
    """Maps [B, h, w, C] at places [B, P, 2] (x, y), which are cut to the map: [B, P, C]."""
    _, h, w, c = maps.shape
    at = tf.clip_by_value(at, 0.0, [w - 1.0, h - 1.0])
    low = tf.minimum(tf.floor(at), [w - 2.0, h - 2.0])
    part = at - low
    x, y = tf.cast(low[..., 0], tf.int32), tf.cast(low[..., 1], tf.int32)
    flat = tf.reshape(maps, [-1, h * w, c])

    def row(dy: int) -> Any:
        left = tf.gather(flat, (y + dy) * w + x, batch_dims=1)
        right = tf.gather(flat, (y + dy) * w + x + 1, batch_dims=1)
        return left + (right - left) * part[..., :1]

    above = row(0)
    return above + (row(1) - above) * part[..., 1:]


def quantized_precision(right: Any, wrong: Any, is_wrong: Any) -> Any:
    """Average precision of one right answer among wrong ones, by similarity in soft bins.

    Args:
        right: similarity of the right answer, -1 … 1, [B, P].
        wrong: of all others [B, P, M]; is_wrong: which of them count.

    Returns:
        [B, P], 0 … 1.
    """
    centers = 1.0 - 2.0 * tf.range(BINS + 1, dtype=tf.float32) / BINS

    def softly(s: Any) -> Any:
        return tf.maximum(0.0, 1.0 - tf.abs(s[..., None] - centers) * (BINS / 2))

    mine = softly(right)
    others = tf.reduce_sum(softly(wrong) * tf.cast(is_wrong, tf.float32)[..., None], axis=2)
    ahead = tf.cumsum(mine, axis=-1)
    precision = tf.math.divide_no_nan(ahead, ahead + tf.cumsum(others, axis=-1))
    total = tf.maximum(tf.reduce_sum(mine, axis=-1), 1e-6)
    return tf.reduce_sum(precision * mine, axis=-1) / total


def _pool(x: Any, kind: str) -> Any:
    return tf.nn.pool(x, [WINDOW, WINDOW], kind, strides=[WINDOW // 2] * 2, padding="VALID")


@dataclass(frozen=True)
class Matching:
    """Targets structured, `view` and `homography`, see train.data.photos_match.

    Attributes:
        descriptor: numbers of a descriptor.
    """

    descriptor: int = 32
    name: str = "matching"
    metric: str = "MMA"

    def __post_init__(self) -> None:
        check_fields(self, "a task", DataError, descriptor=(1, MOST))

    def answers(self, height: int, width: int, channels: int) -> tuple[int, ...]:
        return (height // CELL, width // CELL, self.descriptor + 1 + CELL**2)

    def _parts(self, output: Any) -> tuple[Any, Any, Any]:
        """Descriptors of length 1 [B, h, w, D], reliability [B, h, w], repeatability
        [B, H, W, 1]."""
        d = self.descriptor
        told = tf.math.l2_normalize(output[..., :d], axis=-1, epsilon=1e-6)
        repeat = tf.nn.depth_to_space(tf.sigmoid(output[..., d + 1 :]), CELL)
        return told, tf.sigmoid(output[..., d]), repeat

    def loss(self, target: Any, output: Any) -> Any:
        """Over pairs: rows 2i and 2i + 1 are two views, target 2i maps the first to the second."""
        matrix = tf.cast(target[0::2], tf.float32)
        first, second = self._parts(output[0::2]), self._parts(output[1::2])
        return self._described(first, second, matrix) + self._repeated(first, second, matrix)

    def _described(self, first: Any, second: Any, matrix: Any) -> Any:
        """1 - (AP R + κ (1 - R)), averaged over the cells whose place is in the second view."""
        told, reliable, _ = first
        other = second[0]
        _, h, w, d = told.shape
        y, x = np.mgrid[0:h, 0:w].reshape(2, -1)
        middles = np.stack([x, y], axis=1).astype(np.float32) * CELL + (CELL - 1) / 2
        asked = np.flatnonzero((x % SKIPPED == 0) & (y % SKIPPED == 0))
        went = warp(tf.constant(middles[asked]), matrix)
        bound = tf.constant([w * CELL - 1.0, h * CELL - 1.0])
        inside = tf.reduce_all((went >= 0) & (went <= bound), axis=-1)
        mine = tf.gather(tf.reshape(told, [-1, h * w, d]), asked, axis=1)
        goal = bilinear(other, (went - (CELL - 1) / 2) / CELL)
        right = tf.reduce_sum(mine * tf.math.l2_normalize(goal, axis=-1, epsilon=1e-6), axis=-1)
        wrong = tf.einsum("bpd,bmd->bpm", mine, tf.reshape(other, [-1, h * w, d]))
        apart = tf.norm(went[:, :, None] - tf.constant(middles)[None, None], axis=-1)
        precision = quantized_precision(right, wrong, apart > FAR)
        trust = tf.gather(tf.reshape(reliable, [-1, h * w]), asked, axis=1)
        each = 1 - (precision * trust + KAPPA * (1 - trust))
        counted = tf.cast(inside, tf.float32)
        return tf.math.divide_no_nan(tf.reduce_sum(each * counted), tf.reduce_sum(counted))

    def _repeated(self, first: Any, second: Any, matrix: Any) -> Any:
        """1 - cosine of both repeatabilities in windows, and 1 - (maximum - mean) of each."""
        mine, other = first[2], second[2]
        _, h, w, _ = mine.shape
        y, x = np.mgrid[0:h, 0:w].reshape(2, -1)
        went = warp(tf.constant(np.stack([x, y], axis=1).astype(np.float32)), matrix)
        inside = tf.reduce_all((went >= 0) & (went <= [w - 1.0, h - 1.0]), axis=-1)
        seen = tf.reshape(tf.cast(inside, tf.float32), [-1, h, w, 1])
        there = tf.reshape(bilinear(other, went), [-1, h, w, 1]) * seen
        here = mine * seen
        product = _pool(here * there, "AVG")
        lengths = tf.sqrt(_pool(here**2, "AVG") * _pool(there**2, "AVG") + 1e-12)
        whole = tf.cast(_pool(seen, "AVG") >= 1.0, tf.float32)
        alike = tf.math.divide_no_nan(
            tf.reduce_sum(product / lengths * whole), tf.reduce_sum(whole)
        )
        peaks = [tf.reduce_mean(_pool(m, "MAX") - _pool(m, "AVG")) for m in (mine, other)]
        return (1 - alike) + 0.5 * ((1 - peaks[0]) + (1 - peaks[1]))

    def distill(self, teacher: Any, student: Any) -> Any:
        """1 - cosine of the descriptors, and cross-entropies of reliability and repeatability under
        the teacher's probabilities; means over cells, and over pixels."""
        d, wish = self.descriptor, tf.stop_gradient(self._parts(teacher)[0])
        alike = tf.reduce_sum(wish * self._parts(student)[0], axis=-1)
        wanted = tf.stop_gradient(tf.sigmoid(teacher[..., d:]))
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(wanted, student[..., d:])
        reliable, repeat = tf.reduce_mean(entropy[..., 0]), tf.reduce_mean(entropy[..., 1:])
        return tf.reduce_mean(1 - alike) + reliable + repeat

    def score(self, split: Split, predict: Predict) -> dict[str, float]:
        """`MMA`, the mean over 1 to 10 pixels, and that at each; means over pairs."""
        assert split.targets is not None
        sides = [predict(np.asarray(split.images)), predict(split.targets["view"])]
        rows = [
            accuracy(keypoints(a, self.descriptor), keypoints(b, self.descriptor), matrix)
            for a, b, matrix in zip(*sides, split.targets["homography"], strict=True)
        ]
        each = np.mean(rows, axis=0)
        told = {f"MMA@{p}": float(v) for p, v in zip(PIXELS, each, strict=True)}
        return {"MMA": float(each.mean()), **told}

    def seen(self, split: Split) -> Pixels:
        """Both views, one behind the other [2N, …]."""
        assert split.targets is not None
        return _both(split.images, split.targets)

    def augment(
        self, images: Pixels, targets: Any, how: Augment, rng: np.random.Generator
    ) -> tuple[Pixels, Any]:
        """Pairs as rows one behind the other [2N, …]; targets float32 [2N, 3, 3], each the map to
        its partner. Light and noise differ between the two.

        Raises:
            DataError: the recipe mirrors or moves pictures.
        """
        if how.flip:
            raise DataError(
                "the targets do not follow this augmentation",
                where=f"task {self.name}",
                found="flip",
                remedy="leave it out of the recipe's augment",
            )
        both = _both(images, targets)
        there = targets["homography"].astype(np.float32)
        back = np.linalg.inv(targets["homography"].astype(np.float64))
        maps = np.stack([there, (back / back[:, 2:, 2:]).astype(np.float32)], axis=1)
        return lit_only(both, how, rng, self.name), maps.reshape(-1, 3, 3)


def _both(images: Pixels, targets: Any) -> Pixels:
    """Rows 2i and 2i + 1 are the views of pair i."""
    return np.stack([images, targets["view"]], axis=1).reshape(-1, *images.shape[1:])
