"""What a block is, and how one is removed. Pure functions of a BinaryNet and its weights.

A *region* lies between two dense binary convolutions (or such a convolution and the head): the
first makes its channels, the second takes them all. In between there may be grouped convolutions of
one number of groups, pooling, and a shuffle of as many groups behind the last of them. A region so
falls into *lanes* that never meet: with G groups each lane holds one group of every convolution;
without grouped convolutions a lane is 32 channels. A block is a lane.

Removing lane k removes its share of the first convolution's filters and batch norm, its group of
every grouped convolution, and its input channels of the second convolution. What is left is a
smaller network of the same kind, whose groups still hold a multiple of 32 channels, as LCE asks.

Reconstructed: the pointwise - grouped - pointwise block of the same authors' BILLNET
(arXiv 2501.14495) is the model; arXiv 2505.13462's own definition was not available to us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.models.binary import BinaryNet, Conv, Pool, Shuffle

LANE = 32  # channels of a block where no convolution is grouped; one word on the device
HEAD = "head"

# Layer name -> arrays, as the Keras layer's get_weights() gives them.
Weights = Mapping[str, Sequence[npt.NDArray[Any]]]


@dataclass(frozen=True)
class Region:
    """Where lanes lie.

    Attributes:
        maker: index in `net.layers` of the dense convolution that makes the channels.
        inner: indices of what lies between: grouped convolutions, pools, a shuffle.
        taker: index of the dense convolution that takes them; None for the head.
        lanes: how many.
    """

    maker: int
    inner: tuple[int, ...]
    taker: int | None
    lanes: int


@dataclass(frozen=True, order=True)
class Block:
    """Lane `lane` of the region whose first convolution is `net.layers[maker]`."""

    maker: int
    lane: int


def names(net: BinaryNet) -> dict[int, str]:
    """Index in `net.layers` -> the Keras name of the convolution there."""
    found: dict[int, str] = {}
    for index, layer in enumerate(net.layers):
        if isinstance(layer, Conv):
            found[index] = f"bconv{len(found) + 1}"
    return found


def norm_of(name: str) -> str:
    """The batch norm behind a convolution."""
    return name.replace("bconv", "bn")


def regions(net: BinaryNet) -> tuple[Region, ...]:
    """Every region of the network that has more than one lane, in order."""
    found = []
    for index, layer in enumerate(net.layers):
        if isinstance(layer, Conv) and layer.groups == 1:
            region = _region(net, index)
            if region is not None and region.lanes > 1:
                found.append(region)
    return tuple(found)


def _region(net: BinaryNet, maker: int) -> Region | None:
    """The region that begins at a dense convolution; None where lanes would mix."""
    first = net.layers[maker]
    assert isinstance(first, Conv)
    inner: list[int] = []
    groups, taker = 0, None
    shuffles: list[int] = []
    for index in range(maker + 1, len(net.layers)):
        layer = net.layers[index]
        if isinstance(layer, Conv) and layer.groups == 1:
            taker = index
            break
        if isinstance(layer, Conv):
            if shuffles or (groups and layer.groups != groups):
                return None
            groups = layer.groups
        elif isinstance(layer, Shuffle):
            shuffles.append(layer.groups)
        inner.append(index)
    lanes = groups or first.channels // LANE
    odd = first.channels % lanes or (first.channels // lanes) % LANE if lanes else True
    if odd or any(shuffle != lanes for shuffle in shuffles) or len(shuffles) > 1:
        return None
    return Region(maker, tuple(inner), taker, lanes)


def blocks(net: BinaryNet) -> tuple[Block, ...]:
    """Every block, also those that cannot all be removed: one lane of each region must stay."""
    return tuple(Block(r.maker, lane) for r in regions(net) for lane in range(r.lanes))


def region_of(net: BinaryNet, block: Block) -> Region:
    """The region of a block.

    Raises:
        DataError: there is no such block, or it is the last of its region.
    """
    for region in regions(net):
        if region.maker == block.maker and 0 <= block.lane < region.lanes:
            return region
    raise DataError(
        "the network has no such block, or no other beside it",
        found=f"lane {block.lane} behind layer {block.maker}",
        remedy="blocks(net) lists them",
    )


def taken_channels(net: BinaryNet, block: Block) -> npt.NDArray[np.bool_]:
    """Which input channels of the taking convolution come from the block, bool [channels]."""
    region = region_of(net, block)
    channels = _width(net, region)
    lane = np.repeat(np.arange(region.lanes), channels // region.lanes)
    for index in region.inner:
        if isinstance(net.layers[index], Shuffle):
            lane = lane.reshape(region.lanes, -1).T.ravel()
    return lane == block.lane


def _width(net: BinaryNet, region: Region) -> int:
    """Channels at the end of a region."""
    convs = [net.layers[i] for i in (region.maker, *region.inner)]
    return [layer.channels for layer in convs if isinstance(layer, Conv)][-1]


def without(net: BinaryNet, block: Block) -> BinaryNet:
    """The network's description without the block."""
    region = region_of(net, block)
    left = region.lanes - 1
    layers: list[Any] = list(net.layers)

    def narrowed(conv: Conv, groups: int) -> Conv:
        return replace(conv, channels=conv.channels // region.lanes * left, groups=groups)

    layers[region.maker] = narrowed(layers[region.maker], 1)
    for index in region.inner:
        layer = layers[index]
        if isinstance(layer, Conv):
            layers[index] = narrowed(layer, left)
        elif isinstance(layer, Shuffle):
            layers[index] = Shuffle(left)
    return replace(net, layers=tuple(layers))


def smallest(net: BinaryNet) -> BinaryNet:
    """The network with one lane left of each of its regions: what one cut can end in.

    A grouped convolution of which one group is left is dense, and may begin a region that this
    network does not have: further cuts can go below.
    """
    for region in regions(net):
        for _ in range(region.lanes - 1):
            net = without(net, Block(region.maker, 0))
    return net


def weights_without(net: BinaryNet, weights: Weights, block: Block) -> dict[str, list[Any]]:
    """The weights of `without(net, block)`: those of the network, less the block's.

    Args:
        net: the network before.
        weights: kernels are [h, w, in / groups, out]; batch norm's arrays are [out].
        block: to remove.
    """
    region, called = region_of(net, block), names(net)
    kept = {name: [np.array(array) for array in arrays] for name, arrays in weights.items()}
    for index in (region.maker, *region.inner):
        layer = net.layers[index]
        if isinstance(layer, Pool | Shuffle):
            continue
        lane = np.repeat(np.arange(region.lanes), layer.channels // region.lanes)
        out = lane != block.lane
        for name in (called[index], norm_of(called[index])):
            kept[name] = [array[..., out] for array in kept[name]]
    taker = HEAD if region.taker is None else called[region.taker]
    came = ~taken_channels(net, block)
    kept[taker] = [array[:, :, came, :] for array in kept[taker]]
    return kept


def moved(block: Block, removed: Block) -> Block | None:
    """The block's place after another was removed; None for that one."""
    if block == removed:
        return None
    behind = block.maker == removed.maker and block.lane > removed.lane
    return replace(block, lane=block.lane - 1) if behind else block


def weights_of(model: Any) -> dict[str, list[Any]]:
    """Layer name -> arrays of a Keras model."""
    return {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}


def ordered(model: Any, weights: Weights) -> list[Any]:
    """Weights by layer name in the order of the model's get_weights()."""
    by_name = [array for layer in model.layers for array in weights.get(layer.name, ())]
    shapes = [tuple(array.shape) for array in by_name]
    wanted = [tuple(array.shape) for array in model.get_weights()]
    if shapes != wanted:
        raise ValueError(f"weights {shapes} for a network of {wanted}")
    return by_name
