"""Which optimizer moves which variable, and by how much.

Latent weights and everything else: Adam. Latents of learned thresholds: a second Adam with a rate
of its own. With Bop (Helwegen et al., arXiv 1906.02107) binary kernels have no latent weights: they
are ±1 and flip when a moving average of their gradient, with the rate gamma, passes a threshold.
They have no length that could decay: an L2 term would flip all of them, again and again. Dithered
kernels are Adam's with Bop too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.backend import keras, larq, tf
from train.layers import GLT, DitheredKernel
from train.recipes.recipe import Recipe
from train.stages import Phase

BOP = 2  # the place of its group, behind Adam's two


def layers_of(model: Any) -> list[Any]:
    """All layers, those within layers too."""
    return list(model._flatten_layers(include_self=False))


def _binary_layers(model: Any) -> list[Any]:
    return [
        layer
        for layer in layers_of(model)
        if getattr(getattr(layer, "kernel_quantizer", None), "precision", None) == 1
    ]


def binary_kernels(model: Any) -> list[Any]:
    """Kernels that a quantizer turns into one bit, in the model's order."""
    return [layer.kernel for layer in _binary_layers(model)]


def flipping_kernels(model: Any) -> list[Any]:
    """Binary kernels whose bits are signs of their own: all but dithered ones, which tell a real
    weight."""
    return [
        layer.kernel
        for layer in _binary_layers(model)
        if not isinstance(layer.kernel_quantizer, DitheredKernel)
    ]


def set_clip(model: Any, clip: float) -> None:
    """Latent weights stay in ± clip, and signs pass their gradient as far.

    Layers whose kernel has no weight_clip constraint are left alone.
    """
    for layer in layers_of(model):
        constraint = getattr(layer, "kernel_constraint", None)
        if isinstance(constraint, larq.constraints.WeightClip):
            constraint.clip_value = clip
            if hasattr(layer.kernel_quantizer, "clip_value"):
                layer.kernel_quantizer.clip_value = clip


def _decays(variable: Any) -> bool:
    return "kernel" in variable.name.rsplit("/", 1)[-1]


class Optimizers:
    """The optimizers of one stage; made anew, with empty state, when the next begins."""

    def __init__(self, model: Any, recipe: Recipe, phase: Phase) -> None:
        self.recipe, self.phase = recipe, phase
        glt = [layer for layer in model.layers if isinstance(layer, GLT)]
        own = {id(v) for layer in glt for v in layer.trainable_variables}
        bop = recipe.optimizer == "bop" and phase.weights == "binary"
        flipped = {id(v) for v in flipping_kernels(model)} if bop else set()
        rest = [v for v in model.trainable_variables if id(v) not in flipped]
        self.groups = [[v for v in rest if id(v) not in own], [v for v in rest if id(v) in own]]
        self.members = [keras.optimizers.legacy.Adam(1e-3) for _ in self.groups]
        if bop:
            self.groups.append([v for v in model.trainable_variables if id(v) in flipped])
            self.members.append(
                larq.optimizers.Bop(threshold=recipe.bop_threshold, gamma=recipe.bop_gamma)
            )
        for optimizer, group in zip(self.members, self.groups, strict=True):
            if group:
                optimizer._create_all_weights(group)

    @property
    def variables(self) -> list[Any]:
        """What `apply` expects gradients of, in its order."""
        return [v for group in self.groups for v in group]

    def begin(self) -> None:
        """What a stage that starts does to the weights: Bop's kernels become ±1."""
        if len(self.groups) > BOP:
            for kernel in self.groups[BOP]:
                kernel.assign(tf.where(kernel >= 0, 1.0, -1.0))

    def apply(self, gradients: Sequence[Any], replicas: int = 1) -> None:
        """Move the variables; called where the step is traced.

        Args:
            gradients: of the loss's share of this replica; they are summed over `replicas`.
        """
        at = 0
        for k, (optimizer, group) in enumerate(zip(self.members, self.groups, strict=True)):
            mine = [
                g if k == BOP else self._decayed(g, v, replicas)
                for g, v in zip(gradients[at : at + len(group)], group, strict=True)
            ]
            if group:
                optimizer.apply_gradients(zip(mine, group, strict=True))
            at += len(group)

    def _decayed(self, gradient: Any, variable: Any, replicas: int) -> Any:
        if not self.phase.weight_decay or gradient is None or not _decays(variable):
            return gradient
        return gradient + self.phase.weight_decay / replicas * variable

    def set_rate(self, step: int, steps_per_epoch: int) -> None:
        """The rates of a step of the phase."""
        rate = self.phase.rate(step, steps_per_epoch)
        for optimizer, factor in zip(self.members, (1.0, self.recipe.glt_rate), strict=False):
            optimizer.learning_rate = rate * factor
        if len(self.members) > BOP:
            self.members[BOP].gamma = self.phase.rate(step, steps_per_epoch, self.recipe.bop_gamma)

    def state(self) -> dict[str, Any]:
        """Arrays by name: adam0_0 … of the first group, adam1_0 … of the second, and so on."""
        return {
            f"adam{k}_{i}": np.asarray(w)
            for k, optimizer in enumerate(self.members)
            for i, w in enumerate(optimizer.get_weights())
        }

    def restore(self, arrays: dict[str, Any]) -> None:
        for k, optimizer in enumerate(self.members):
            names = [name for name in arrays if name.startswith(f"adam{k}_")]
            if names:
                optimizer.set_weights([arrays[f"adam{k}_{i}"] for i in range(len(names))])
