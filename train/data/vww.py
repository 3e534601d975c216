"""`vww`: is a person in the picture? Visual Wake Words, from COCO 2014's own files.

Two tasks go by this name. They differ in labels, pictures and test, and their accuracies cannot be
compared; hence two dataset names, `vww-minival` and `vww-mlperf`.

`definition="minival"` (Visual Wake Words, arXiv 1906.05721, as its published code does it): a
picture is `person` when some person annotation's `area` exceeds 0.5 % of the picture. `area` is
that of the segmentation although the paper speaks of bounding boxes, and crowds count. Every other
picture is `no_person`, also one with small people. Test: the 8,059 ids of mscoco_minival_ids.txt;
the other 115,228 train.

`definition="mlperf"` (MLPerf Tiny, as its published script does it): train2014 and val2014 pooled;
`person` when some person's bounding box, crowds excluded, exceeds 2.5 % of the picture; `no_person`
when there is no such annotation at all (a crowd alone is none); pictures with small people only are
left out. MLPerf scores 1,000 pictures of its own choice, 500 of either class; ours are the 500 of
either class that come first in an order made from the ids, and are not the same pictures.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from convert.errors import DataError
from train.data import coco, pixelcache
from train.data.dataset import Dataset, Labels, Pixels, Split, empty_split
from train.data.manifest import PUBLISHED, Expected, FilesError, Manifest, check, choose
from train.data.places import cache_folder, source_folder
from train.runfolder import write_json

LABELS = ("no_person", "person")
FOLDER = "coco"
MINIVAL = "minival"
MLPERF = "mlperf"
MINIVAL_FILE = "mscoco_minival_ids.txt"
AREA_SHARE = 0.005  # minival: of the picture, by `area`
BOX_SHARE = 0.025  # mlperf: of the picture, by bounding box
MLPERF_TEST = 500  # of either class
BAD_SHARE = 0.01  # more unreadable pictures than this, and the folder is not COCO's
BUILDER_VERSION = 1  # raise when labels, order or pixels change
PUBLISHED_FILES = Manifest(
    PUBLISHED,
    files={
        "annotations_trainval2014.zip": Expected(252_872_794, "0a379cfc70b0e71301e0f377548639bd"),
        "train2014.zip": Expected(13_510_573_713, "0da8c0bd3d6becc4dcb32757491aca88"),
        "val2014.zip": Expected(6_645_013_297, "a3d79f5ed8d289b7a7554ce06a5782b3"),
        **{coco.annotation_file(part): Expected() for part in coco.PARTS},
        MINIVAL_FILE: Expected(),
    },
    counts={"train2014": 82_783, "val2014": 40_504, MINIVAL: 8_059},
)
HELP = "python -m kit data vww (make data DATA=vww) downloads it, or says what to put where"


@dataclass(frozen=True)
class Chosen:
    """The pictures of a definition in the order of the cache: test first, then the others.

    Attributes:
        rows: int64 into the table.
        labels: int64, 0 or 1.
        tests: so many of them are the test split.
        small: pictures left out because all their people are small (mlperf).
    """

    rows: npt.NDArray[np.int64]
    labels: Labels
    tests: int
    small: int


def minival(table: coco.Table, ids: npt.NDArray[np.int64]) -> Chosen:
    """Every picture, labelled by segmentation area; `ids` are the test split.

    Raises:
        DataError: an id is not in the annotations, or is that of a picture of train2014.
    """
    missing = np.setdiff1d(ids, table.ids)
    if len(missing):
        raise DataError(
            "minival names a picture that the annotations do not have",
            found=f"id {int(missing[0])} and {len(missing) - 1:,} more",
            remedy="both annotation files of 2014 are needed, train and val",
        )
    tested = np.isin(table.ids, ids)
    foreign = [k for k in np.flatnonzero(tested) if not table.files[k].startswith("val2014/")]
    if foreign:
        raise DataError(
            "minival names a picture that is not of val2014",
            found=f"{table.files[foreign[0]]} and {len(foreign) - 1:,} more",
            remedy=f"take {MINIVAL_FILE} as published: all its pictures are of val2014",
        )
    others = np.flatnonzero(~tested)
    rows = np.concatenate([np.flatnonzero(tested), others[coco.shuffled(table.ids[others])]])
    return Chosen(rows, (table.largest_area[rows] > AREA_SHARE).astype(np.int64), len(ids), 0)


def mlperf(table: coco.Table) -> Chosen:
    """Pictures with a large person or with none.

    The test is balanced; a set too small for 500 of either class tests on a tenth of the smaller.
    """
    large = table.largest_box > BOX_SHARE
    kept = np.flatnonzero(large | (table.persons == 0))
    kept = kept[coco.shuffled(table.ids[kept])]
    labels = large[kept].astype(np.int64)
    smaller = min(int((labels == k).sum()) for k in (0, 1))
    each = min(MLPERF_TEST, max(smaller // 10, smaller // 2 and 1))
    tests = np.sort(np.concatenate([np.flatnonzero(labels == k)[:each] for k in (0, 1)]))
    order = np.concatenate([tests, np.setdiff1d(np.arange(len(kept)), tests)])
    return Chosen(kept[order], labels[order], len(tests), len(table) - len(kept))


def load_picture(path: Path, height: int, width: int, size: int, channels: int) -> Pixels:
    """A JPEG as uint8 [size, size, channels]; bilinear with antialiasing, aspect ratio ignored.

    Raises:
        ValueError: of another size than annotated; anything else that Pillow's decoders raise where
            a file is unreadable or truncated.
    """
    with Image.open(path) as picture:
        if picture.size != (width, height):
            raise ValueError(f"{picture.size[0]}x{picture.size[1]}, annotated {width}x{height}")
        plain = picture.convert("L" if channels == 1 else "RGB")
    pixels = plain.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(pixels, np.uint8).reshape(size, size, channels)


def _stamp(where: Path, manifest: Manifest) -> dict[str, Any]:
    """Sizes and times of the source files: when they are as before, labels need no new reading.

    The published files are the same in every folder; of others each folder has its own.
    """
    names = [*map(coco.annotation_file, coco.PARTS), MINIVAL_FILE]
    found = {}
    for name in names:
        path = where / name
        if path.exists():
            found[name] = [path.stat().st_size, path.stat().st_mtime_ns]
    folder = None if manifest.origin == PUBLISHED else str(where.resolve())
    return {"files": found, "counts": dict(manifest.counts), "origin": manifest.origin,
            "folder": folder}  # fmt: skip


def load(
    *,
    seed: int = 0,
    definition: str = MINIVAL,
    size: int = 96,
    channels: int = 3,
    val_share: float = 0.05,
    verify: bool = True,
    folder: str | None = None,
    processes: int = 2,
) -> Dataset:
    """Load one of the two definitions; the first time, build the cache from COCO's files.

    Args:
        seed: recorded only; the order of pictures comes from their ids.
        definition: "minival" or "mlperf", see the module.
        size, channels: side in pixels; 3, or 1 for gray.
        val_share: so much of what does not test is kept for validation, 0 … 0.5.
        verify: False skips checksums and counts, and ends the set's name in `-unverified`.
        folder: of COCO's files; default `coco` in $BITWAKE_DATA or in data/. After the cache is
            built they are not needed any more.
        processes: threads that decode; the pixels do not depend on it.

    Raises:
        DataError: files are missing or damaged, or a bad option.
    """
    if (
        definition not in (MINIVAL, MLPERF)
        or channels not in (1, 3)
        or not 8 <= size <= 1024
        or not 0.0 <= val_share <= 0.5
    ):
        raise DataError(
            "vww cannot be made so",
            found=f"definition={definition}, size={size}, channels={channels}, "
            f"val_share={val_share}",
            remedy="definition=minival or mlperf, size=8…1024, channels=1 or 3, val_share=0…0.5",
        )
    where = source_folder(FOLDER, folder)
    manifest = choose("vww", where, PUBLISHED_FILES, verify)
    name = manifest.named(f"vww-{definition}")
    place = cache_folder() / f"{name}-{size}x{channels}"
    record = _cached_record(place, _stamp(where, manifest))
    cached = pixelcache.read(place) if record else None
    # another folder's build may have made these pixels since, and ended before its labels
    if record is None or cached is None or record.get("pixels") != cached.sha256:
        record, cached = _build(where, place, name, manifest, definition, size, channels, processes)
    return _dataset(name, record, cached, seed, val_share, manifest, definition, size, channels)


def _cached_record(place: Path, stamp: dict[str, Any]) -> dict[str, Any] | None:
    """set.json of a finished cache, when those of its files that are there are as they were."""
    try:
        record = json.loads((place / "set.json").read_text("utf-8"))
        before, now = record["stamp"], json.loads(json.dumps(stamp))
        now["files"] = {**before["files"], **now["files"]}
        good = now == before and record["version"] == BUILDER_VERSION
        if not good or not pixelcache.plan_in(place):
            return None
        if record["seal"] == _seal(record):
            return record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    print(f"{place.name}: the labels in the cache are damaged; making them again", file=sys.stderr)
    return None


def _seal(record: dict[str, Any]) -> str:
    """SHA-256 of which pictures there are and what they are: pixels have one of their own."""
    sealed = [record[name] for name in ("files", "labels", "tests", "small")]
    return hashlib.sha256(json.dumps(sealed).encode()).hexdigest()


def _build(
    where: Path,
    place: Path,
    name: str,
    manifest: Manifest,
    definition: str,
    size: int,
    channels: int,
    processes: int,
) -> tuple[dict[str, Any], pixelcache.Cached]:
    """Labels from the annotations, pixels from the pictures."""
    needed = [coco.annotation_file(part) for part in coco.PARTS]
    for file in needed + ([MINIVAL_FILE] if definition == MINIVAL else []):
        check(where / file, manifest.files.get(file, Expected()), HELP)
    print(f"{name}: reading the annotations", file=sys.stderr)
    table = coco.read(where, manifest.counts)
    if definition == MINIVAL:
        chosen = minival(table, coco.read_ids(where / MINIVAL_FILE, manifest.counts.get(MINIVAL)))
    else:
        chosen = mlperf(table)
    files = [table.files[row] for row in chosen.rows]
    _all_there(where, files)
    rows = zip(files, table.heights[chosen.rows], table.widths[chosen.rows], strict=True)
    listed = hashlib.sha256("\n".join(f"{f} {h} {w}" for f, h, w in rows).encode()).hexdigest()
    plan = pixelcache.Plan(
        name,
        len(files),
        (size, size, channels),
        {
            "builder": BUILDER_VERSION,
            "files": listed,
            "decoder": f"Pillow {Image.__version__}, libjpeg {features.version('jpg')}",  # type: ignore[attr-defined]
        },
    )

    def make(start: int, stop: int) -> tuple[Pixels, pixelcache.Bad]:
        out = np.zeros((stop - start, size, size, channels), np.uint8)
        bad: pixelcache.Bad = {}
        for at in range(start, stop):
            row = chosen.rows[at]
            height, width = int(table.heights[row]), int(table.widths[row])
            try:
                out[at - start] = load_picture(where / files[at], height, width, size, channels)
            except MemoryError:
                raise  # says nothing of the picture
            except Exception as error:  # decoders raise struct.error, TypeError, and more
                bad[at] = str(error)[:120] or type(error).__name__
        return out, bad

    cached = pixelcache.build(place, plan, make, threads=max(1, processes))
    _few_bad(where, files, cached.bad)
    record: dict[str, Any] = {
        "version": BUILDER_VERSION,
        "stamp": _stamp(where, manifest),
        "pixels": cached.sha256,
        "files": files,
        "labels": [int(label) for label in chosen.labels],
        "tests": chosen.tests,
        "small": chosen.small,
    }
    record["seal"] = _seal(record)
    write_json(place / "set.json", record)
    return record, cached


def _all_there(where: Path, files: list[str]) -> None:
    """Refuses to begin when pictures are missing: an archive that was not unpacked to its end."""
    there: set[str] = set()
    for part in coco.PARTS:
        if (where / part).is_dir():
            there |= {f"{part}/{path.name}" for path in (where / part).iterdir()}
    missing = [file for file in files if file not in there]
    if missing:
        raise FilesError(
            "pictures are missing",
            where=str(where),
            found=f"{len(missing):,} of {len(files):,}, the first is {missing[0]}",
            remedy="unpack train2014.zip and val2014.zip there: " + HELP,
        )


def _few_bad(where: Path, files: list[str], bad: pixelcache.Bad) -> None:
    """Tells which pictures cannot be read.

    Raises:
        DataError: they are more than ten and more than 1 %.
    """
    for at in sorted(bad)[:10]:
        print(f"vww: left out, unreadable: {files[at]}: {bad[at]}", file=sys.stderr)
    if len(bad) > 10:
        print(f"vww: and {len(bad) - 10:,} more", file=sys.stderr)
    if len(bad) > max(10, BAD_SHARE * len(files)):
        first = min(bad)
        raise DataError(
            "too many pictures cannot be read",
            where=str(where),
            found=f"{len(bad):,} of {len(files):,}; {files[first]}: {bad[first]}",
            remedy="unpack train2014.zip and val2014.zip again, and delete the cache",
        )


def _dataset(
    name: str,
    record: dict[str, Any],
    cached: pixelcache.Cached,
    seed: int,
    val_share: float,
    manifest: Manifest,
    definition: str,
    size: int,
    channels: int,
) -> Dataset:
    """Three consecutive stretches of the cache."""
    labels = np.array(record["labels"], np.int64)[cached.kept]
    names = tuple(Path(record["files"][at]).stem for at in cached.kept)
    tests = int((cached.kept < record["tests"]).sum())
    vals = round(val_share * (len(labels) - tests))

    def split(start: int, stop: int) -> Split:
        if start == stop:
            return empty_split((size, size, channels))
        return Split(cached.images[start:stop], labels[start:stop], names[start:stop])

    rule = (
        f"{MINIVAL}: person when a person's segmentation exceeds 0.5 % of the picture; "
        "tested on COCO minival"
        if definition == MINIVAL
        else f"{MLPERF}: person when a person's box exceeds 2.5 %; {record['small']:,} pictures "
        "with small people only left out; balanced test split of our own"
    )
    notes = [f"Visual Wake Words from COCO 2014, {rule}"]
    if cached.bad:
        notes.append(f"{len(cached.bad):,} unreadable pictures left out")
    if manifest.origin != PUBLISHED:
        notes.append(f"NOT the published files ({manifest.origin})")
    return Dataset(
        name=name,
        label_names=LABELS,
        train=split(tests + vals, len(labels)),
        val=split(tests, tests + vals),
        test=split(0, tests),
        seed=seed,
        synthetic=False,
        note="; ".join(notes),
        options={
            "definition": definition,
            "size": size,
            "channels": channels,
            "val_share": val_share,
            "files": manifest.origin,
            "unreadable": len(cached.bad),
            "small_people": int(record["small"]),
        },
    )
