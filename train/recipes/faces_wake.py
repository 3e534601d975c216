"""`faces-wake`: faces against other camera crops, 32x32 gray, real photographs.

GLT input and grouped binary convolutions after arXiv 2505.13462; the topology is ours
(the paper's was not available to us: reconstructed from its abstract).
"""

from __future__ import annotations

from train.models.binary import BinaryNet, Conv, Pool, Shuffle
from train.recipes.recipe import Augment, Recipe

NET = BinaryNet(
    input_shape=(32, 32, 1),
    planes=16,
    layers=(
        Conv(32, 3, stride=2),
        Conv(64, 3),
        Pool(),
        Conv(128, 3, groups=2),
        Shuffle(2),
        Conv(128, 1, groups=4),
        Pool(),
        Conv(128, 3, groups=4),
        Shuffle(4),
        Conv(128, 1),
    ),
)

RECIPES = (
    Recipe(
        name="faces-wake",
        data="faces",
        net=NET,
        epochs=60,
        batch=32,
        learning_rate=3e-3,
        smoothing=0.05,
        balanced=True,
        augment=Augment(flip=True, shift=2, rotate=12, zoom=0.12, gain=0.7, noise=6.0, wedge=0.35),
        data_options={"size": 32, "extra_negatives": 160},
        evaluate_every=10,
        source="arXiv 2505.13462 (GLT, grouped binary convolutions); topology reconstructed",
    ),
)
