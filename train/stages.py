"""A recipe's stages laid out on its epochs, with every setting resolved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from train.recipes.check import check
from train.recipes.recipe import Recipe, Stage


@dataclass(frozen=True)
class Phase:
    """A stage in place: epochs first … first + epochs - 1, and what holds there.

    Attributes:
        activations, weights: "binary" or "real".
        learning_rate, schedule, warmup_epochs, weight_decay, gradual, label_weight: as in Stage.
    """

    index: int
    first: int
    epochs: int
    activations: str
    weights: str
    learning_rate: float
    schedule: str
    warmup_epochs: float
    weight_decay: float
    gradual: float
    label_weight: float

    def rate(self, step: int, steps_per_epoch: int, peak: float | None = None) -> float:
        """The rate at a step of the phase: linear warm-up to the peak, then the schedule.

        `peak` is the phase's learning rate when not given.
        """
        peak = self.learning_rate if peak is None else peak
        total = self.epochs * steps_per_epoch
        warm = self.warmup_epochs * steps_per_epoch
        if step < warm:
            return peak * min(1.0, (step + 1) / warm)  # it may end within a step
        done = (step - warm) / (total - warm)
        if self.schedule == "cosine":
            return peak * 0.5 * (1 + math.cos(math.pi * done))
        return peak * (1.0 - done) if self.schedule == "linear" else peak

    def hardness(self, step: int, steps_per_epoch: int) -> float:
        """How hard soft signs are at a step: 0 to 1 over the phase's share `gradual`, then 1."""
        soft = self.gradual * self.epochs * steps_per_epoch
        return min(1.0, step / soft) if soft else 1.0

    def forms(self, hardness: float) -> tuple[str, str]:
        """Forms of activations and weights for train.layers.gradual.forms."""
        kinds = (self.activations, self.weights)
        a, w = ("soft" if kind == "binary" and hardness < 1.0 else kind for kind in kinds)
        return a, w


def phases(recipe: Recipe) -> tuple[Phase, ...]:
    """The recipe's stages on its epochs; one that has none is one binary stage.

    Epochs are shared out in proportion to the stages' shares, each at least one, the largest
    remainders first.

    Raises:
        DataError: see train.recipes.check.
    """
    stages = recipe.stages or (Stage(),)
    check(recipe)
    found, first = [], 0
    for index, (stage, epochs) in enumerate(zip(stages, _epochs(recipe, stages), strict=True)):
        own = {
            name: getattr(recipe, name) if getattr(stage, name) is None else getattr(stage, name)
            for name in (
                "learning_rate",
                "schedule",
                "warmup_epochs",
                "weight_decay",
                "gradual",
                "label_weight",
            )
        }
        found.append(Phase(index, first, epochs, stage.activations, stage.weights, **own))
        first += epochs
    return tuple(found)


def phase_of(found: tuple[Phase, ...], epoch: int) -> Phase:
    """The phase to which an epoch belongs; the last for epochs beyond the end."""
    return [phase for phase in found if phase.first <= epoch][-1]


def _epochs(recipe: Recipe, stages: tuple[Stage, ...]) -> list[int]:
    free = recipe.epochs - len(stages)
    total = sum(stage.share for stage in stages)
    exact = [stage.share * recipe.epochs / total - 1 for stage in stages]
    positive = [max(0.0, part) for part in exact]
    scale = free / sum(positive) if sum(positive) else 0.0
    parts = [part * scale for part in positive]
    whole = [int(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda k: (whole[k] - parts[k], k))
    for k in order[: free - sum(whole)]:
        whole[k] += 1
    return [1 + part for part in whole]
