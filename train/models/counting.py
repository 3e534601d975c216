"""Multiply-accumulates and weight bits of a built Keras model."""

from __future__ import annotations

from typing import Any

import numpy as np

from train.backend import keras, larq
from train.layers.encoders.bitplanes import BitPlaneDepthwise
from train.models.binary import Cost

BINARY = (larq.layers.QuantConv2D, BitPlaneDepthwise)
REAL_BITS = 8  # a real weight on the device: int8


def count_model(model: Any) -> Cost:
    """Count convolutions and dense layers: kernels only, 1 bit a weight of binary ones, 8 bits of
    real ones. Thresholds, batch norm and biases are not weights."""
    rows = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = layer.depthwise_kernel
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense, BitPlaneDepthwise)):
            kernel = layer.kernel
        else:
            continue
        size = int(np.prod(kernel.shape))
        _, *shape = layer.output_shape
        h, w, c = (1, 1, *shape) if len(shape) == 1 else shape
        bits = size * (1 if isinstance(layer, BINARY) else REAL_BITS)
        rows.append((layer.name, (h, w, c), h * w * size, bits))
    return Cost(sum(r[2] for r in rows), sum(r[3] for r in rows), tuple(rows))
