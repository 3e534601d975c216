"""TensorBoard's files: a convenience, so that one that cannot be written stops nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.backend import tf


class Events:
    """Scalars by step.

    Args:
        folder: where; None writes nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            with contextlib.suppress(tf.errors.OpError):
                self._writer = tf.summary.create_file_writer(str(folder))

    def __call__(self, row: Mapping[str, float], step: int) -> None:
        if self._writer is None:
            return
        with contextlib.suppress(tf.errors.OpError):
            with self._writer.as_default():
                for name, value in row.items():
                    tf.summary.scalar(name, value, step=step)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(tf.errors.OpError):
                self._writer.close()
