"""Small networks, one for every input encoder and way to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from train.models.binary import BinaryNet

# name -> height, width, channels; planes; encoder by name, or its class and options
CASES: Mapping[str, tuple[tuple[int, int, int], int, Any]] = {
    "glt": ((12, 12, 1), 8, ("Glt", {"surrogate": "reste"})),
    "glt-shared-rgb": ((8, 10, 3), 5, ("Glt", {"shared": True, "surrogate": "sigmoid"})),
    "glt-bayer": ((16, 12, 1), 8, "bayer"),
    "linear-whole-thresholds": ((12, 12, 1), 16, "linear"),
    "quantile": ((12, 12, 1), 6, "quantile"),
    "natural": ((12, 12, 1), 8, "binary"),
    "natural-rgb": ((8, 10, 3), 3, "binary"),
    "gray": ((12, 12, 1), 5, "gray"),
    "dither": ((16, 12, 1), 4, "dither"),
    "dither-random-rgb": ((8, 8, 3), 2, ("Dithered", {"pattern": "random", "tile": 2, "seed": 3})),
    "bitplanes": ((12, 11, 1), 7, "bitplanes"),
    "bitplanes-rgb": ((9, 8, 3), 12, ("BitPlanes", {"kernel": 2, "stride": 2})),
    "frac": ((12, 12, 1), 32, ("Frac", {"resolution": 8.0})),
    "glt-dithered-kernel": ((12, 12, 1), 16, "glt-quantile"),
    "bayer-dithered-kernel": ((16, 12, 1), 8, "bayer"),
    "frac-dithered-kernel-rgb": ((8, 10, 3), 5, "fracbnn"),
}

# Layers of the flatbuffer that compile to one kernel in front of the first convolution.
KERNELS = {
    "glt-bayer": "encode_tiles_u8",
    "dither": "encode_tiles_u8",
    "dither-random-rgb": "encode_tiles_u8",
    "bitplanes": "bit_planes_u8",
    "bitplanes-rgb": "bit_planes_u8",
    "bayer-dithered-kernel": "encode_tiles_u8",
}


def network(name: str) -> BinaryNet:
    """The case's network: encoder, a binary convolution, a head."""
    from train.layers import encoders
    from train.models.binary import BinaryNet, Conv

    shape, planes, chosen = CASES[name]
    encoder = chosen if isinstance(chosen, str) else getattr(encoders, chosen[0])(**chosen[1])
    dithered = "dithered-kernel" in name
    return BinaryNet(shape, planes, (Conv(32, 3, stride=2),), encoder=encoder, dithered=dithered)
