"""Segmentation: which pixels are a person. Output logits [N, H, W, 1], targets 0 and 1."""

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
from train.tasks.changes import lit_only, mirrored, mirrored_pictures
from train.tasks.task import Predict

CLASSES = ("background", "person")


def confusion(said: npt.NDArray[Any], true: npt.NDArray[Any], classes: int = 2) -> Any:
    """Pixels by (true class, said class): int64 [classes, classes]."""
    pairs = true.astype(np.int64).ravel() * classes + said.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def intersection_over_union(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """IoU of each class over all pixels of a confusion table; NaN for a class that is nowhere."""
    right = np.diag(table).astype(float)
    union = table.sum(0) + table.sum(1) - right
    return np.where(union > 0, right / np.maximum(union, 1), np.nan)


@dataclass(frozen=True)
class Segmentation:
    """Masks uint8 [N, H, W, 1]."""

    name: str = "segmentation"
    metric: str = "mIoU"

    def __post_init__(self) -> None:
        check_fields(self, "a task", DataError)

    def answers(self, height: int, width: int, channels: int) -> tuple[int, ...]:
        return (height, width, 1)

    def loss(self, target: Any, output: Any) -> Any:
        """Cross-entropy, averaged over pixels."""
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(target, output.dtype), output)
        )

    def distill(self, teacher: Any, student: Any) -> Any:
        """Cross-entropy of the student's pixels under the teacher's probabilities, averaged."""
        wanted = tf.stop_gradient(tf.sigmoid(teacher))
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, student))

    def score(self, split: Split, predict: Predict) -> dict[str, float]:
        """`mIoU`, the mean of both classes' IoU over all pixels of the split, each class's, and
        the share of pixels told rightly."""
        assert split.targets is not None
        table = confusion(predict(split.images) > 0, split.targets)
        each = intersection_over_union(table)
        told = {f"IoU_{name}": float(v) for name, v in zip(CLASSES, each, strict=True)}
        right = float(np.trace(table) / max(1, table.sum()))
        return {"mIoU": float(np.nanmean(each)), **told, "pixel_accuracy": right}

    def augment(
        self, images: Pixels, targets: Any, how: Augment, rng: np.random.Generator
    ) -> tuple[Pixels, Any]:
        images, targets = mirrored(images, targets, how, rng, mirrored_pictures)
        return lit_only(images, how, rng, self.name), targets
