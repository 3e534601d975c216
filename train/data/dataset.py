"""What every dataset looks like, whatever its source."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Pictures of one split.

    Attributes:
        images: uint8 [N, H, W, C], C = 1 (gray) or 3 (RGB); may be memory-mapped, or joined.
        labels: int64 [N], an index into `Dataset.label_names`; -1 where no label is known.
        names: N names that tell where each picture comes from.
        targets: [N, ...], what a task other than classification learns and is judged by; fields of
            a structured array when it is more than one thing. The dataset says what it holds.
    """

    images: Pixels
    labels: Labels
    names: tuple[str, ...]
    targets: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        sizes = (len(self.images), len(self.labels), len(self.names))
        if len(set(sizes)) != 1 or self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DataError(
                "a split needs as many uint8 pictures [N, H, W, C] as labels and names",
                found=f"{self.images.dtype} {self.images.shape}, {sizes[1]} labels, "
                f"{sizes[2]} names",
            )
        if self.targets is not None and len(self.targets) != len(self.labels):
            raise DataError(
                "a split needs a target for each picture",
                found=f"{len(self.targets)} targets, {len(self.labels)} pictures",
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.integer[Any]] | list[int]) -> Split:
        """The pictures at `indices`, in that order."""
        index = np.asarray(indices, dtype=np.int64)
        return Split(
            np.asarray(self.images[index]),
            self.labels[index],
            tuple(self.names[int(i)] for i in index),
            None if self.targets is None else np.asarray(self.targets[index]),
        )


def empty_split(shape: tuple[int, int, int]) -> Split:
    """A split without pictures, for datasets that define no validation set."""
    return Split(np.zeros((0, *shape), np.uint8), np.zeros(0, np.int64), ())


@dataclass(frozen=True)
class Dataset:
    """Three splits and what a report has to say about them.

    Attributes:
        name, label_names: class k is label_names[k]; class 1 of a two-class set is what is sought.
        train, val, test: the splits; val may be empty.
        seed: of everything random in making the set.
        synthetic: True when the pictures are rendered; every result must then say so.
        note: one sentence on the source and the protocol.
        options: what the loader was asked for, beyond the seed.
    """

    name: str
    label_names: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    seed: int
    synthetic: bool
    note: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.test.images.shape[1:]
        return int(height), int(width), int(channels)

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 over pixels, labels, names and, where there are, targets of all splits, 64
        hexadecimal digits."""
        digest = hashlib.sha256()
        for name, split in self.splits.items():
            digest.update(f"{name} {split.images.shape}".encode())
            for start in range(0, len(split), 1024):
                digest.update(np.ascontiguousarray(split.images[start : start + 1024]).tobytes())
            digest.update(split.labels.astype("<i8").tobytes())
            digest.update("\n".join(split.names).encode())
            if split.targets is not None:
                digest.update(f"targets {split.targets.dtype} {split.targets.shape}".encode())
                digest.update(np.ascontiguousarray(split.targets).tobytes())
        return digest.hexdigest()
