"""Detection in CenterNet's way (arXiv 1904.07850): a box is a peak of a map, with a size.

Output [N, h, w, 5], one row a cell of s x s pixels: the logit of "a centre lies here"; log(width /
s), log(height / s); the centre's place in its cell, x and y, 0 … 1. CenterNet regresses sizes in
pixels with a weight of 0.1; logarithms need no weight. Targets are boxes, see
train.data.scenes.truth. Decoding is the host's: a board gives the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.backend import tf
from train.data import Split
from train.data.dataset import Pixels
from train.fields import check_fields
from train.recipes.recipe import Augment
from train.tasks.average_precision import mean_average_precision
from train.tasks.changes import lit_only, mirrored
from train.tasks.task import Predict

MOST = 20  # detections of a picture that are kept
LEAST_SCORE = 0.01


def decode(output: npt.NDArray[np.float32], size: tuple[int, int]) -> tuple[Any, Any]:
    """Boxes float64 [K, 4] (left, top, right, bottom) in pixels, and scores [K], best first.

    A peak is a cell that no neighbour exceeds; at most MOST, each with LEAST_SCORE or more.

    Args:
        output: one picture's [h, w, 5].
        size: height and width of the picture, to which boxes are cut.
    """
    h, w, _ = output.shape
    heat = output[..., 0].astype(np.float64)
    around = np.pad(heat, 1, constant_values=-np.inf)
    near = [around[y : y + h, x : x + w] for y in range(3) for x in range(3)]
    score = 1 / (1 + np.exp(-np.clip(heat, -50, 50)))
    peaks = np.flatnonzero((heat >= np.max(near, axis=0)) & (score >= LEAST_SCORE))
    peaks = peaks[np.argsort(-score.ravel()[peaks], kind="stable")][:MOST]
    y, x = np.divmod(peaks, w)
    across = np.array([size[1] / w, size[0] / h])  # pixels of a cell, x and y
    told = output[y, x].astype(np.float64)
    center = (np.stack([x, y], axis=1) + told[:, 3:5]) * across
    half = np.exp(np.clip(told[:, 1:3], -5, 8)) * across / 2
    bound = np.array([size[1], size[0]], float)
    corners = [np.clip(center - half, 0, bound), np.clip(center + half, 0, bound)]
    return np.concatenate(corners, axis=1), score.ravel()[peaks]


def _mirror(boxes: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    real = boxes[..., 2:3] > boxes[..., 0:1]
    turned = np.stack(
        [width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], axis=-1
    )
    return np.asarray(np.where(real, turned, 0).astype(boxes.dtype))


@dataclass(frozen=True)
class Detection:
    """Boxes int16 [N, K, 4], rows of zeros for none.

    Attributes:
        stride: s.
    """

    stride: int = 4
    name: str = "detection"
    metric: str = "mAP"

    def __post_init__(self) -> None:
        check_fields(self, "a task", DataError, stride=(1, 4096))

    def answers(self, height: int, width: int, channels: int) -> tuple[int, ...]:
        return (height // self.stride, width // self.stride, 5)

    def maps(self, boxes: Any, h: int, w: int) -> tuple[Any, Any, Any]:
        """What the network should say, of boxes [N, K, 4].

        Returns:
            heat [N, h, w]: 1 at a centre's cell, a Gaussian around it as wide as a sixth of the
            box (ours: CenterNet's follows the overlap that a moved box keeps); values [N, K, 4] of
            logarithms of size and places; cells [N, K] as y * w + x, -1 where there is no box.
        """
        b = tf.cast(boxes, tf.float32) / float(self.stride)
        size = b[..., 2:] - b[..., :2]
        there = tf.reduce_min(size, axis=-1) > 0
        center = (b[..., 2:] + b[..., :2]) / 2
        cell = tf.clip_by_value(tf.floor(center), 0.0, [w - 1.0, h - 1.0])
        spread = tf.maximum(tf.sqrt(tf.reduce_prod(tf.maximum(size, 1e-3), axis=-1)) / 6, 0.5)
        x, y = tf.range(w, dtype=tf.float32), tf.range(h, dtype=tf.float32)
        far = (x - cell[..., None, 0])[:, :, None, :] ** 2
        far += (y - cell[..., None, 1])[:, :, :, None] ** 2
        bumps = tf.exp(-far / (2 * spread**2)[..., None, None])
        heat = tf.reduce_max(tf.where(there[..., None, None], bumps, 0.0), axis=1)
        values = tf.concat([tf.math.log(tf.maximum(size, 1e-3)), center - cell], axis=-1)
        at = tf.cast(cell[..., 1] * w + cell[..., 0], tf.int32)
        return heat, values, tf.where(there, at, -1)

    def loss(self, target: Any, output: Any) -> Any:
        """CenterNet's focal loss of the centres, plus L1 of sizes and places; both a box."""
        _, h, w, channels = output.shape
        heat, values, at = self.maps(target, h, w)
        there = tf.cast(at >= 0, tf.float32)
        count = tf.maximum(tf.reduce_sum(there), 1.0)
        logit = output[..., 0]
        p = tf.clip_by_value(tf.sigmoid(logit), 1e-4, 1 - 1e-4)
        peak = tf.cast(heat >= 1.0, tf.float32)
        focal = peak * (1 - p) ** 2 * tf.math.log(p)
        focal += (1 - peak) * (1 - heat) ** 4 * p**2 * tf.math.log(1 - p)
        flat = tf.reshape(output, [-1, h * w, channels])
        told = tf.gather(flat, tf.maximum(at, 0), batch_dims=1)[..., 1:5]
        wrong = tf.reduce_sum(tf.abs(told - values), axis=-1) * there
        return (tf.reduce_sum(wrong) - tf.reduce_sum(focal)) / count

    def distill(self, teacher: Any, student: Any) -> Any:
        """Cross-entropy of the centres under the teacher's probabilities, weighted as the quality
        focal loss does it (arXiv 2006.04388, β = 2), plus L1 of sizes and places where the teacher
        sees a centre; both by the number of centres that it sees."""
        teacher = tf.stop_gradient(teacher)
        wanted, logit = tf.sigmoid(teacher[..., 0]), student[..., 0]
        count = tf.maximum(tf.reduce_sum(wanted), 1.0)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(wanted, logit)
        centers = tf.reduce_sum(tf.abs(wanted - tf.sigmoid(logit)) ** 2 * entropy)
        wrong = tf.reduce_sum(tf.abs(teacher[..., 1:] - student[..., 1:]), axis=-1)
        return (centers + tf.reduce_sum(wanted * wrong)) / count

    def score(self, split: Split, predict: Predict) -> dict[str, float]:
        """`mAP` (COCO's, IoU 0.5 to 0.95), `AP50`, `AP75` over the split's boxes."""
        assert split.targets is not None
        size = (split.images.shape[1], split.images.shape[2])
        found = [decode(output, size) for output in predict(split.images)]
        truth = [boxes[boxes[:, 2] > boxes[:, 0]].astype(float) for boxes in split.targets]
        return mean_average_precision(found, truth)

    def undefined(self, split: Split) -> str:
        """There is no precision where there is nothing to find."""
        boxes = split.targets
        found = boxes is not None and (boxes[..., 2] > boxes[..., 0]).any()
        return "" if found else "there is no box"

    def augment(
        self, images: Pixels, targets: Any, how: Augment, rng: np.random.Generator
    ) -> tuple[Pixels, Any]:
        images, targets = mirrored(images, targets, how, rng, _mirror)
        return lit_only(images, how, rng, self.name), targets
