"""The network that is pruned: about one megabit in pointwise - grouped - pointwise blocks.

The block is that of the same authors' BILLNET (arXiv 2501.14495); the topology is ours. Widths are
generous, so that there is something to prune.
"""

from __future__ import annotations

from train.models.binary import BinaryNet, Conv
from train.recipes.reduced import SIZE, reduced

NET = BinaryNet(
    input_shape=(SIZE, SIZE, 1),
    planes=8,
    layers=(
        Conv(16, 3, stride=2),
        Conv(32, 3, stride=2),
        Conv(128, 1),
        Conv(128, 3, stride=2, groups=4),
        Conv(256, 1),
        Conv(256, 3, stride=2, groups=8),
        Conv(512, 1),
        Conv(512, 3, stride=2, groups=16),
        Conv(512, 1),
        Conv(512, 3, groups=16),
        Conv(256, 1),
    ),
)

RECIPES = (
    reduced(
        "pruning-base",
        NET,
        "arXiv 2505.13462 (block pruning, distillation); blocks and topology reconstructed",
    ),
)
