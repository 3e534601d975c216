"""Encoders that want to see data before training do so here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from train.backend import keras, tf

SHOWN = 512  # pictures


def calibrate(model: Any, pictures: npt.NDArray[np.uint8]) -> None:
    """Show bytes [N, H, W, C] of the training split to every layer that wants it (`wants_data`).

    Each gets what reaches it. Call it once, before training; weights of a checkpoint go over it.
    Spread evenly over `pictures`, at most SHOWN are used.
    """
    layers = [layer for layer in model.layers if getattr(layer, "wants_data", False)]
    if not layers or not len(pictures):
        return
    chosen = np.linspace(0, len(pictures) - 1, min(SHOWN, len(pictures))).round().astype(int)
    shown = tf.constant(np.asarray(pictures[chosen]), tf.float32)
    for layer in layers:
        reach = keras.Model(model.input, layer.input)
        layer.calibrate(reach(shown, training=False).numpy())
