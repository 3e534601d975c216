"""`stl10`: the STL-10 binary files as published, 96x96 RGB, ten classes.

Format (the authors' page; sizes and MD5s as torchvision has them): `*_X.bin` is uint8, a picture
after the other, each three planes (red, green, blue) of 96 x 96 **column by column**; `*_y.bin` is
uint8, 1..10. `fold_indices.txt` holds ten lines of 1,000 zero-based indices into the training set.

Protocols: the published one trains on one fold of 1,000 pictures and reports the mean over the ten
(`fold=0` … `fold=9`); `fold=None` trains on all 5,000. The test split is always the whole one. A
result names which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from convert.errors import DataError
from train.data import pixelcache
from train.data.dataset import Dataset, Labels, Pixels, Split, empty_split
from train.data.joined import joined
from train.data.manifest import PUBLISHED, Expected, Manifest, check, choose
from train.data.places import cache_folder, source_folder

LABELS = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
FOLDER = "stl10_binary"
SIDE = 96
PICTURE = 3 * SIDE * SIDE  # bytes
FOLDS_FILE = "fold_indices.txt"
PUBLISHED_FILES = Manifest(
    PUBLISHED,
    files={
        "stl10_binary.tar.gz": Expected(2_640_397_119, "91f7769df0f17e558f3565bffb0c7dfb"),
        "train_X.bin": Expected(138_240_000, "918c2871b30a85fa023e0c44e0bee87f"),
        "train_y.bin": Expected(5_000, "5a34089d4802c674881badbb80307741"),
        "test_X.bin": Expected(221_184_000, "7f263ba9f9e0b06b93213547f721ac82"),
        "test_y.bin": Expected(8_000, "36f9794fa4beb8a2c72628de14fa638e"),
        "unlabeled_X.bin": Expected(2_764_800_000, "5242ba1fed5e4be9e1e742405eb56ca4"),
        FOLDS_FILE: Expected(),
        "class_names.txt": Expected(),
    },
    counts={"train": 5_000, "test": 8_000, "unlabeled": 100_000, "folds": 10, "fold": 1_000},
)
HELP = "python -m kit data stl10 (make data DATA=stl10) downloads it, or says what to put where"


def pictures(path: Path, count: int | None) -> Pixels:
    """The pictures of an `*_X.bin`: uint8 [N, 96, 96, 3], a memory-mapped view, nothing is copied.

    Raises:
        DataError: the size is no whole number of pictures, or not `count` of them.
    """
    size = path.stat().st_size
    if size % PICTURE or not size or (count is not None and size != count * PICTURE):
        wanted = "a multiple of" if count is None else f"{count:,} times"
        raise DataError(
            "a file of pictures has the wrong length",
            where=str(path),
            found=f"{size:,} bytes, not {wanted} {PICTURE:,}",
            remedy="delete this file; then " + HELP,
        )
    planes = np.memmap(path, np.uint8, "r").reshape(-1, 3, SIDE, SIDE)  # picture, channel, x, y
    return planes.transpose(0, 3, 2, 1)


def labels(path: Path, count: int) -> Labels:
    """The labels of an `*_y.bin` as 0..9: int64 [count].

    Raises:
        DataError: another length, or a label outside 1..10.
    """
    raw = np.fromfile(path, np.uint8)
    wrong = raw[(raw < 1) | (raw > len(LABELS))]
    if len(raw) != count or len(wrong):
        raise DataError(
            "a file of labels does not fit its pictures",
            where=str(path),
            found=f"{len(raw):,} labels for {count:,} pictures"
            if len(raw) != count
            else f"{len(wrong):,} labels outside 1..10, the first is {wrong[0]}",
            remedy="delete this file; then " + HELP,
        )
    return raw.astype(np.int64) - 1


def folds(path: Path, count: int, manifest: Manifest) -> list[npt.NDArray[np.int64]]:
    """The folds of fold_indices.txt, each int64 indices into `count` training pictures.

    Raises:
        DataError: missing, not numbers, an index out of range or twice, or other numbers of folds
            or pictures than the manifest says.
    """

    def refuse(found: str) -> DataError:
        return DataError(
            "the folds are not what STL-10 defines",
            where=str(path),
            found=found,
            remedy="delete this file, for one is in stl10_binary.tar.gz; then " + HELP,
        )

    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        # the indices reach 4,999: a byte would wrap them
        rows = [np.array(line, dtype=np.int64) for line in lines]
    except FileNotFoundError:
        raise refuse("missing") from None
    except (OSError, ValueError, OverflowError) as error:
        raise refuse(str(error)[:120]) from None
    wanted = manifest.counts.get("folds")
    if not rows or (wanted is not None and len(rows) != wanted):
        raise refuse(f"{len(rows)} lines, not {wanted or 'any'}")
    size = manifest.counts.get("fold")
    for at, row in enumerate(rows):
        if size is not None and len(row) != size:
            raise refuse(f"fold {at} has {len(row)} indices, not {size}")
        if row.min() < 0 or row.max() >= count:
            raise refuse(f"fold {at} has the index {row.max()} or {row.min()}, of {count} pictures")
        if len(np.unique(row)) != len(row):
            raise refuse(f"fold {at} names a picture twice")
    return rows


def to_gray(images: Pixels) -> Pixels:
    """ITU-R 601 luma of uint8 [..., 3] as [..., 1], rounded as Pillow's convert("L") does."""
    weights = np.array([19595, 38470, 7471], np.uint32)
    luma = (np.asarray(images).astype(np.uint32) @ weights + 0x8000) >> 16
    return luma.astype(np.uint8)[..., None]


