"""One training loop for every recipe.

Adam on the latent weights (clipped to ±1 by their constraint), linear warm-up and cosine decay, a
second Adam for the thermometer's latents. All randomness of epoch e comes from generators seeded
with (seed, e), so that a run resumed at any epoch continues to the same numbers as an unbroken one.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.augment import augment
from train.backend import keras, larq, seed_everything, tf
from train.data import Dataset, Split
from train.figures import accuracy_of, further
from train.layers import GLT
from train.layers.gradual import hardening, hardness
from train.models.binary import BinaryNet, build, count
from train.recipes.recipe import Recipe
from train.runfolder import Arrays, Log, load_arrays, save_arrays, write_json, write_whole

EVAL_BATCH = 256


def build_model(recipe: Recipe) -> Any:
    return build(recipe.net) if isinstance(recipe.net, BinaryNet) else recipe.net()


def predict(model: Any, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Logits [N, classes] of byte pictures."""
    step = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    parts = [
        step(tf.constant(np.asarray(images[i : i + EVAL_BATCH]), tf.float32)).numpy()
        for i in range(0, len(images), EVAL_BATCH)
    ]
    return np.concatenate(parts).astype(np.float32)


def accuracy(model: Any, split: Split) -> float:
    return accuracy_of(lambda images: predict(model, images), split)


def confusion(model: Any, split: Split, classes: int) -> list[list[int]]:
    """Rows are true classes, columns predicted ones."""
    table = np.zeros((classes, classes), int)
    np.add.at(table, (split.labels, predict(model, split.images).argmax(1)), 1)
    return [[int(v) for v in row] for row in table]


def commit() -> str:
    """The repository's commit, for the record; "unknown" outside a checkout."""
    try:
        out = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return out.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


class _Trainer:
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


def reestimate_batch_norm(model: Any, images: npt.NDArray[np.uint8], batch: int = 256) -> None:
    """Replace batch norm's moving statistics by averages over `images`, unaugmented.

    The moving averages of training lag behind weights whose signs still flip; exact ones cost one
    pass. Layers are re-estimated together, as training saw them: with batch statistics throughout.
    """
    norms = [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization)]
    if not norms or not len(images):
        return
    probe = keras.Model(model.input, [layer.input for layer in norms])

    @tf.function(reduce_retracing=True)
    def moments(x: Any) -> Any:
        out = probe(x, training=True)
        return [tf.nn.moments(o, axes=list(range(len(o.shape) - 1))) for o in out]

    before = [layer.get_weights() for layer in norms]
    rows = [
        moments(tf.constant(np.asarray(images[i : i + batch]), tf.float32))
        for i in range(0, max(1, len(images) - batch + 1), batch)
    ]
    for k, layer in enumerate(norms):
        mean = np.mean([row[k][0].numpy() for row in rows], axis=0)
        spread = np.mean([row[k][1].numpy() for row in rows], axis=0)
        weights = before[k]
        weights[-2:] = [mean, spread]
        layer.set_weights(weights)


def _check_shapes(recipe: Recipe, dataset: Dataset) -> None:
    if isinstance(recipe.net, BinaryNet) and dataset.image_shape != recipe.net.input_shape:
        raise DataError(
            "the recipe's network takes other pictures than the dataset holds",
            where=f"recipe {recipe.name}, dataset {dataset.name}",
            found=f"network {recipe.net.input_shape}, pictures {dataset.image_shape}",
            remedy="choose another dataset, or set its size and channels in data_options",
        )
    if len(dataset.train) < 2:
        raise DataError("there are no training pictures", where=f"dataset {dataset.name}")


