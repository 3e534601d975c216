"""Grouped against dense binary convolutions, at the reduced size.

`grouped` is the common network with its pointwise layers in groups too and a shuffle between, so
that something depends on the shuffle; `unshuffled` shows what it is worth. `dense` keeps the
channels and so has three times the weight bits; `narrow` is dense with as many weight bits and MACs
as the grouped network, its 3x3 layers half and a quarter as wide.
"""

from __future__ import annotations

from dataclasses import replace

from train.models.binary import Conv, Pool, Shuffle
from train.recipes import reduced as common
from train.recipes.reduced import reduced

STEM = common.NET.layers[:4]
NET = replace(
    common.NET,
    layers=(
        *STEM,
        Conv(64, 3, groups=2),
        Shuffle(2),
        Conv(128, 1, groups=2),
        Pool(),
        Conv(128, 3, groups=4),
        Shuffle(4),
        Conv(256, 1, groups=4),
        Pool(),
    ),
)
DENSE = replace(
    NET,
    layers=tuple(
        replace(layer, groups=1) if isinstance(layer, Conv) else layer
        for layer in NET.layers
        if not isinstance(layer, Shuffle)
    ),
)
UNSHUFFLED = replace(NET, layers=tuple(la for la in NET.layers if not isinstance(la, Shuffle)))
NARROW = replace(
    NET,
    layers=(*STEM, Conv(32, 3), Conv(128, 1), Pool(), Conv(32, 3), Conv(256, 1), Pool()),
)

SOURCE = "arXiv 2505.13462 (grouped binary convolutions); topology reconstructed"
RECIPES = (
    reduced("grouping-grouped", NET, SOURCE),
    reduced("grouping-unshuffled", UNSHUFFLED, SOURCE + "; no channel shuffle"),
    reduced("grouping-dense", DENSE, SOURCE + "; one group"),
    reduced("grouping-narrow", NARROW, SOURCE + "; one group, equal weight bits"),
)
