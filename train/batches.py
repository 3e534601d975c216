"""What a training sees: which pictures, in which order, changed how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.augment import augment
from train.data import Dataset
from train.recipes.recipe import Recipe
from train.tasks.task import Classification, seen

MOVING = ("flip", "shift", "rotate", "zoom", "wedge")  # what parts a picture from its target
Batch = tuple[Any, Any, dict[str, Any]]  # pictures, targets, the generator's state behind them


class Batches:
    """Batches of the training split alone, augmented; the same bytes whenever they are asked for.

    Args:
        recipe, dataset: what is trained on what.
        seed: all randomness of epoch e comes from one generator seeded with (seed, e).

    Raises:
        DataError: the data has no targets for the task, or an augmentation would part pictures
            from them.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, seed: int) -> None:
        self.recipe, self.data, self.seed = recipe, dataset, seed
        self.targets = self._targets()
        self.steps = max(1, len(dataset.train) // recipe.batch)

    def _targets(self) -> Any:
        """What the loss is given of each picture: labels, or the split's targets."""
        train, task = self.data.train, self.recipe.task
        if isinstance(task, Classification):
            return train.labels
        where = f"recipe {self.recipe.name}, dataset {self.data.name}"
        if train.targets is None:
            raise DataError(
                "the dataset has no targets for this task",
                where=where,
                found=f"task {task.name}",
                remedy="choose a dataset with targets",
            )
        moved = [name for name in MOVING if getattr(self.recipe.augment, name)]
        if moved and not hasattr(task, "augment"):
            raise DataError(
                "this augmentation changes pictures and not their targets",
                where=where,
                found=", ".join(moved),
                remedy="leave these out of the recipe's augment",
            )
        return train.targets

    def of(
        self, epoch: int, begun: int = 0, generator: dict[str, Any] | None = None
    ) -> Iterator[Batch]:
        """The epoch's global batches from number `begun` on, whose generator state is given."""
        rng = np.random.default_rng([self.seed, epoch, 0xB17])
        order = self.order(rng)
        if begun and generator is not None:
            rng.bit_generator.state = generator
        size = self.recipe.batch
        for k in range(begun, self.steps):
            index = np.sort(order[k * size : (k + 1) * size])
            images, targets = np.asarray(self.data.train.images[index]), self.targets[index]
            changing = getattr(self.recipe.task, "augment", None)
            if changing is not None:
                images, targets = changing(images, targets, self.recipe.augment, rng)
            else:
                images = augment(images, self.recipe.augment, rng)
            yield images, targets, dict(rng.bit_generator.state)

    def order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The epoch's pictures, as many as there are; each of them once, or balanced: every class
        equally often, the unlabeled counting as one."""
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
        """What the network is shown of training pictures, unaugmented, with the classes' shares as
        in training: of `most` pictures."""
        rows = np.arange(len(self.data.train))[:most]
        if self.recipe.balanced:
            rng = np.random.default_rng([self.seed, 0xB4])
            rows = np.sort(self.order(rng)[:most])
        return seen(self.recipe.task, self.data.train.take(rows))
