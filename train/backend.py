"""TensorFlow with Keras 2, quietly, and one clear message when it is missing.

Larq needs Keras 2; beside TensorFlow 2.16 and later that is the package tf-keras, chosen by an
environment variable that must be set before TensorFlow is imported. Import `tf` and `larq` from
here and nowhere else.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from convert.errors import DependencyError

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same sums on every processor

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import larq
        import tensorflow as tf
except ImportError as error:
    raise DependencyError(
        "training needs TensorFlow and Larq",
        found=str(error),
        remedy="make train installs them, or: pip install --no-deps -r requirements-full.lock",
    ) from None

tf.get_logger().setLevel("ERROR")
logging.getLogger("larq").setLevel(logging.ERROR)

keras = tf.keras


class _Whole(random.Random):
    """Keras asks for randint(1, 1e9), which Python 3.12 refuses and 3.11 warns of."""

    def randint(self, a: float, b: float) -> int:
        return super().randint(int(a), int(b))


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's, TensorFlow's and Keras' generators."""
    keras.utils.set_random_seed(seed)
    backend = sys.modules[keras.utils.set_random_seed.__module__].backend
    backend._SEED_GENERATOR.generator = _Whole(seed)


_exporting = False


@contextmanager
def export_mode() -> Iterator[None]:
    """Within it, layers build the form that the converter understands instead of the training form.

    Both forms give the same numbers; weights move between two models of the same builder.
    """
    global _exporting
    before, _exporting = _exporting, True
    try:
        yield
    finally:
        _exporting = before


def exporting() -> bool:
    return _exporting


class AsTrained:
    """A Keras model that answers in its training form, also within export_mode(): layers choose
    their form when they are called, not when they are built."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.input_names, self.output_names = model.input_names, model.output_names

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        global _exporting
        before, _exporting = _exporting, False
        try:
            return self.model(*args, **kwargs)
        finally:
            _exporting = before


__all__ = ["AsTrained", "export_mode", "exporting", "keras", "larq", "seed_everything", "tf"]
