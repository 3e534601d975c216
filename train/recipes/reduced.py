"""The reduced size at which ablations run: 64x64 gray scenes, 6,000 for training, ten epochs.

Chosen so that one network times one seed takes at most about ten minutes on one core. Results at
this size compare networks with one another; they say nothing of what a full training reaches.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from train.models.binary import BinaryNet
from train.recipes.recipe import Augment, Recipe
from train.recipes.scenes_wake import NET as WAKE

SIZE = 64
DATA_OPTIONS = {"size": SIZE, "n_train": 6000, "n_val": 500, "n_test": 2000}
EPOCHS = 10
# no exposure augmentation: it has arms of its own
AUGMENT = Augment(flip=True, shift=3)

# scenes-wake's topology on the smaller picture: 5.1 M binary MACs
NET: BinaryNet = replace(WAKE, input_shape=(SIZE, SIZE, 1))


def reduced(name: str, net: Any, source: str, **fields: Any) -> Recipe:
    """A recipe at the reduced size; `fields` are further fields of it, or replace the usual."""
    usual: dict[str, Any] = {
        "data": "scenes",
        "data_options": DATA_OPTIONS,
        "epochs": EPOCHS,
        "batch": 64,
        "learning_rate": 3e-3,
        "augment": AUGMENT,
        "evaluate_every": EPOCHS,
    }
    return Recipe(name=name, net=net, source=source, **{**usual, **fields})