def prepared(images: Pixels, size: int, channels: int) -> Pixels:
    """Pictures [N, 96, 96, 3] as [N, size, size, channels]; bicubic with antialiasing."""
    out = to_gray(images) if channels == 1 else np.ascontiguousarray(images)
    if size == images.shape[1]:
        return out
    resized = [
        Image.fromarray(each[..., 0] if channels == 1 else each).resize(
            (size, size), Image.Resampling.BICUBIC
        )
        for each in out
    ]
    return np.stack([np.asarray(each, np.uint8) for each in resized]).reshape(
        len(out), size, size, channels
    )


def _pictures(path: Path, part: str, manifest: Manifest, size: int, channels: int) -> Pixels:
    """The file's pictures in the wanted form; made once and kept when it is not the file's own."""
    raw = pictures(path, manifest.counts.get(part))
    if (size, channels) == (SIDE, 3):
        return raw
    expected = manifest.files.get(path.name, Expected())
    stamp = expected.md5 or [path.stat().st_size, path.stat().st_mtime_ns]
    plan = pixelcache.Plan(
        f"stl10 {part}", len(raw), (size, size, channels), {"file": stamp, "filter": "bicubic"}
    )
    folder = cache_folder() / f"{manifest.named('stl10')}-{part}-{size}x{channels}"
    made = pixelcache.build(
        folder, plan, lambda start, stop: (prepared(raw[start:stop], size, channels), {})
    )
    return made.images


