"""BiNeal against other binary blocks and against 8 bits, at the reduced size.

One backbone of three blocks: 64x64 pictures, stem 32x32, max pooling and a block three times, of
12, 24 and 48 channels times m. m = 1 has 2.6 M binary MACs and 45 kbit of weights, m = 2 has 8.7 M
and 177 kbit; m = 8/3 fills words of 32 bits. One network times one seed takes from four to fifteen
minutes on one free core. What they reach stands in docs/results.md.

Pooling and how signs are trained were chosen on BiNeal, and all take them over; seed 0, eight
epochs, training and test accuracy in %: m = 1 with strides, window 1 and shift 0: 64.5 and 64.6;
with pooling 66.1 and 65.8; with a window of 1.5 and a shift of 1 too 67.3 and 66.4. m = 2 with all
of them: 70.0 and 69.7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from train.layers.encoders import Glt
from train.models.backbone import Backbone
from train.models.blocks import XNOR, BiNeal
from train.recipes.encoders import GLT_RATE
from train.recipes.recipe import Recipe
from train.recipes.reduced import SIGNS, reduced

NET = Backbone(widths=(12, 24, 48), blocks=(1, 1, 1), strides=(2, 2, 2), pool=True, **SIGNS)
TWIN = NET.twin()

BINEAL = "arXiv 2202.03716 (BiNeal); formulas, skip kernel and size reconstructed or ours"
STEM8 = "; 8-bit first layer, as a third party reads the paper; converts with --int8"


# A first layer that learns as one with real weights does, of bits: 32 thresholds, dithered kernels.
DITHERED = {"planes": 32, "encoder": Glt(initial="quantile"), "dithered": True}


def arm(name: str, source: str, **net: Any) -> Recipe:
    """The backbone with other fields."""
    return reduced(f"bineal-{name}", replace(NET, **net), source)


RECIPES = (
    arm("m1", BINEAL),
    arm("m1-5", BINEAL, multiplier=1.5),
    arm("m2", BINEAL, multiplier=2.0),
    arm("m2-67", BINEAL, multiplier=8 / 3),
    # trained as networks of real maps are, whose pooling hands its gradient to the largest
    arm("m1-sums", BINEAL + "; pooling of sums", pool_sums=True),
    arm("m2-67-sums", BINEAL + "; pooling of sums", multiplier=8 / 3, pool_sums=True),
    arm(
        "m2-67-stem8-sums",
        BINEAL + STEM8 + "; pooling of sums",
        stem="int8",
        multiplier=8 / 3,
        pool_sums=True,
    ),
    arm("alpha-none", BINEAL + "; plain weight signs", block=BiNeal(alpha="")),
    arm("alpha-n", BINEAL + "; α of shape N", block=BiNeal(alpha="N")),
    arm("alpha-nckk", BINEAL + "; α of shape N×C×K×K", block=BiNeal(alpha="NCKK")),
    arm("plain-signs", BINEAL + "; no τ, b0, b1", block=BiNeal(activations=False)),
    arm("int4", BINEAL + "; branches clamped to INT4", block=BiNeal(add="int4")),
    arm("stem8", BINEAL + STEM8, stem="int8"),
    arm("m2-67-stem8", BINEAL + STEM8, stem="int8", multiplier=8 / 3),
    replace(
        arm("m2-67-dithered", BINEAL + "; dithered kernels, ours", multiplier=8 / 3, **DITHERED),
        glt_rate=GLT_RATE,
    ),
    arm("bireal", "arXiv 1808.00278 (Bi-Real) on the same backbone", block="bireal"),
    arm("reactnet", "arXiv 2003.03488 (ReActNet) on the same backbone", block="reactnet"),
    # as many instructions on Cortex-M4 as BiNeal at m = 8/3
    arm(
        "bireal-third",
        "arXiv 1808.00278 (Bi-Real), a third as wide",
        block="bireal",
        multiplier=1 / 3,
    ),
    arm(
        "reactnet-third",
        "arXiv 2003.03488 (ReActNet), a third as wide",
        block="reactnet",
        multiplier=1 / 3,
    ),
    arm("xnor", "arXiv 1603.05279 (XNOR-Net) on the same backbone", block=XNOR("computed")),
    arm("xnor-plus", "arXiv 1909.13863 (XNOR-Net++) on the same backbone", block=XNOR("learned")),
    reduced(
        "bineal-twin",
        TWIN,
        "the same backbone with real weights, ReLU and no thermometer; float32, and int8 by "
        "TensorFlow Lite after training",
    ),
)
