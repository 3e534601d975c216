"""Scenes in bulk: rendered by several processes, cached on disk."""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import DataError
from train.data.dataset import Dataset, Labels, Pixels, Split, empty_split
from train.data.places import cache_folder
from train.data.scenes import render as renderer

# Raise when the rendering changes, so that no cache of an older rendering is used.
GENERATOR_VERSION = 2
LABELS = ("no_person", "person")
MOST_STOPS = 16  # of exposure, either way: all black or all white long before
CHUNK = 64
SAID = 500  # rendering more than so many takes long enough to be told


# (seed, split, start, stop, options) -> uint8 [stop - start, ...]
Chunk = Callable[[tuple[int, str, int, int, dict[str, Any]]], Pixels]


def _render_chunk(job: tuple[int, str, int, int, dict[str, Any]]) -> Pixels:
    seed, split, start, stop, options = job
    return np.stack([renderer.render(seed, split, i, **options).image for i in range(start, stop)])


def labels_of(count: int) -> Labels:
    """Scene i holds a person when i is odd."""
    return (np.arange(count) & 1).astype(np.int64)


def _made(make: Chunk, what: tuple[int, str, dict[str, Any]], count: int, processes: int) -> Pixels:
    """Rows of `count` scenes, several processes at once; the same for any number of them."""
    seed, split, options = what
    jobs = [
        (seed, split, start, min(start + CHUNK, count), options) for start in range(0, count, CHUNK)
    ]
    if processes <= 1 or len(jobs) < 4:
        return np.concatenate([make(job) for job in jobs])
    # "spawn" leaves threads of libraries that are already loaded (TensorFlow) alone
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        return np.concatenate(list(pool.imap(make, jobs, chunksize=2)))


def cached_rows(
    name: str,
    shape: tuple[int, ...],
    make: Chunk,
    what: tuple[int, str, dict[str, Any]],
    cache: bool,
    processes: int,
) -> Pixels:
    """uint8 rows [count, ...] of a split's scenes, from the cache or made and cached.

    Args:
        name: of the file in the cache's folder; it tells everything the rows depend on.
        shape: of the rows.
        make: gives the rows of (seed, split, start, stop, options); importable, for it runs in
            other processes.
        what: seed, split and options.
        cache, processes: see load.
    """
    path = cache_folder() / name
    rows = _read_cache(path, shape) if cache else None
    if rows is None:
        if shape[0] > SAID:
            print(f"scenes: rendering {shape[0]} for {what[1]} …", file=sys.stderr, flush=True)
        rows = _made(make, what, shape[0], processes)
        if cache:
            _write_cache(path, rows)
    return rows


def _read_cache(path: Path, shape: tuple[int, ...]) -> Pixels | None:
    """The cached pictures, or None when absent or damaged (said on stderr)."""
    if not path.exists():
        return None
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        digest = path.with_suffix(".sha256").read_text().strip()
        if pixels.shape != shape or pixels.dtype != np.uint8:
            raise ValueError(f"shape {pixels.shape}")
        if hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest() != digest:
            raise ValueError("checksum differs")
        return pixels
    except (OSError, ValueError, EOFError) as error:
        print(
            f"scenes: the cache {path.name} is damaged ({error}); rendering again", file=sys.stderr
        )
        return None


def _write_cache(path: Path, pixels: Pixels) -> None:
    """Write beside the target and rename, so that no reader sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, pixels, allow_pickle=False)
            digest = hashlib.sha256(pixels.tobytes()).hexdigest()
            path.with_suffix(".sha256").write_text(digest + "\n")
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except OSError as error:
        raise DataError(
            "the rendered scenes cannot be cached",
            where=str(path),
            found=str(error),
            remedy="free some space, or set BITWAKE_DATA to a folder with room",
        ) from None


def load_split(
    seed: int,
    split: str,
    count: int,
    *,
    cache: bool = True,
    processes: int = 2,
    **options: Any,
) -> Split:
    """`count` scenes of a split; `options` are those of render()."""
    size, channels = options.get("size", renderer.SIZE), options.get("channels", 1)
    if count == 0:
        return empty_split((size, size, channels))
    shape = (count, size, size, channels)
    key = json.dumps([GENERATOR_VERSION, seed, split, count, options], sort_keys=True, default=list)
    name = f"scenes-{split}-{count}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy"
    pixels = cached_rows(name, shape, _render_chunk, (seed, split, options), cache, processes)
    names = tuple(f"scene-{seed}-{split}-{i:06d}" for i in range(count))
    return Split(pixels, labels_of(count), names)


def load(
    *,
    seed: int = 0,
    size: int = renderer.SIZE,
    channels: int = 1,
    n_train: int = 20000,
    n_val: int = 2000,
    n_test: int = 2000,
    rule: str = "vww",
    ev: float | None = None,
    gamma: float | None = None,
    ev_range: tuple[float, float] = (-3.0, 3.0),
    even: bool = False,
    cache: bool = True,
    processes: int = 2,
) -> Dataset:
    """Render or read from the cache; half of the scenes hold a person.

    Args:
        seed: of all scenes; training, validation and test never share a scene, a photograph or a
            random stream.
        size, channels, rule, ev, gamma, ev_range, even: see scenes.render.
        n_train, n_val, n_test: numbers of scenes.
        cache: keep them under data/cache (or $BITWAKE_DATA).
        processes: that render at once; the pictures do not depend on it.

    Raises:
        DataError: a number that cannot be.
    """
    wrong = channels not in (1, 3) or size < 32 or min(n_train, n_val, n_test) < 0
    low, high = ev_range
    stops = [low, high] if ev is None else [low, high, ev]
    dark = low > high or not all(abs(each) <= MOST_STOPS for each in stops)
    if wrong or dark or not (gamma is None or 0 < gamma < math.inf):
        raise DataError(
            "scenes cannot be made so",
            found=f"size={size}, channels={channels}, counts {n_train}, {n_val}, {n_test}, "
            f"gamma={gamma}, ev={ev}, ev_range={list(ev_range)}",
            remedy="use channels=1 or 3, size >= 32, counts >= 0, a gamma above 0, exposures of "
            f"-{MOST_STOPS} to {MOST_STOPS} stops and the lower end of their range first",
        )
    options: dict[str, Any] = {"size": size, "channels": channels, "rule": rule,
                               "ev": ev, "gamma": gamma, "ev_range": tuple(ev_range)}  # fmt: skip
    if even:  # the cache's names tell of it only where it holds
        options["even"] = True
    counts = {"train": n_train, "val": n_val, "test": n_test}
    splits = {
        name: load_split(seed, name, n, cache=cache, processes=processes, **options)
        for name, n in counts.items()
    }
    return Dataset(
        name="scenes",
        label_names=LABELS,
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        seed=seed,
        synthetic=True,
        note=f"rendered scenes (synthetic), generator version {GENERATOR_VERSION}, rule {rule}",
        options={**options, **{f"n_{k}": v for k, v in counts.items()}},
    )
