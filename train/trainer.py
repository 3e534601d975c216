"""A network in training: the step, an epoch, its state."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.backend import seed_everything, tf
from train.batches import Batches
from train.data import Dataset
from train.distill import Teacher, check, distributional
from train.distribute import Workers
from train.evaluate import Predictor, build_model
from train.fits import answers_fit, fit
from train.layers.encoders import calibrate
from train.layers.gradual import forms, hardness
from train.optim import Optimizers, layers_of, set_clip
from train.prefetch import prefetched
from train.recipes.recipe import Recipe
from train.runfolder import Arrays
from train.stages import phase_of, phases
from train.tasks.task import Classification, seen


@dataclass
class Progress:
    """How far an epoch has come: what a checkpoint within it holds besides the weights."""

    epoch: int
    batches: int = 0
    generator: dict[str, Any] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    hits: int = 0
    seen: int = 0
    labelled: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Progress:
        return cls(**json.loads(text))


def _tensors(targets: npt.NDArray[Any]) -> Any:
    """A tensor, or of a structured array one for each field."""
    names = targets.dtype.names
    if names is None:
        return tf.constant(targets)
    return {name: tf.constant(targets[name]) for name in names}


class Trainer:
    """A model, its optimizers and the step that joins them.

    Args:
        recipe, dataset: what to train on what.
        seed: of first weights, order and augmentation.
        teacher: the network to learn from, when the recipe names one.
        initial: first weights in the order of the model's get_weights(), instead of drawn ones.
        workers: all that train together.

    Raises:
        DataError: the dataset, or the recipe's stages, augmentation, teacher or first weights do
            not fit the network.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        seed: int,
        *,
        teacher: Teacher | None = None,
        initial: Sequence[npt.NDArray[Any]] | None = None,
        workers: Workers | None = None,
    ) -> None:
        self.recipe, self.data, self.seed, self.teacher = recipe, dataset, seed, teacher
        self.workers = workers or Workers()
        self.workers.check_batch(min(recipe.batch, len(dataset.train)))
        self.phases = phases(recipe)
        self.task = recipe.task
        if isinstance(self.task, Classification) and recipe.smoothing:
            self.task = replace(self.task, smoothing=recipe.smoothing)
        self.batches = Batches(recipe, dataset, seed)
        self.steps_per_epoch = self.batches.steps
        seed_everything(seed)
        with self.workers.scope():
            self.model = build_model(recipe)
            fit(recipe, dataset, self.model.input_shape[1:], self.model.output_shape[-1])
            answers_fit(recipe, self.model.input_shape[1:], self.model.output_shape[1:])
            calibrate(self.model, seen(recipe.task, dataset.train))
        self.workers.synchronize(layers_of(self.model))
        if recipe.clip != 1.0:
            set_clip(self.model, recipe.clip)
        if teacher is not None:
            check(recipe, teacher.model, self.model)
        elif (dataset.train.labels < 0).any():
            raise DataError(
                "pictures without a label are learned from with a teacher alone",
                where=f"recipe {recipe.name}, dataset {dataset.name}",
                found=f"{int((dataset.train.labels < 0).sum())} training pictures without a label",
                remedy="set the recipe's teacher, or leave these pictures out in data_options",
            )
        if initial is not None:
            self._set_weights(list(initial))
        self._plain: Any = None
        self._predictors: dict[tuple[str, str], Predictor] = {}
        self._enter(0, fresh=True)

    def _set_weights(self, weights: list[npt.NDArray[Any]]) -> None:
        try:
            self.model.set_weights(weights)
        except ValueError as error:
            raise DataError(
                "the first weights do not fit the recipe's network",
                where=f"recipe {self.recipe.name}",
                found=str(error).splitlines()[0][:200],
                remedy="begin with weights of the same network",
            ) from None

    def _enter(self, index: int, fresh: bool) -> None:
        """Begin a stage: new optimizers, new steps; `fresh` unless its state is restored next."""
        self.phase = self.phases[index]
        with self.workers.scope():
            self.optimizers = Optimizers(self.model, self.recipe, self.phase)
        if fresh:
            self.optimizers.begin()
        # traced apart, so that hard steps do not pay for the soft form
        self._steps: dict[tuple[str, str], Any] = {}

    def _step(self, x: Any, y: Any) -> Any:
        """A step of one replica: its loss, and how many of its answers are right."""
        images = tf.cast(x, tf.float32)
        with tf.GradientTape() as tape:
            output = self.model(images, training=True)
            value = self._loss(images, y, output)
            share = value / self.workers.count
        gradients = tape.gradient(share, self.optimizers.variables)
        self.optimizers.apply(gradients, self.workers.count)
        hits = tf.constant(0)
        if isinstance(self.task, Classification):
            hits = tf.reduce_sum(tf.cast(tf.argmax(output, 1) == y, tf.int32))
        return value, hits

    def _loss(self, images: Any, y: Any, output: Any) -> Any:
        if self.teacher is None:
            return self.task.loss(y, output)
        with forms():  # the student's stage decides the form of its own signs alone
            taught = self.teacher.model(images, training=False)
        if isinstance(self.task, Classification):
            value = distributional(taught, output, self.recipe.temperature)
        else:
            value = self.task.distill(taught, output)  # type: ignore[attr-defined]
        if self.phase.label_weight:
            value += self.phase.label_weight * self.task.loss(y, output)
        return value

    def step(self, x: Any, y: Any, hard: float = 1.0) -> Any:
        """One step on this worker's rows; the global batch's mean loss and right answers."""
        form = self.phase.forms(hard)
        if form not in self._steps:
            self._steps[form] = self.workers.step(self._step)
        with forms(*form):
            return self._steps[form](tf.constant(x), _tensors(y))

    def rate(self, step: int) -> float:
        """Learning rate of a step of the whole training."""
        phase = phase_of(self.phases, step // self.steps_per_epoch)
        return phase.rate(step - phase.first * self.steps_per_epoch, self.steps_per_epoch)

    def hardness(self, step: int) -> float:
        """How binary the network is at a step of the whole training, see Phase.hardness."""
        phase = phase_of(self.phases, step // self.steps_per_epoch)
        return phase.hardness(step - phase.first * self.steps_per_epoch, self.steps_per_epoch)

    def run_epoch(
        self,
        epoch: int,
        progress: Progress | None = None,
        after_step: Callable[[Progress], None] | None = None,
    ) -> dict[str, float]:
        """Train an epoch, or the rest of one; `after_step` is called between its steps."""
        phase = phase_of(self.phases, epoch)
        if phase.index != self.phase.index:
            self._enter(phase.index, fresh=True)
        now = progress or Progress(epoch)
        before, began = now.seconds, time.monotonic()
        at = (epoch - phase.first) * self.steps_per_epoch
        for x, y, state in prefetched(self.batches.of(epoch, now.batches, now.generator)):
            step = at + now.batches
            self.optimizers.set_rate(step, self.steps_per_epoch)
            hard = phase.hardness(step, self.steps_per_epoch)
            hardness().assign(hard)
            value, right = self.step(self.workers.share(x), self.workers.share(y), hard)
            loss = float(value)
            if not np.isfinite(loss):
                at_step = f"epoch {epoch + 1}, step {now.batches + 1}"
                raise self._diverged("its loss is", at_step, f"loss {loss}")
            now.losses.append(loss)
            now.hits, now.seen = now.hits + int(right), now.seen + len(x)
            if isinstance(self.task, Classification):
                now.labelled += int((y >= 0).sum())
            now.batches, now.generator = now.batches + 1, state
            now.seconds = before + time.monotonic() - began
            if after_step is not None and now.batches < self.steps_per_epoch:
                after_step(now)
        # thresholds that are no numbers make bits all the same, which no loss tells
        for weight, value in zip(self.model.weights, self.model.get_weights(), strict=True):
            if not np.isfinite(value).all():
                raise self._diverged("weights are", f"epoch {epoch + 1}", weight.name)
        row = {"loss": float(np.mean(now.losses))}
        if now.labelled:
            row["train_accuracy"] = now.hits / now.labelled
        return {**row, "seconds": now.seconds, "images_per_s": now.seen / now.seconds}

    def _diverged(self, what: str, when: str, found: str) -> DataError:
        """What is told where the loss, or a weight, is no number."""
        return DataError(
            f"the training has diverged: {what} no number any more",
            where=f"recipe {self.recipe.name}, {when}",
            found=found,
            remedy="train anew with a lower learning_rate (--set learning_rate=…), or a "
            "higher temperature where a teacher is; this run's last checkpoint is kept",
        )

    def bare_speed(self, seconds: float = 2.0, most: int = 30) -> float:
        """Images/s of the step alone on one fixed batch; weights and optimizers are left as they
        were."""
        kept = self.state()
        x, y, _ = next(self.batches.of(0))
        pictures = len(x)  # fewer than the recipe's batch where the split has fewer
        x, y = self.workers.share(x), self.workers.share(y)
        hard = self.phase.hardness(0, self.steps_per_epoch)
        self.step(x, y, hard)
        times: list[float] = []
        while len(times) < most and (self.workers.strategy or sum(times) < seconds):
            began = time.monotonic()
            float(self.step(x, y, hard)[0])
            times.append(time.monotonic() - began)
        self._restore(kept)
        return pictures / float(np.median(times))

    def plain_model(self) -> Any:
        """The model outside of any strategy: itself, or a twin with its weights."""
        if self.workers.strategy is None:
            return self.model
        if self._plain is None:
            self._plain = build_model(self.recipe)
        self._plain.set_weights(self.model.get_weights())
        return self._plain

    def predict(self, images: npt.NDArray[np.uint8]) -> Any:
        """Outputs of byte pictures, in the form that the present stage trains."""
        model, form = self.plain_model(), self.phase.forms(1.0)
        if form not in self._predictors:
            self._predictors[form] = Predictor(model)
        with forms(*form):
            return self._predictors[form](images)

    def state(self) -> Arrays:
        """All weights, and the optimizers' state."""
        weights = {f"model{i}": w for i, w in enumerate(self.model.get_weights())}
        return weights | self.optimizers.state()

    def restore(self, arrays: Arrays, epoch: int) -> None:
        """Take up the state saved in or after that epoch."""
        index = phase_of(self.phases, epoch).index
        if index != self.phase.index:
            self._enter(index, fresh=False)
        self._restore(arrays)

    def _restore(self, arrays: Arrays) -> None:
        count = sum(name.startswith("model") for name in arrays)
        self.model.set_weights([arrays[f"model{i}"] for i in range(count)])
        self.optimizers.restore(arrays)
