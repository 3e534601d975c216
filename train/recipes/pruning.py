"""The network that is pruned: about one megabit, grouped convolutions between dense ones.

Dense - grouped - dense is the shape of the same authors' BILLNET block (arXiv 2501.14495); the
topology is ours. Widths are generous late, where maps are small, so that there is something to
prune: 4 lanes, 16 lanes, and 32 lanes before the head.
"""

from __future__ import annotations

from train.models.binary import BinaryNet, Conv, Pool
from train.recipes.reduced import SIGNS, SIZE, reduced

NET = BinaryNet(
    input_shape=(SIZE, SIZE, 1),
    planes=8,
    **SIGNS,
    layers=(
        Conv(16, 3, stride=2),
        Conv(32, 3, stride=2),
        Conv(128, 3, stride=2),
        Conv(256, 3, stride=2, groups=4),
        Conv(512, 1),
        Conv(512, 3, stride=2, groups=16),
        Conv(1024, 1),
        Pool(),
    ),
)

RECIPES = (
    reduced(
        "pruning-base",
        NET,
        "arXiv 2505.13462 (block pruning, distillation); blocks and topology reconstructed",
    ),
)
