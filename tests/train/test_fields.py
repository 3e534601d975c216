"""What descriptions of networks, tasks and recipes may hold: anything else is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from convert.errors import BitWakeError, DataError, ModelError
from train.fields import check_fields

pytestmark = pytest.mark.keras
# of no field's type or range; "" and () are those of some
NONSENSE = ("no such name", -3, 8.5, float("nan"), float("inf"), 10**9, 1e30, (1, 2), {}, object())


def descriptions() -> dict[str, Callable[..., Any]]:
    """Name -> makes one that is sound but for the fields given."""
    from train.layers.encoders import Bayer, BitPlanes, Code, Dithered, Frac, Glt
    from train.models.backbone import Backbone
    from train.models.binary import BinaryNet, Conv, Shuffle
    from train.models.blocks import XNOR, BiNeal, Compact
    from train.models.blocks.flow import Signs
    from train.prune.plan import Plan
    from train.tasks.detection import Detection
    from train.tasks.matching import Matching
    from train.tasks.nets import DetectNet, MatchNet, SegmentNet, UpscaleNet
    from train.tasks.task import Classification

    net = BinaryNet((16, 16, 1), 4, (Conv(8),))
    back = Backbone(input_shape=(16, 16, 1), widths=(8,), blocks=(1,), strides=(1,))
    parts = (net, back, Conv(8), Shuffle(2), BiNeal(), Compact(), XNOR(), Signs(), Glt(), Code(),
             Frac(), Dithered(), BitPlanes(), Bayer(), DetectNet(back), MatchNet(back),
             SegmentNet(back), UpscaleNet(back), Plan(), Classification(), Detection(),
             Matching())  # fmt: skip
    return {type(part).__name__: partial(replace, part) for part in parts}


def test_every_field_of_a_description_refuses_nonsense() -> None:
    """Whatever is accepted is of the field's own type, and no number is out of all bounds."""
    for name, make in descriptions().items():
        for field in fields(make()):
            for value in NONSENSE:
                try:
                    made = make(**{field.name: value})
                except BitWakeError:
                    continue
                usual, kept = getattr(make(), field.name), getattr(made, field.name)
                both = {type(usual), type(kept)}
                alike = len(both) == 1 or both <= {int, float, type(None)}
                assert alike, f"{name}({field.name}={value!r})"
                assert kept not in (10**9, 1e30) or field.name == "seed", f"{name} {field.name}"


@pytest.mark.parametrize(
    ("name", "field", "value", "words"),
    [
        ("Conv", "channels", 8.5, "channels of a convolution is int"),
        ("Conv", "channels", "8", "channels of a convolution is int"),
        ("Conv", "kernel", True, "kernel of a convolution is int"),
        ("Conv", "stride", 10**9, "out of range"),
        ("DetectNet", "stride", 0, "stride of a task's network is out of range"),
        ("DetectNet", "backbone", None, "backbone of a task's network is Backbone"),
        ("Detection", "stride", 0, "stride of a task is out of range"),
        ("BitPlanes", "stride", 0.5, "stride of an encoder of bit planes is int"),
        ("Backbone", "block", 5, "no such block"),
        ("Backbone", "encoder", 5, "no such input encoder"),
        ("Backbone", "widths", ("8",), "widths of a backbone"),
        ("BinaryNet", "layers", ("Conv(8)",), "layers of a network"),
        ("Plan", "epochs", 2.5, "epochs of a pruning plan is int"),
        ("Plan", "sizes", 0.5, "sizes of a pruning plan"),
    ],
)
def test_the_field_is_named(name: str, field: str, value: Any, words: str) -> None:
    with pytest.raises(BitWakeError, match=words) as caught:
        descriptions()[name](**{field: value})
    assert repr(value) in str(caught.value)


def test_bit_planes_without_a_stride_are_not_counted() -> None:
    """It was a division by zero."""
    from train.layers.encoders import BitPlanes
    from train.models.binary import count

    with pytest.raises(ModelError, match="no such encoder of bit planes"):
        count(descriptions()["BinaryNet"](encoder=BitPlanes(stride=0)))


def test_lists_become_tuples() -> None:
    """As they are written in a recipe, and as JSON has them."""
    net = descriptions()["BinaryNet"](input_shape=[16, 16, 1])
    assert net.input_shape == (16, 16, 1)
    assert hash(net) == hash(descriptions()["BinaryNet"]())


def test_optional_and_nested_types() -> None:
    @dataclass(frozen=True)
    class Odd:
        some: float | None = None
        pair: tuple[int, str] = (1, "a")
        more: Any = None

    check_fields(Odd(some=3, pair=(2, "b"), more=object()), "it")
    for wrong in (Odd(some=True), Odd(pair=(2,)), Odd(pair=("b", 2)), Odd(some=1e9)):  # type: ignore[arg-type]
        with pytest.raises(ModelError):
            check_fields(wrong, "it")
    with pytest.raises(DataError):
        check_fields(Odd(some=float("nan")), "it", DataError, some=(0, 1))


@pytest.mark.parametrize(
    ("field", "value"), [("task", None), ("task", "detection"), ("stages", None), ("stages", 0)]
)
def test_a_recipe_of_other_types_is_told(field: str, value: Any) -> None:
    from tests.train import small
    from train.recipes.check import check

    with pytest.raises(DataError, match="of another type"):
        check(small.recipe(**{field: value}))


def test_a_network_answers_what_its_task_asks(tmp_path: Path) -> None:
    """Cells of 8 pixels, boxes in cells of 4: that trained, to nothing."""
    from train.evaluate import build_net
    from train.fits import answers_fit
    from train.models.backbone import Backbone
    from train.recipes import get
    from train.tasks.matching import Matching
    from train.tasks.nets import DetectNet

    back = Backbone(input_shape=(16, 16, 1), widths=(8,), blocks=(1,), strides=(2,))
    recipe = get("tasks-detect")
    shapes = {s: build_net(DetectNet(back, s)).output_shape[1:] for s in (2, 4)}
    answers_fit(recipe, (16, 16, 1), shapes[4])
    for task, shape in ((recipe.task, shapes[2]), (Matching(), shapes[4]), (recipe.task, (2,))):
        with pytest.raises(DataError, match="answers are not those of the task"):
            answers_fit(replace(recipe, task=task), (16, 16, 1), shape)
