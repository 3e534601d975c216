"""A network in training: its optimizers, the step that joins them, an epoch, its state."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from train.augment import augment
from train.backend import keras, seed_everything, tf
from train.data import Dataset
from train.evaluate import build_model
from train.layers import GLT
from train.layers.gradual import hardening, hardness
from train.recipes.recipe import Recipe
from train.runfolder import Arrays


class Trainer:
    """A model, its two optimizers and the step that joins them."""

    def __init__(self, recipe: Recipe, dataset: Dataset, seed: int) -> None:
        self.recipe, self.data, self.seed = recipe, dataset, seed
        seed_everything(seed)
        self.model = build_model(recipe)
        glt = [layer for layer in self.model.layers if isinstance(layer, GLT)]
        own = {id(v) for layer in glt for v in layer.trainable_variables}
        variables = self.model.trainable_variables
        self.groups = [
            ([v for v in variables if id(v) not in own], 1.0),
            ([v for v in variables if id(v) in own], recipe.glt_rate),
        ]
        self.optimizers = [keras.optimizers.legacy.Adam(1e-3) for _ in self.groups]
        for optimizer, (group, _) in zip(self.optimizers, self.groups, strict=True):
            if group:
                optimizer._create_all_weights(group)
        classes = len(dataset.label_names)
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.smoothing
        )

        def step(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = self.model(tf.cast(x, tf.float32), training=True)
                value = loss(tf.one_hot(y, classes), logits)
            flat = [v for group, _ in self.groups for v in group]
            gradients = tape.gradient(value, flat)
            at = 0
            for optimizer, (group, _) in zip(self.optimizers, self.groups, strict=True):
                if group:
                    mine = gradients[at : at + len(group)]
                    optimizer.apply_gradients(zip(mine, group, strict=True))
                at += len(group)
            hits = tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == y, tf.int32))
            return value, hits

        # traced apart, so that hard steps do not pay for the soft form
        self.steps = {soft: tf.function(step, reduce_retracing=True) for soft in (False, True)}
        self.steps_per_epoch = max(1, len(dataset.train) // recipe.batch)

    def rate(self, step: int) -> float:
        """Learning rate of a step: warm-up, then cosine to zero at the last step."""
        total = self.recipe.epochs * self.steps_per_epoch
        warm = self.recipe.warmup_epochs * self.steps_per_epoch
        if step < warm:
            return self.recipe.learning_rate * (step + 1) / warm
        return (
            self.recipe.learning_rate
            * 0.5
            * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
        )

    def batches(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng([self.seed, epoch, 0xB17])
        order = self.order(rng)
        size = self.recipe.batch
        for k in range(self.steps_per_epoch):
            index = np.sort(order[k * size : (k + 1) * size])
            images = augment(np.asarray(self.data.train.images[index]), self.recipe.augment, rng)
            yield images, self.data.train.labels[index]

    def hardness(self, step: int) -> float:
        """How binary the network is at a step: 0 to 1 over the recipe's share, then 1."""
        soft = self.recipe.gradual * self.recipe.epochs * self.steps_per_epoch
        return min(1.0, step / soft) if soft else 1.0

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The epoch's training pictures, as many as there are; balanced or each of them once."""
        labels = self.data.train.labels
        if not self.recipe.balanced:
            return rng.permutation(len(labels))
        classes = [np.flatnonzero(labels == k) for k in np.unique(labels)]
        share = -(-len(labels) // len(classes))
        repeats = [
            np.concatenate([rng.permutation(of) for _ in range(-(-share // len(of)))])[:share]
            for of in classes
        ]
        return rng.permutation(np.concatenate(repeats))[: len(labels)]

    def typical(self, most: int) -> npt.NDArray[np.uint8]:
        """Training pictures, unaugmented, with the classes' shares as in training."""
        if not self.recipe.balanced:
            return self.data.train.images[:most]
        rng = np.random.default_rng([self.seed, 0xB4])
        return np.asarray(self.data.train.images[np.sort(self.order(rng)[:most])])

    def run_epoch(self, epoch: int) -> dict[str, float]:
        began = time.monotonic()
        losses, hits, seen = [], 0, 0
        for k, (x, y) in enumerate(self.batches(epoch)):
            rate = self.rate(epoch * self.steps_per_epoch + k)
            for optimizer, (_, factor) in zip(self.optimizers, self.groups, strict=True):
                optimizer.learning_rate = rate * factor
            hard = self.hardness(epoch * self.steps_per_epoch + k)
            hardness().assign(hard)
            with hardening(hard < 1.0):
                value, right = self.steps[hard < 1.0](tf.constant(x), tf.constant(y))
            losses.append(float(value))
            hits, seen = hits + int(right), seen + len(y)
        seconds = time.monotonic() - began
        return {
            "loss": float(np.mean(losses)),
            "train_accuracy": hits / seen,
            "seconds": seconds,
            "images_per_s": seen / seconds,
        }

    def state(self) -> Arrays:
        arrays = {f"model{i}": w for i, w in enumerate(self.model.get_weights())}
        for k, optimizer in enumerate(self.optimizers):
            arrays |= {f"adam{k}_{i}": np.asarray(w) for i, w in enumerate(optimizer.get_weights())}
        return arrays

    def restore(self, arrays: Arrays) -> None:
        def ordered(prefix: str) -> list[Any]:
            n = sum(name.startswith(prefix) for name in arrays)
            return [arrays[f"{prefix}{i}"] for i in range(n)]

        self.model.set_weights(ordered("model"))
        for k, optimizer in enumerate(self.optimizers):
            weights = ordered(f"adam{k}_")
            if weights:
                optimizer.set_weights(weights)
