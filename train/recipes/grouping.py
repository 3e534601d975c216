"""Grouped against dense binary convolutions, at the reduced size.

`dense` keeps the channels and so has about twice the weight bits; `narrow` is dense with as many
weight bits as the grouped network, within 2 %; `unshuffled` shows what the shuffle is worth.
"""

from __future__ import annotations

from dataclasses import replace

from train.models.binary import Conv, Shuffle
from train.recipes.reduced import NET, reduced

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
    layers=(
        Conv(16, 3, stride=2),
        Conv(32, 3, stride=2),
        Conv(64, 3, stride=2),
        Conv(64, 1),
        Conv(64, 3, stride=2),
        Conv(96, 1),
        Conv(128, 3, stride=2),
        Conv(256, 1),
    ),
)

SOURCE = "arXiv 2505.13462 (grouped binary convolutions); topology reconstructed"
RECIPES = (
    reduced("grouping-grouped", NET, SOURCE),
    reduced("grouping-unshuffled", UNSHUFFLED, SOURCE + "; no channel shuffle"),
    reduced("grouping-dense", DENSE, SOURCE + "; one group"),
    reduced("grouping-narrow", NARROW, SOURCE + "; one group, equal weight bits"),
)
