"""The compact topology of grouped convolutions with each logic residual, at the reduced size.

Stem of 32 channels, three blocks of pointwise, grouped and pointwise convolutions: 9.4 M binary
MACs, about ten minutes a network and seed on one free core.
"""

from __future__ import annotations

from dataclasses import replace

from train.models.backbone import Backbone
from train.models.blocks import Compact
from train.recipes.reduced import SIGNS, reduced

NET = Backbone(block=Compact(), widths=(32, 64, 128), blocks=(1, 1, 1), strides=(2, 2, 2), **SIGNS)
SOURCE = "arXiv 2505.13462 (compact topology, no multi-bit skip); block reconstructed"

RECIPES = (
    reduced("compact", NET, SOURCE),
    *(
        reduced(
            f"compact-{kind}",
            replace(NET, block=Compact(kind)),
            f"{SOURCE}; {kind.upper()} residual after arXiv 2501.14495, reconstructed",
        )
        for kind in ("or", "mux", "mor")
    ),
)