def load(
    *,
    seed: int = 0,
    size: int = SIDE,
    channels: int = 3,
    fold: int | None = None,
    n_val: int = 0,
    unlabeled: bool = False,
    verify: bool = True,
    folder: str | None = None,
) -> Dataset:
    """Load STL-10 from its binary files.

    Args:
        seed: of which training pictures serve for validation.
        size: side in pixels; the files have 96.
        channels: 3, or 1 for gray.
        fold: None trains on all 5,000 pictures; 0…9 on that fold's 1,000, and names the set
            `stl10-fold0` … `stl10-fold9`.
        n_val: so many of the training pictures are kept aside, every class alike.
        unlabeled: the training split ends in the 100,000 unlabeled pictures, label -1, for
            distillation; they are memory-mapped, never read whole.
        verify: False skips every checksum and count, and names the set `stl10-unverified`.
        folder: of the files; default `stl10_binary` in $BITWAKE_DATA or in data/.

    Raises:
        DataError: a file is missing, damaged or another one; or a bad option.
    """
    if channels not in (1, 3) or not 8 <= size <= 1024 or n_val < 0:
        raise DataError(
            "stl10 cannot be made so",
            found=f"size={size}, channels={channels}, n_val={n_val}",
            remedy="use channels=1 or 3, size=8…1024 and n_val >= 0",
        )
    where = source_folder(FOLDER, folder)
    manifest = choose("stl10", where, PUBLISHED_FILES, verify)
    names = ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"]
    for name in names + (["unlabeled_X.bin"] if unlabeled else []):
        check(where / name, manifest.files.get(name, Expected()), HELP)
    splits = {}
    for part in ("train", "test"):
        images = _pictures(where / f"{part}_X.bin", part, manifest, size, channels)
        truth = labels(where / f"{part}_y.bin", len(images))
        splits[part] = Split(images, truth, tuple(f"{part}{i:04d}" for i in range(len(truth))))
    training, protocol = splits["train"], f"all {len(splits['train']):,} training pictures"
    if fold is not None:
        training, protocol = _fold(where, training, fold, manifest)
    training, val = _aside(training, n_val, seed)
    protocol += f", {n_val:,} of them for validation" if n_val else ""
    if unlabeled:
        images = _pictures(where / "unlabeled_X.bin", "unlabeled", manifest, size, channels)
        training = _with_unlabeled(training, images)
        protocol += f" and {len(images):,} unlabeled ones (label -1)"
    options: dict[str, Any] = {"size": size, "channels": channels, "fold": fold, "n_val": n_val,
                               "unlabeled": unlabeled, "files": manifest.origin}  # fmt: skip
    return Dataset(
        name=manifest.named("stl10" if fold is None else f"stl10-fold{fold}"),
        label_names=LABELS,
        train=training,
        val=val,
        test=splits["test"],
        seed=seed,
        synthetic=False,
        note=f"STL-10, {protocol}" + _told(manifest),
        options=options,
    )


def _told(manifest: Manifest) -> str:
    return "" if manifest.origin == PUBLISHED else f"; NOT the published files ({manifest.origin})"


def _fold(where: Path, training: Split, fold: int, manifest: Manifest) -> tuple[Split, str]:
    check(where / FOLDS_FILE, manifest.files.get(FOLDS_FILE, Expected()), HELP)
    known = folds(where / FOLDS_FILE, len(training), manifest)
    if not 0 <= fold < len(known):
        raise DataError(
            f"stl10 has {len(known)} folds",
            found=f"fold={fold}",
            remedy=f"use fold=0 … fold={len(known) - 1}, or fold=null for all training pictures",
        )
    return training.take(
        known[fold]
    ), f"fold {fold} of {len(known)} ({len(known[fold]):,} pictures)"


def _with_unlabeled(training: Split, images: Pixels) -> Split:
    """The training split followed by pictures without labels; neither is copied."""
    return Split(
        joined(training.images, images),
        np.concatenate([training.labels, np.full(len(images), -1, np.int64)]),
        training.names + tuple(f"unlabeled{i:06d}" for i in range(len(images))),
    )


def _aside(training: Split, n_val: int, seed: int) -> tuple[Split, Split]:
    """Training and validation pictures; the latter an equal number of every class."""
    if n_val == 0:
        return training, empty_split(tuple(training.images.shape[1:]))  # type: ignore[arg-type]
    each = n_val // len(LABELS)
    rng = np.random.default_rng([seed, 0x571])
    chosen = [
        rng.permutation(np.flatnonzero(training.labels == k))[:each] for k in range(len(LABELS))
    ]
    short = [LABELS[k] for k, some in enumerate(chosen) if len(some) < each]
    if n_val % len(LABELS) or short or n_val >= len(training):
        raise DataError(
            "so many validation pictures cannot be kept aside",
            found=f"n_val={n_val} of {len(training)}"
            + (f"; too few of {', '.join(short)}" if short else ""),
            remedy=f"a multiple of {len(LABELS)}, well below the number of training pictures",
        )
    aside = np.sort(np.concatenate(chosen))
    rest = np.setdiff1d(np.arange(len(training)), aside)
    return training.take(rest), training.take(aside)
