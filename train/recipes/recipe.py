"""What an experiment is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from train.models.binary import BinaryNet


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


@dataclass(frozen=True)
class Recipe:
    """One experiment. `net` is a BinaryNet, or a function that builds another Keras model.

    Attributes:
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
    net: BinaryNet | Callable[[], Any]
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

    def as_dict(self) -> dict[str, Any]:
        """Plain data for recipe.json; a builder function is given by its name."""
        fields = {k: v for k, v in self.__dict__.items() if k not in ("net", "augment")}
        net: Any = (
            {**asdict(self.net), "layers": [repr(layer) for layer in self.net.layers]}
            if isinstance(self.net, BinaryNet)
            else getattr(self.net, "__name__", repr(self.net))
        )
        return {**fields, "net": net, "augment": asdict(self.augment)}
