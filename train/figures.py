"""Figures that belong to one dataset, reported beside the plain accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from train.data import Dataset, Split
from train.data.faces import wedge_free
from train.data.photos import real_person_pictures

# Byte pictures [N, H, W, C] -> logits [N, classes].
Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def accuracy_of(predict: Predictor, split: Split) -> float:
    """Share of right answers; NaN for no pictures."""
    if not len(split):
        return float("nan")
    return float((predict(split.images).argmax(1) == split.labels).mean())


def further(dataset: Dataset, predict: Predictor) -> dict[str, Any]:
    """What a dataset's report has to say beyond the accuracy; an empty mapping for most.

    faces: the accuracy over the test pictures without an alignment wedge, which gives the class of
    the others away, and their number. scenes: the verdicts on the few bundled pictures of real
    people, all of which show a person: an anecdote, too few for a figure.
    """
    if dataset.name == "faces":
        free = wedge_free(dataset.test)
        return {
            "wedge_free_accuracy": accuracy_of(predict, free),
            "wedge_free_pictures": len(free),
        }
    if dataset.name == "scenes":
        height, _, channels = dataset.image_shape
        pictures = real_person_pictures(height, channels)
        verdicts = predict(np.stack(list(pictures.values()))).argmax(1)
        return {
            "real_person_pictures": {
                name: dataset.label_names[int(verdict)]
                for name, verdict in zip(pictures, verdicts, strict=True)
            }
        }
    return {}
