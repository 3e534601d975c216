"""`scenes-wake`: is a person there? 96x96 gray, rendered scenes, 15 M binary MACs, 9 M of them in
a first layer that the compiler makes tables of.

GLT input and grouped binary convolutions after arXiv 2505.13462; the topology is ours
(the paper's was not available to us: reconstructed from its abstract).

Where the MACs go decides the cost on the device: strides come early, wide grouped layers late,
where maps are small. `make train RECIPE=scenes-wake` prints the count.

It has 32 thresholds, for tables cost the device as many instructions as with 16. They begin at the
quantiles of the training pictures and learn at five times the rate of the weights: exposures differ
by six stops, and on an even ramp most of a dark picture lies below the lowest threshold.
`scenes-wake-binary` is the same network behind the eight bits of a conventional converter, to
measure what the thermometer brings; `scenes-wake-8` has as many planes as that.
`scenes-wake-dithered` has kernels in its first layer that learn sooner. `scenes-wake-pooled` has
two signs fewer in a row and pools where this one strides; `scenes-wake-pooled-binary` is that one
behind the conventional converter.
"""

from __future__ import annotations

from dataclasses import replace

from train.layers.encoders import Glt
from train.models.binary import BinaryNet, Conv, Pool
from train.recipes.recipe import Augment, Recipe

NET = BinaryNet(
    input_shape=(96, 96, 1),
    planes=32,
    encoder=Glt(initial="quantile"),
    window=1.5,
    shift=1.0,
    layers=(
        Conv(32, 3, stride=3),
        Conv(32, 3, stride=2),
        Conv(64, 1),
        Pool(),
        Conv(64, 3, groups=2),
        Conv(128, 1),
        Pool(),
        Conv(128, 3, groups=4),
        Conv(256, 1),
        Pool(),
    ),
)
POOLED = (
    Conv(32, 3, stride=3),
    Pool(),
    Conv(64, 3),
    Pool(),
    Conv(128, 3, groups=2),
    Pool(),
    Conv(128, 3, groups=4),
    Conv(128, 1),
    Pool(),
)
EPOCHS = 40

AUGMENT = Augment(flip=True, shift=4, gain=0.5)

WAKE = Recipe(
    name="scenes-wake",
    data="scenes",
    net=NET,
    epochs=EPOCHS,
    batch=32,
    learning_rate=1e-2,
    glt_rate=5.0,
    teacher="scenes-teacher",
    label_weight=0.3,
    augment=AUGMENT,
    source="arXiv 2505.13462 (GLT, grouped binary convolutions); topology reconstructed",
)

RECIPES = (
    WAKE,
    replace(
        WAKE,
        name="scenes-wake-binary",
        net=replace(NET, planes=8, encoder="binary"),
        source="scenes-wake behind eight bit planes in natural binary, the conventional ADC",
    ),
    replace(
        WAKE,
        name="scenes-wake-8",
        net=replace(NET, planes=8),
        source="scenes-wake with eight thresholds",
    ),
    replace(
        WAKE,
        name="scenes-wake-dithered",
        net=replace(NET, dithered=True),
        source="scenes-wake with a first layer of dithered kernels, ours",
    ),
    replace(
        WAKE,
        name="scenes-wake-pooled",
        net=replace(NET, layers=POOLED),
        source="scenes-wake with fewer layers and pooling in place of strides, ours",
    ),
    replace(
        WAKE,
        name="scenes-wake-pooled-binary",
        net=replace(NET, layers=POOLED, planes=8, encoder="binary"),
        source="scenes-wake-pooled behind eight bit planes in natural binary",
    ),
)
