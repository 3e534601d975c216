"""What an experiment is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, is_dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any, Protocol, runtime_checkable

from train.models.binary import BinaryNet, Cost
from train.tasks.task import Classification, Task


@dataclass(frozen=True)
class Augment:
    """Random changes of the training split's pictures; all off by default.

    Attributes:
        flip: mirror left-right with probability one half.
        shift: up to so many pixels in each direction, edges repeated.
        rotate: up to so many degrees; zoom: scale by up to 1 ± zoom.
        gain: multiply by 2**u, u uniform in ± gain stops, saturating.
        noise: add normal noise of up to so many grey levels (standard deviation, drawn a picture).
        wedge: with this probability paint black everything beyond a random line through the border,
            as an alignment leaves it, whatever the class.
    """

    flip: bool = False
    shift: int = 0
    rotate: float = 0.0
    zoom: float = 0.0
    gain: float = 0.0
    noise: float = 0.0
    wedge: float = 0.0


@runtime_checkable
class NetSpec(Protocol):
    """A network as data: a frozen dataclass of plain fields, tuples and other such dataclasses."""

    def build(self) -> Any:
        """The Keras model: float32 [N, H, W, C] raw pixels 0..255 -> its outputs."""
        ...

    def count(self) -> Cost:
        """Multiply-accumulates and weight bits, by layer."""
        ...


@dataclass(frozen=True)
class Recipe:
    """One experiment. `net` is a `NetSpec`, or a function that builds a Keras model.

    Attributes:
        task: the loss and the score.
        data, data_options: what `train.data.load` is called with.
        epochs, batch: of the training split.
        learning_rate: peak of Adam's rate; linear warm-up, then cosine to zero.
        glt_rate: factor on the rate of the thermometer's latents.
        smoothing: label smoothing.
        gradual: over this share of the steps, binary networks harden from real values to bits.
        balanced: draw every class equally often, whatever its share of the training split.
        augment: changes of the training pictures.
        seed: of initial weights, order and augmentation. The dataset's own is data_options["seed"].
        evaluate_every: epochs between looks at the validation split.
        source: the paper, and what of it is reconstructed.
    """

    name: str
    data: str
    net: BinaryNet | NetSpec | Callable[[], Any]
    epochs: int
    batch: int = 64
    learning_rate: float = 2e-3
    glt_rate: float = 1.0
    warmup_epochs: float = 1.0
    smoothing: float = 0.0
    gradual: float = 0.0
    balanced: bool = False
    augment: Augment = Augment()
    data_options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    evaluate_every: int = 1
    source: str = ""
    task: Task = field(default_factory=Classification)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for recipe.json; a builder function is given by its name."""
        fields = {k: v for k, v in self.__dict__.items() if k not in ("net", "augment", "task")}
        return {
            **fields,
            "net": net_record(self.net),
            "augment": asdict(self.augment),
            "task": self.task.name,
        }

    def defaults(self) -> dict[str, Any]:
        """as_dict, of those fields alone that have a default, and with it."""
        usual = replace(self, **_defaults(self))
        record = {k: v for k, v in usual.as_dict().items() if k in _defaults(self)}
        if is_dataclass(self.net) and not isinstance(self.net, type):
            kept = _defaults(self.net)
            plain = net_record(replace(self.net, **kept))
            record["net"] = {k: v for k, v in plain.items() if k in kept}
        return record


def _defaults(instance: Any) -> dict[str, Any]:
    """Field -> default of a dataclass, of the fields that have one."""
    found = {}
    for each in dataclass_fields(instance):
        if each.default is not MISSING:
            found[each.name] = each.default
        elif each.default_factory is not MISSING:
            found[each.name] = each.default_factory()
    return found


def net_record(net: Any) -> Any:
    """Plain data that tells one network from another; a builder function is given by its name."""
    if isinstance(net, BinaryNet):
        return {**asdict(net), "layers": [repr(layer) for layer in net.layers]}
    if is_dataclass(net) and not isinstance(net, type):
        values = {f.name: getattr(net, f.name) for f in dataclass_fields(net)}
        plain = {k: v if _plain(v) else repr(v) for k, v in values.items()}
        return {"kind": type(net).__name__, **plain}
    return getattr(net, "__name__", repr(net))


def _plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
