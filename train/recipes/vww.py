"""Visual Wake Words, 96x96, both definitions, gray and RGB (GLT paper, arXiv 2505.13462).

The paper's topology, schedule and accuracies were not available to us: reconstructed. Whether it
scored minival or MLPerf's pictures is not known either; the two cannot be compared with each other.

`vww-gray`, `vww-rgb`                minival, person above 0.5 % of the picture.
`vww-gray-mlperf`, `vww-rgb-mlperf`  MLPerf Tiny's rule, box above 2.5 %; RGB is what MLPerf takes.
`vww-teacher`, `vww-gray-distilled`  real-weight teacher, and the student that learns from it.
`vww-gray-exposure`                  exposure augmentation, in an arm of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from train.models.binary import BinaryNet, Conv, Shuffle, float_twin
from train.recipes.recipe import TWO_STEP, Augment, Recipe

LAYERS = (
    Conv(32, 3, stride=2),
    Conv(32, 3, stride=2),
    Conv(64, 3),
    Conv(128, 3, stride=2, groups=2),
    Shuffle(2),
    Conv(128, 1),
    Conv(256, 3, stride=2, groups=4),
    Shuffle(4),
    Conv(256, 1, groups=2),
    Shuffle(2),
    Conv(256, 3, groups=4),
    Shuffle(4),
    Conv(256, 1),
    Conv(256, 3, stride=2, groups=4),
    Shuffle(4),
    Conv(256, 1),
)
GRAY = BinaryNet(input_shape=(96, 96, 1), planes=16, layers=LAYERS)
RGB = BinaryNet(input_shape=(96, 96, 3), planes=8, layers=LAYERS)
# MLPerf Tiny's reference rotates by 10 degrees, shifts by 5 %, zooms by 10 %, flips
AUGMENT = Augment(flip=True, shift=5, rotate=10.0, zoom=0.1)
SOURCE = "arXiv 2505.13462 (GLT, grouped binary convolutions) on Visual Wake Words; topology and \
schedule reconstructed"


def options(definition: str, channels: int) -> dict[str, Any]:
    return {"definition": definition, "size": 96, "channels": channels}


def teacher() -> Any:
    """The gray network's topology with real weights."""
    return float_twin(GRAY)


MINIVAL_GRAY = Recipe(
    name="vww-gray",
    data="vww",
    net=GRAY,
    epochs=60,
    batch=128,
    learning_rate=2e-3,
    schedule="linear",
    stages=TWO_STEP,
    augment=AUGMENT,
    data_options=options("minival", 1),
    evaluate_every=5,
    source=SOURCE + "; two steps after arXiv 2003.03488",
)

RECIPES = (
    MINIVAL_GRAY,
    replace(MINIVAL_GRAY, name="vww-rgb", net=RGB, data_options=options("minival", 3)),
    replace(MINIVAL_GRAY, name="vww-gray-mlperf", data_options=options("mlperf", 1)),
    replace(MINIVAL_GRAY, name="vww-rgb-mlperf", net=RGB, data_options=options("mlperf", 3)),
    replace(
        MINIVAL_GRAY,
        name="vww-teacher",
        net=teacher,
        epochs=40,
        learning_rate=1e-3,
        schedule="cosine",
        stages=(),
        weight_decay=1e-5,
        source="real-weight teacher, ours",
    ),
    replace(
        MINIVAL_GRAY,
        name="vww-gray-distilled",
        teacher="vww-teacher",
        source=SOURCE + "; distributional loss after arXiv 2003.03488",
    ),
    replace(MINIVAL_GRAY, name="vww-gray-exposure", augment=replace(AUGMENT, gain=2.0, gamma=0.6)),
)
