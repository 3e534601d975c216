"""What a network is trained for: its loss and its score. Classification is the default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.backend import keras, tf
from train.data import Split
from train.fields import check_fields

# Byte pictures [N, H, W, C] -> the network's outputs, numpy.
Predict = Callable[[npt.NDArray[np.uint8]], Any]


class Task(Protocol):
    """A loss and a score.

    `name` stands in recipe.json; `metric` names the headline figure, the first that `score` gives.
    A task may also have `distill(teacher_output, student_output) -> scalar tensor`, the loss by
    which its networks learn from a teacher; without it the task is not distilled. And it may have
    `augment(images, targets, how, rng) -> (images, targets)`, instead of train.augment.augment,
    which moves pictures alone; without it, what moves pictures is refused. And `seen(split)`: the
    pictures of a split that its network is shown, where these are not `split.images` alone. And
    `undefined(split) -> str`: why it has no score over a split, empty where it has one. And
    `answers(height, width, channels) -> shape`: what its networks answer to a picture, without the
    batch; others are refused.
    """

    @property
    def name(self) -> str: ...

    @property
    def metric(self) -> str: ...

    def loss(self, target: Any, output: Any) -> Any:
        """Scalar tensor. `target` is a batch of `Split.targets`, a mapping of tensors when that is
        a structured array; for classification a batch of labels."""
        ...

    def score(self, split: Split, predict: Predict) -> dict[str, float]:
        """Figures over a split, the headline metric first."""
        ...


def seen(task: Task, split: Split) -> Any:
    """The pictures of a split that the task's network is shown, uint8 [N or more, H, W, C]."""
    of = getattr(task, "seen", None)
    return split.images if of is None else of(split)


@dataclass(frozen=True)
class Classification:
    """Logits [N, classes] against labels int64 [N]; a label of -1 means: not known.

    Attributes:
        smoothing: label smoothing, 0 to 1.
    """

    smoothing: float = 0.0
    name: str = "classification"
    metric: str = "accuracy"

    def __post_init__(self) -> None:
        check_fields(self, "a task", DataError, smoothing=(0, 1))

    def loss(self, target: Any, output: Any) -> Any:
        """Cross-entropy, averaged over the pictures whose label is known; 0 when none is."""
        known = tf.cast(target >= 0, output.dtype)
        each = keras.losses.categorical_crossentropy(
            tf.one_hot(target, output.shape[-1]),
            output,
            from_logits=True,
            label_smoothing=self.smoothing,
        )
        return tf.math.divide_no_nan(tf.reduce_sum(each * known), tf.reduce_sum(known))

    def undefined(self, split: Split) -> str:
        return "" if (split.labels >= 0).any() else "no label is known"

    def score(self, split: Split, predict: Predict) -> dict[str, float]:
        """Share of right answers; NaN for no pictures."""
        if not len(split):
            return {"accuracy": float("nan")}
        return {"accuracy": float((predict(split.images).argmax(1) == split.labels).mean())}
