"""The reduced size at which ablations run: 64x64 gray scenes, 12,000 for training, 15 epochs.

Chosen so that one network times one seed takes about five minutes on one free core, and so that a
binary network takes 5,600 steps: in a thousand it learns next to nothing of scenes, and then all
arms look alike. Results at this size compare networks with one another; they say nothing of what a
full training reaches.

How it came to the network below, seed 0, eight epochs, training and test accuracy in %; noise is
about 0.3 and 1 points.

    strides, shifts from 0, window 1, 5.1 M MACs, rate 6e-3           65.9  64.0
    max pooling, shifts from -1 and +1, window 1, 5.7 M MACs, 6e-3    69.0  68.4
    with a window of 2                                                70.5  70.1
    with a window of 1.5, at a rate of 1.5e-2                         71.0  70.2

The rate is the same for all networks and was chosen before: with strides, 62.2 % of the test
pictures at 2e-3, 64.8 at 6e-3, 61.5 at 1.5e-2; the 8-bit twin of the BiNeal backbone 74.4 at 2e-3
and 75.7 at 6e-3. Signs that harden over half of the training gave 60.6 at 2e-3: they are hard from
the start.
"""

from __future__ import annotations

from typing import Any

from train.models.binary import BinaryNet, Conv, Pool
from train.recipes.recipe import Augment, Recipe

SIZE = 64
DATA_OPTIONS = {"size": SIZE, "n_train": 12000, "n_val": 500, "n_test": 2000}
EPOCHS = 15
# no exposure augmentation: it has arms of its own
AUGMENT = Augment(flip=True, shift=3)

# of every binary network at this size
SIGNS: dict[str, Any] = {"window": 1.5, "shift": 1.0}

# 5.7 M binary MACs: strides early; then grouped 3x3, a wider 1x1 that mixes the groups, and the OR
# of 2x2 places, at every halving
NET = BinaryNet(
    input_shape=(SIZE, SIZE, 1),
    planes=8,
    **SIGNS,
    layers=(
        Conv(16, 3, stride=2),
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
