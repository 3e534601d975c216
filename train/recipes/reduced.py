"""The reduced size at which ablations run: 64x64 gray scenes, 12,000 for training, 15 epochs.

Chosen so that one network times one seed takes about five minutes on one free core, and so that a
binary network takes 5,600 steps: in a thousand it learns next to nothing of scenes, and then all
arms look alike. Results at this size compare networks with one another; they say nothing of what a
full training reaches.

The rate was chosen on the network below with thresholds begun at quantiles, seed 0, eight epochs:
test accuracy 62.2 % at 2e-3, 64.8 at 6e-3, 61.5 at 1.5e-2, 57.4 at 4e-2; the 8-bit twin of the
BiNeal backbone has 74.4 at 2e-3 and 75.7 at 6e-3, so that all networks take the same. Signs that
harden over half of the training gave 60.6 at 2e-3: signs are hard from the first step.
"""

from __future__ import annotations

from typing import Any

from train.models.binary import BinaryNet, Conv, Shuffle
from train.recipes.recipe import Augment, Recipe

SIZE = 64
DATA_OPTIONS = {"size": SIZE, "n_train": 12000, "n_val": 500, "n_test": 2000}
EPOCHS = 15
# no exposure augmentation: it has arms of its own
AUGMENT = Augment(flip=True, shift=3)

# 5.1 M binary MACs: strides early, grouped 3x3 then shuffle and 1x1 where maps are small
NET = BinaryNet(
    input_shape=(SIZE, SIZE, 1),
    planes=8,
    layers=(
        Conv(16, 3, stride=2),
        Conv(32, 3, stride=2),
        Conv(64, 3, stride=2),
        Conv(64, 1, groups=2),
        Shuffle(2),
        Conv(128, 3, stride=2, groups=2),
        Conv(128, 1),
        Conv(256, 3, stride=2, groups=4),
        Shuffle(4),
        Conv(256, 1),
    ),
)


def reduced(name: str, net: Any, source: str, **fields: Any) -> Recipe:
    """A recipe at the reduced size; `fields` are further fields of it, or replace the usual."""
    usual: dict[str, Any] = {
        "data": "scenes",
        "data_options": DATA_OPTIONS,
        "epochs": EPOCHS,
        "batch": 32,
        "learning_rate": 6e-3,
        "augment": AUGMENT,
        "evaluate_every": EPOCHS,
    }
    return Recipe(name=name, net=net, source=source, **{**usual, **fields})