def _same_run(folder: Path, asked: dict[str, Any], dataset_hash: str) -> None:
    """A resumed run must be asked for what it was; otherwise its numbers would mix two recipes.

    Raises:
        DataError: a field of the recipe or the data differs; the message names it.
    """
    kept = {}
    for name in ("recipe.json", "metrics.json"):
        path = folder / name
        kept[name] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    now = json.loads(json.dumps({**asked, "dataset_hash": dataset_hash}, default=str))
    before = {**kept["recipe.json"]}
    if "dataset_hash" in kept["metrics.json"]:
        before["dataset_hash"] = kept["metrics.json"]["dataset_hash"]
    differing = sorted(k for k in now if k in before and now[k] != before[k])
    if differing:
        raise DataError(
            "the interrupted run was asked for something else",
            where=str(folder),
            found=", ".join(differing) + " differ",
            remedy="resume with what recipe.json there says, or train in a new folder",
        )


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    stop_after: int | None = None,
    record: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Run a recipe and leave a run folder.

    Args:
        recipe, dataset: what to train on what.
        folder: the run folder (see train.runfolder); made when missing.
        resume: continue from the folder's checkpoint; without one, start.
        quiet: no lines on the terminal.
        stop_after: leave after this many epochs in all, as if interrupted.
        record: further entries of recipe.json: how the run was asked for.

    Returns:
        The trained Keras model, batch norm re-estimated, and metrics.json's content.

    Raises:
        DataError: shapes do not match, a run is there and resume is off, or the disk is full.
    """
    _check_shapes(recipe, dataset)
    checkpoint = folder / "checkpoint.npz"
    if checkpoint.exists() and not resume:
        raise DataError(
            "a run is there already",
            where=str(folder),
            remedy="continue it with --resume, or delete the folder",
        )
    seed, dataset_hash = recipe.seed, dataset.hash
    asked = {**recipe.as_dict(), "dataset": dataset.options}
    if checkpoint.exists():
        _same_run(folder, asked, dataset_hash)
    trainer = _Trainer(recipe, dataset, seed)
    history: list[dict[str, float]] = []
    if resume and checkpoint.exists():
        arrays = load_arrays(checkpoint)
        names = [str(n) for n in arrays.pop("history_names")]
        history = [
            {n: float(v) for n, v in zip(names, row, strict=True) if not math.isnan(v)}
            for row in arrays.pop("history")
        ]
        trainer.restore(arrays)
    identity: dict[str, Any] = {
        "recipe": recipe.name,
        "data": dataset.name,
        "dataset_hash": dataset_hash,
        "labels": list(dataset.label_names),
        "synthetic": dataset.synthetic,
        "seed": seed,
        "commit": commit(),
        "versions": {
            "tensorflow": tf.__version__,
            "larq": larq.__version__,
            "numpy": np.__version__,
        },
    }
    if isinstance(recipe.net, BinaryNet):
        cost = count(recipe.net)
        identity |= {"size_bits": cost.weight_bits, "bops": cost.macs}
    else:
        identity |= {"size_bits": 32 * trainer.model.count_params(), "bops": 0}
    write_json(folder / "recipe.json", {**asked, **(record or {})})
    log = Log(folder / "log.txt", quiet)
    log(
        f"{recipe.name} on {dataset.name}{' (synthetic)' if dataset.synthetic else ''}: "
        f"{len(dataset.train)} pictures, {recipe.epochs} epochs, seed {seed}"
        + (f", {identity['bops'] / 1e6:.2f} M binary MACs, {identity['size_bits'] / 1e3:.1f} kbit"
           if identity["bops"] else "")
    )  # fmt: skip
    events = tf.summary.create_file_writer(str(folder / "tensorboard"))

    for epoch in range(len(history), recipe.epochs):
        if stop_after is not None and epoch >= stop_after:
            break
        row = {"epoch": float(epoch + 1), **trainer.run_epoch(epoch)}
        last = epoch + 1 == recipe.epochs
        if len(dataset.val) and ((epoch + 1) % recipe.evaluate_every == 0 or last):
            row["val_accuracy"] = accuracy(trainer.model, dataset.val)
        history.append(row)
        left = row["seconds"] * (recipe.epochs - epoch - 1)
        log(
            f"epoch {epoch + 1}/{recipe.epochs}  loss {row['loss']:.4f}  "
            f"train {row['train_accuracy']:.4f}"
            + (f"  val {row['val_accuracy']:.4f}" if "val_accuracy" in row else "")
            + f"  {row['seconds']:.1f} s  {row['images_per_s']:.0f} images/s"
            + f"  ~{left / 60:.0f} min left"
        )
        with events.as_default():
            for name, value in row.items():
                tf.summary.scalar(name, value, step=epoch + 1)
        events.flush()
        names = sorted({name for r in history for name in r})
        table = np.array([[r.get(name, math.nan) for name in names] for r in history])
        save_arrays(
            checkpoint, {**trainer.state(), "history": table, "history_names": np.array(names)}
        )
        write_curves(folder / "curves.csv", history)
        write_json(
            folder / "metrics.json", {**identity, "finished": False, "epochs": epoch + 1, **row}
        )

    finished = len(history) == recipe.epochs
    reestimate_batch_norm(trainer.model, trainer.typical(32 * EVAL_BATCH))
    scored = dataset.test if len(dataset.test) else dataset.val
    metrics = {
        **identity,
        "finished": finished,
        "epochs": len(history),
        "split": "test",
        "accuracy": accuracy(trainer.model, scored),
        "pictures": len(scored),
        **further(dataset, lambda images: predict(trainer.model, images)),
        "batch_norm_reestimated": True,
        "confusion": confusion(trainer.model, scored, len(dataset.label_names)),
        "val_accuracy": accuracy(trainer.model, dataset.val) if len(dataset.val) else None,
        "train_pictures": len(dataset.train),
        "train_seconds": sum(r["seconds"] for r in history),
        "images_per_s": float(np.mean([r["images_per_s"] for r in history])) if history else 0.0,
    }
    if finished:
        weights = {f"w{i:04d}": w for i, w in enumerate(trainer.model.get_weights())}
        save_arrays(folder / "weights.npz", weights)
        write_json(folder / "metrics.json", metrics)
        synthetic = " (synthetic)" if dataset.synthetic else ""
        log(
            f"{metrics['split']} accuracy {metrics['accuracy']:.4f} on {len(scored)} pictures "
            f"of {dataset.name}{synthetic}, seed {seed}"
        )
    log.close()
    return trainer.model, metrics


def write_curves(path: Path, history: list[dict[str, float]]) -> None:
    """curves.csv: a header and a row an epoch, empty where nothing was measured."""
    names = ["epoch", *sorted({n for row in history for n in row} - {"epoch"})]
    lines = [",".join(names)]
    lines += [",".join(f"{row[n]:.6g}" if n in row else "" for n in names) for row in history]
    write_whole(path, ("\n".join(lines) + "\n").encode())
