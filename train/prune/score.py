"""The criterion: how much the distillation loss grows when a block is taken away.

L(net) = mean over the calibration pictures of -Σ_c softmax(t)_c log softmax(net)_c, t being the
logits of the unpruned network. A block's score is L(without it) - L(with it): what is least is
removed first. Batch norm takes its statistics from the calibration pictures themselves, in both
terms, for taking inputs away shifts every sum behind them, which a re-estimation mends for nothing.

A block is taken away by zeroes in the binary kernel that takes its channels, in a graph that is
traced once. Reconstructed: arXiv 2505.13462 does not say (to us) how its blocks are ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train.backend import keras, tf
from train.distill import distributional
from train.models.binary import BinaryNet, build
from train.prune.blocks import (
    HEAD,
    Block,
    Weights,
    blocks,
    names,
    ordered,
    region_of,
    regions,
    taken_channels,
)

BATCH = 256


@dataclass(frozen=True)
class Scored:
    """A block, what the loss grows by without it, and the weight bits that it holds."""

    block: Block
    increase: float
    bits: int


class _Masked:
    """A kernel quantizer whose bits are multiplied by a mask over input channels."""

    def __init__(self, quantizer: Any, channels: int) -> None:
        self.quantizer = quantizer
        self.mask = tf.Variable(tf.ones(channels), trainable=False)

    def __call__(self, kernel: Any) -> Any:
        return self.quantizer(kernel) * self.mask[None, None, :, None]


class Masks:
    """A network any of whose blocks can be switched off.

    Args:
        net: its description.
        weights: its weights by layer name.
        calibrated: batch norm takes the statistics of each batch; otherwise the stored ones.
    """

    def __init__(self, net: BinaryNet, weights: Weights, *, calibrated: bool = True) -> None:
        self.net = net
        self.model = build(net)
        self.model.set_weights(ordered(self.model, weights))
        called = names(net)
        self.takers = {r.maker: HEAD if r.taker is None else called[r.taker] for r in regions(net)}
        self.masks: dict[str, _Masked] = {}
        for name in self.takers.values():
            layer = self.model.get_layer(name)
            masked = _Masked(layer.kernel.quantizer, int(layer.kernel.shape[2]))
            layer.kernel.quantizer = masked
            self.masks[name] = masked
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 1.0  # the stored statistics stay
        self._step = tf.function(lambda x: self.model(x, training=calibrated))

    def logits(
        self, images: npt.NDArray[np.uint8], off: Sequence[Block] = ()
    ) -> npt.NDArray[np.float32]:
        """Logits [N, classes] of byte pictures, without the blocks `off`."""
        for masked in self.masks.values():
            masked.mask.assign(tf.ones_like(masked.mask))
        for block in off:
            region_of(self.net, block)
            masked = self.masks[self.takers[block.maker]]
            gone = taken_channels(self.net, block)
            masked.mask.assign(masked.mask * np.where(gone, 0.0, 1.0).astype(np.float32))
        # equal parts: statistics of a few pictures left over would be worth little
        parts = [
            self._step(tf.constant(np.asarray(part), tf.float32)).numpy()
            for part in np.array_split(images, -(-len(images) // BATCH))
        ]
        return np.concatenate(parts).astype(np.float32)


def loss_of(teacher: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> float:
    """The distributional loss of logits [N, classes]."""
    return float(distributional(tf.constant(teacher), tf.constant(logits)))


def bits_of(net: BinaryNet, block: Block) -> int:
    """Weight bits that removing the block saves."""
    from train.models.binary import count
    from train.prune.blocks import without

    return count(net).weight_bits - count(without(net, block)).weight_bits


def scores(
    net: BinaryNet,
    weights: Weights,
    images: npt.NDArray[np.uint8],
    teacher: npt.NDArray[np.float32],
) -> list[Scored]:
    """Every block with its score, least loss first; equal scores in the network's order.

    Args:
        net, weights: the network as it is now.
        images: the calibration pictures, uint8 [N, H, W, C].
        teacher: the unpruned network's logits on them, [N, classes].
    """
    masks = Masks(net, weights)
    base = loss_of(teacher, masks.logits(images))
    found = [
        Scored(block, loss_of(teacher, masks.logits(images, [block])) - base, bits_of(net, block))
        for block in blocks(net)
    ]
    return sorted(found, key=lambda one: (one.increase, one.block))
