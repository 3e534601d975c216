"""Several arrays of pictures that are indexed as one, without a copy: parts may be files."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from train.data.dataset import Pixels


class Joined:
    """uint8 [N, H, W, C], read-only; an index gives an ordinary array of those pictures alone.

    Supports what a `Split` is used for: shape, dtype, len, and the first axis by number, slice,
    array of numbers or of booleans, as NumPy has them.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, *parts: Pixels) -> None:
        kinds = {(part.shape[1:], part.dtype) for part in parts}
        if len(kinds) != 1 or parts[0].ndim != 4 or parts[0].dtype != np.uint8:
            raise ValueError(f"parts of several kinds: {sorted(map(str, kinds))}")
        self.parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Pixels:
        if isinstance(index, (int, np.integer)):
            return cast(Pixels, self._rows(np.array([index]))[0])
        if isinstance(index, slice):
            return self._rows(np.arange(*index.indices(len(self))))
        chosen = np.asarray(index)
        if chosen.dtype == np.bool_:
            if chosen.shape != (len(self),):
                raise IndexError(f"{chosen.shape} booleans for {len(self)} pictures")
            chosen = np.flatnonzero(chosen)
        return self._rows(chosen)

    def _rows(self, rows: npt.NDArray[np.integer[Any]]) -> Pixels:
        if rows.ndim != 1 or (len(rows) and (rows.max() >= len(self) or rows.min() < -len(self))):
            raise IndexError(f"an index beyond {len(self)} pictures")
        rows = np.where(rows < 0, rows + len(self), rows).astype(np.int64)
        out = np.empty((len(rows), *self.shape[1:]), np.uint8)
        of = np.searchsorted(self._ends, rows, side="right")
        for k, part in enumerate(self.parts):
            mine = of == k
            if mine.any():
                out[mine] = part[rows[mine] - (self._ends[k] - len(part))]
        return out

    def __array__(self, dtype: Any = None) -> npt.NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype)


def joined(*parts: Pixels) -> Pixels:
    """The parts as one; a `Split` takes it in the place of an array."""
    return cast(Pixels, Joined(*parts))
