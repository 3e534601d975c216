"""Five tasks, each by a network of BiNeal blocks, all of it binary or with 8-bit ends, these also
taught by the 8-bit twin, and by the twin. On scenes the taught ones are there once more, wider and
with pooling that is trained on sums.

Reduced size: 64x64 gray scenes (synthetic) for classification, detection and segmentation, pieces
of bundled real photographs for super-resolution and matching; an arm takes about ten minutes on
one free core. The binary network is m times as wide as its twin, as BiNeal (arXiv 2202.03716) is as
its own, and its thresholds learn from the quantiles of the data on, as in `scenes-wake`. The twin
is trained with real weights; `kit train --compare RUN` makes and judges its 8-bit form.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from train.models.backbone import Backbone
from train.recipes.recipe import Augment, Recipe
from train.recipes.reduced import AUGMENT, DATA_OPTIONS, SIGNS, reduced
from train.tasks.detection import Detection
from train.tasks.matching import Matching
from train.tasks.nets import DetectNet, MatchNet, SegmentNet, UpscaleNet
from train.tasks.segmentation import Segmentation
from train.tasks.superresolution import SuperResolution

M = 2.0  # 32, 64 and 128 channels: whole words
WIDER = 2.5  # what costs fewer instructions than the twin in all three tasks
EPOCHS = 12
FLIP = Augment(flip=True)

# stages at strides 4, 8 and 16
SCENES = Backbone(
    "bineal",
    (64, 64, 1),
    widths=(16, 32, 64),
    blocks=(1, 1, 1),
    strides=(2, 2, 2),
    multiplier=M,
    pool=True,
    encoder="glt-quantile",
    **SIGNS,
)
GLT_RATE = 5.0
SMALL = replace(
    SCENES, input_shape=(24, 24, 1), widths=(16,), blocks=(2,), strides=(1,), stem_stride=1
)
VIEWS = replace(SCENES, widths=(16, 32), blocks=(1, 1), strides=(1, 2))

_BINEAL = "BiNeal blocks (arXiv 2202.03716), reconstructed; "
_ENDS = "8-bit first and last layer, converts with --int8; "
_TWIN = "8-bit twin, real weights in training; "


def on_backbone(net: Any, **fields: Any) -> Any:
    """A network with other fields of its backbone, which may be the network itself."""
    if isinstance(net, Backbone):
        return replace(net, **fields)
    return replace(net, backbone=on_backbone(net.backbone, **fields))


def narrow(net: Any) -> Any:
    """The twin of a network, without the multiplier."""
    return on_backbone(net.twin(), multiplier=1.0)


def ends8(net: Any) -> Any:
    """A network with its first and last layers in eight bits."""
    return on_backbone(net, stem="int8", head="mean")


def summed(taught: Recipe) -> Recipe:
    """A taught network at m = 2.5, whose pooling is trained on sums and whose 8-bit layers learn an
    eighth as fast."""
    net = on_backbone(taught.net, multiplier=WIDER, pool_sums=True, begin8=8.0)
    name = taught.name.replace("-taught", "-sums")
    return replace(taught, name=name, net=net, source=f"{taught.source}; pooling of sums")


def family(name: str, net: Any, source: str, **fields: Any) -> tuple[Recipe, ...]:
    """A task's recipe: all layers binary; with 8-bit ends; these taught by the twin as well as by
    the targets; and the twin's own."""
    usual = {"epochs": EPOCHS, "evaluate_every": EPOCHS, "glt_rate": GLT_RATE, **fields}
    twin = f"tasks-{name}-int8"
    ends = reduced(f"tasks-{name}-ends8", ends8(net), _BINEAL + _ENDS + source, **usual)
    return (
        reduced(f"tasks-{name}", net, _BINEAL + source, **usual),
        ends,
        replace(
            ends,
            name=f"tasks-{name}-taught",
            source=f"{ends.source}; taught by its 8-bit twin",
            teacher=twin,
            label_weight=1.0,
        ),
        reduced(twin, narrow(net), _TWIN + source, **usual),
    )


_SCENES = (
    *family("classify", SCENES, "person or not", augment=AUGMENT),
    *family(
        "detect",
        DetectNet(SCENES),
        "CenterNet's head (arXiv 1904.07850) on people",
        data="scenes-detect",
        task=Detection(),
        augment=FLIP,
    ),
    *family(
        "segment",
        SegmentNet(SCENES),
        "a fully convolutional head (arXiv 1411.4038) on people",
        data="scenes-segment",
        task=Segmentation(),
        augment=FLIP,
    ),
)
RECIPES = (
    *_SCENES,
    *(summed(each) for each in _SCENES if each.name.endswith("-taught")),
    *family(
        "upscale",
        UpscaleNet(SMALL),
        "EDSR's shape (arXiv 1707.02921), a correction to bicubic enlargement ×2",
        data="photos-x2",
        data_options={"size": 24, "n_train": 4000, "n_val": 200, "n_test": 400},
        task=SuperResolution(),
        augment=FLIP,
        epochs=20,
        batch=16,
    ),
    *family(
        "match",
        MatchNet(VIEWS),
        "R2D2's losses (arXiv 1906.06195) in cells of 4x4 pixels",
        data="photos-match",
        data_options={"size": DATA_OPTIONS["size"], "n_train": 1500, "n_val": 100, "n_test": 300},
        task=Matching(),
        augment=Augment(gain=0.3, noise=3.0),
        epochs=15,
        batch=8,
    ),
)
