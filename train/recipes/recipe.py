"""What an experiment is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, is_dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any, Protocol, runtime_checkable

from train.models.binary import BinaryNet, Cost
from train.netrecord import net_record
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
        gamma: raise to the power 2**u, u uniform in ± gamma, with 255 as 1.
        tint: multiply each channel apart by 2**u, u uniform in ± tint stops; for colour pictures.
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
    gamma: float = 0.0
    tint: float = 0.0


SCHEDULES = ("cosine", "linear", "constant")
OPTIMIZERS = ("adam", "bop")


@dataclass(frozen=True)
class Stage:
    """A part of a training; each begins with the weights of the one before and new optimizers.

    Attributes:
        share: of the recipe's epochs, in proportion to the other stages' shares.
        activations, weights: "binary" or "real"; in the last stage both are binary.
        learning_rate, schedule, warmup_epochs, weight_decay, gradual, label_weight: None takes the
            recipe's.
    """

    share: float = 1.0
    activations: str = "binary"
    weights: str = "binary"
    learning_rate: float | None = None
    schedule: str | None = None
    warmup_epochs: float | None = None
    weight_decay: float | None = None
    gradual: float | None = None
    label_weight: float | None = None


# ReActNet (arXiv 2003.03488): binary activations with real weights, then all binary without decay.
TWO_STEP = (Stage(weights="real", weight_decay=1e-5), Stage(weight_decay=0.0))


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
        epochs, batch: of the training split; epochs of all stages together.
        learning_rate: peak of Adam's rate; linear warm-up, then the schedule.
        schedule: "cosine" or "linear" to zero, or "constant".
        stages: parts of the training, see Stage; none is one binary stage.
        weight_decay: L2 on kernels, added to their gradient; not on thresholds or batch norm.
        clip: latent weights stay in ± clip, and their gradient passes within it.
        optimizer: "adam" for everything, or "bop": binary kernels by Bop (arXiv 1906.02107),
            without latent weights, and Adam for the rest.
        bop_gamma, bop_threshold: of Bop; gamma follows the schedule.
        teacher: distillation from this network, a recipe's name or a run folder; "" is none.
        temperature: of teacher and student in the distributional loss.
        label_weight: with a teacher, weight of the task's own loss beside the teacher's.
        init_from: a finished run folder whose weights are the first ones; "" draws them.
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
    schedule: str = "cosine"
    stages: tuple[Stage, ...] = ()
    weight_decay: float = 0.0
    clip: float = 1.0
    optimizer: str = "adam"
    bop_gamma: float = 1e-4
    bop_threshold: float = 1e-8
    teacher: str = ""
    temperature: float = 1.0
    label_weight: float = 0.0
    init_from: str = ""
    task: Task = field(default_factory=Classification)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for recipe.json; a builder function is given by its name."""
        fields = {k: v for k, v in self.__dict__.items() if k not in ("net", "augment", "task")}
        return {
            **fields,
            "net": net_record(self.net),
            "augment": asdict(self.augment),
            "stages": [asdict(stage) for stage in self.stages],
            "task": self.task.name,
        }

    def defaults(self) -> dict[str, Any]:
        """as_dict, of those fields alone that have a default, and with it."""
        usual = replace(self, **_defaults(self))
        record = {k: v for k, v in usual.as_dict().items() if k in _defaults(self)}
        if _data(self.net):
            record["net"] = _net_defaults(self.net)
        return record


def _data(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _net_defaults(net: Any) -> dict[str, Any]:
    """net_record, of fields with a default alone and with it; so too within the parts of a net."""
    kept = _defaults(net)
    plain = net_record(replace(net, **kept))
    found = {k: v for k, v in plain.items() if k in kept}
    parts = {f.name: getattr(net, f.name) for f in dataclass_fields(net)}
    return {**found, **{k: _net_defaults(v) for k, v in parts.items() if _data(v)}}


def _defaults(instance: Any) -> dict[str, Any]:
    """Field -> default of a dataclass, of the fields that have one."""
    found = {}
    for each in dataclass_fields(instance):
        if each.default is not MISSING:
            found[each.name] = each.default
        elif each.default_factory is not MISSING:
            found[each.name] = each.default_factory()
    return found
