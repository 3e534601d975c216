"""STL-10, ten classes, 96x96 RGB: the GLT paper's other data set (arXiv 2505.13462).

The paper's topology, schedule and accuracies were not available to us: all of it is reconstructed,
and no figure of ours can be compared with the paper's. Three arms of one network:

`stl10-teacher`   the same topology with real weights, on the 5,000 labelled pictures.
`stl10-wake`      binary, labels only, two-step binarization (ReActNet, arXiv 2003.03488).
`stl10-distilled` binary, learns from the teacher on labelled and unlabeled pictures together;
                  after S2-BNN (arXiv 2102.08946), which distills without labels. Using the
                  unlabeled set may not match the paper's protocol.
`stl10-fold`      stl10-wake on one predefined fold of 1,000; --set 'data_options={"fold": 3}'
                  takes another. The published protocol is the mean over the ten.

Exposure augmentation is off in all of them: it has an arm of its own, `stl10-exposure`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from train.models.binary import BinaryNet, Conv, Shuffle, float_twin
from train.recipes.recipe import TWO_STEP, Augment, Recipe

# 12 planes of each colour; strides early, wide grouped layers late
NET = BinaryNet(
    input_shape=(96, 96, 3),
    planes=12,
    classes=10,
    layers=(
        Conv(32, 3, stride=2),
        Conv(64, 3, stride=2),
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
        Conv(384, 1),
    ),
)
AUGMENT = Augment(flip=True, shift=12, zoom=0.2, tint=0.15)
SOURCE = "arXiv 2505.13462 (GLT, grouped binary convolutions) on STL-10; topology and schedule \
reconstructed"


def teacher() -> Any:
    """The same topology with real weights."""
    return float_twin(NET)


WAKE = Recipe(
    name="stl10-wake",
    data="stl10",
    net=NET,
    epochs=200,
    batch=64,
    learning_rate=2e-3,
    schedule="linear",
    warmup_epochs=2.0,
    stages=TWO_STEP,
    augment=AUGMENT,
    data_options={"n_val": 500},
    evaluate_every=10,
    source=SOURCE + "; two steps after arXiv 2003.03488",
)

RECIPES = (
    WAKE,
    replace(
        WAKE,
        name="stl10-teacher",
        net=teacher,
        epochs=100,
        learning_rate=1e-3,
        schedule="cosine",
        stages=(),
        weight_decay=1e-5,
        source="real-weight teacher, ours",
    ),
    # an epoch is 104,500 pictures here
    replace(
        WAKE,
        name="stl10-distilled",
        epochs=40,
        teacher="stl10-teacher",
        data_options={"n_val": 500, "unlabeled": True},
        source=SOURCE + "; distributional loss after arXiv 2003.03488, unlabeled pictures after "
        "arXiv 2102.08946",
    ),
    replace(WAKE, name="stl10-fold", data_options={"fold": 0}, epochs=600),
    replace(WAKE, name="stl10-exposure", augment=replace(AUGMENT, gain=2.0, gamma=0.6)),
)
