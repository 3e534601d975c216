"""A recipe's network, its answers, and batch norm's statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import ModelError
from train.backend import keras, tf
from train.data import Split
from train.figures import accuracy_of
from train.models.binary import BinaryNet, Cost, build, count
from train.recipes.recipe import NetSpec, Recipe

EVAL_BATCH = 256
# what it says of shapes that cannot be, or that no memory holds
OF_TENSORFLOW = (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError)


def build_net(net: Any) -> Any:
    """The untrained Keras model of a BinaryNet, a NetSpec or a builder function.

    Raises:
        ModelError: its layers do not fit together, or one has a number that none can have.
    """

    def made() -> Any:
        if isinstance(net, BinaryNet):
            return build(net)
        return net.build() if isinstance(net, NetSpec) else net()

    # autograph would read the source of layers, which may have changed since they were imported
    try:
        return tf.autograph.experimental.do_not_convert(made)()
    except (ValueError, ArithmeticError, MemoryError, *OF_TENSORFLOW) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            "the network cannot be built as it is described",
            found=" ".join(lines)[:300],
            remedy="look at channels, kernels, strides and groups of the recipe's network",
        ) from error


def build_model(recipe: Recipe) -> Any:
    """The untrained Keras model of a recipe's network."""
    return build_net(recipe.net)


def cost(recipe: Recipe) -> Cost | None:
    """The network's count; None for a network that is given as a function."""
    if isinstance(recipe.net, BinaryNet):
        return count(recipe.net)
    return recipe.net.count() if isinstance(recipe.net, NetSpec) else None


class Predictor:
    """A model as a function of byte pictures; traced once, so keep it for repeated use."""

    def __init__(self, model: Any) -> None:
        # without autograph, which would read the source of layers that may have changed since
        self._step = tf.function(
            lambda x: model(x, training=False), reduce_retracing=True, autograph=False
        )

    def __call__(self, images: npt.NDArray[np.uint8]) -> Any:
        """float32 outputs [N, …] of uint8 [N, H, W, C]; structured as the model's outputs are."""
        parts = [
            self._step(tf.constant(np.asarray(images[i : i + EVAL_BATCH]), tf.float32))
            for i in range(0, len(images), EVAL_BATCH)
        ]
        return tf.nest.map_structure(
            lambda *found: np.concatenate([f.numpy() for f in found]).astype(np.float32), *parts
        )


def predict(model: Any, images: npt.NDArray[np.uint8]) -> Any:
    """Outputs of byte pictures, for a classifier logits [N, classes]."""
    return Predictor(model)(images)


def accuracy(model: Any, split: Split) -> float:
    return accuracy_of(lambda images: predict(model, images), split)


def confusion(model: Any, split: Split, classes: int) -> list[list[int]]:
    """Rows are true classes, columns predicted ones."""
    table = np.zeros((classes, classes), int)
    np.add.at(table, (split.labels, predict(model, split.images).argmax(1)), 1)
    return [[int(v) for v in row] for row in table]


def reestimate_batch_norm(model: Any, images: npt.NDArray[np.uint8], batch: int = 256) -> None:
    """Replace batch norm's moving statistics by averages over `images`, unaugmented.

    The moving averages of training lag behind weights whose signs still flip; exact ones cost one
    pass. Layers are re-estimated together, as training saw them: with batch statistics throughout.
    """
    norms = [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization)]
    if not norms or not len(images):
        return
    probe = keras.Model(model.input, [layer.input for layer in norms])

    @tf.function(reduce_retracing=True, autograph=False)
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
