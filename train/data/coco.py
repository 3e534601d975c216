"""What person detection needs from COCO's 2014 annotations: a small table of all pictures.

`instances_train2014.json` (448 MB) and `instances_val2014.json` (214 MB) are read as a stream
(`jsonstream`): five numbers an annotation stay in memory, about 40 MB for both files.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.data.jsonstream import AGAIN, elements

PARTS = ("train2014", "val2014")
PERSON = "person"
MOST_PIXELS = 65_535  # a side: JPEG has 16 bits for it


@dataclass(frozen=True)
class Table:
    """All pictures of both parts, ascending by id; arrays of the same length.

    Attributes:
        ids: int64, COCO's image ids, unique.
        files: path below the COCO folder, for instance `val2014/COCO_val2014_000000000042.jpg`.
        heights, widths: int64, in pixels, as annotated.
        persons: int64, person annotations that are no crowd.
        crowds: int64, person annotations with iscrowd.
        largest_area: float64, the largest `area` (of the segmentation) of any person annotation,
            crowds included, as a share of the picture.
        largest_box: float64, the largest bounding box of a person that is no crowd, as a share.
    """

    ids: npt.NDArray[np.int64]
    files: tuple[str, ...]
    heights: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int64]
    persons: npt.NDArray[np.int64]
    crowds: npt.NDArray[np.int64]
    largest_area: npt.NDArray[np.float64]
    largest_box: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


def annotation_file(part: str) -> str:
    return f"annotations/instances_{part}.json"


def read(folder: Path, counts: Mapping[str, int]) -> Table:
    """The table of both annotation files.

    Args:
        folder: holds `annotations/`.
        counts: pictures that each part must have; parts that it leaves out are not counted.

    Raises:
        DataError: a file is missing, damaged, of another size, or contradicts itself.
    """
    parts = [_part(folder / annotation_file(part), part, counts.get(part)) for part in PARTS]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["ids"], kind="stable")
    ids = joined["ids"][order]
    if len(np.unique(ids)) != len(ids):
        twice = int(ids[1:][ids[1:] == ids[:-1]][0])
        raise DataError(
            "a picture stands in the annotations twice",
            where=str(folder / "annotations"),
            found=f"id {twice}",
            remedy="train2014 and val2014 share no picture: unpack the archive again",
        )
    return Table(
        ids=ids,
        files=tuple(str(joined["files"][at]) for at in order),
        **{name: joined[name][order] for name in joined if name not in ("ids", "files")},
    )


def _part(path: Path, part: str, count: int | None) -> dict[str, npt.NDArray[Any]]:
    """Columns of one annotation file."""
    images: dict[int, tuple[str, int, int]] = {}
    of, category, crowd = array("q"), array("q"), array("b")
    area, box = array("d"), array("d")
    person: int | None = None
    # COCO's categories stand behind the annotations: all of these are kept until the end
    for name, each in elements(path, ("images", "annotations", "categories")):
        try:
            if name == "images":
                number = _number(each["id"])
                if number in images:
                    raise ValueError(f"a second picture {number}")
                images[number] = (
                    _plain_name(each["file_name"]),
                    _number(each["height"]),
                    _number(each["width"]),
                )
            elif name == "annotations":
                of.append(_number(each["image_id"]))
                category.append(_number(each["category_id"]))
                if each["iscrowd"] not in (0, 1):
                    raise ValueError(f"iscrowd {each['iscrowd']!r} is neither 0 nor 1")
                crowd.append(each["iscrowd"])
                area.append(float(each["area"]))
                width, height = float(each["bbox"][2]), float(each["bbox"][3])
                # two sides below 0 would make an area
                box.append(width * height if width >= 0 and height >= 0 else math.nan)
            elif each["name"] == PERSON:
                if person is not None:
                    raise ValueError(f"a second category {PERSON!r}")
                person = _number(each["id"])
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise _damaged(path, f"{name}: {type(error).__name__} {error}") from None
    if person is None:
        raise _damaged(path, f"no category {PERSON!r}")
    if count is not None and len(images) != count:
        raise _damaged(path, f"{len(images):,} pictures, not {count:,}")
    sides = [side for _, *both in images.values() for side in both]
    if not sides or not 1 <= min(sides) <= max(sides) <= MOST_PIXELS:
        what = f"a picture without extent, or of more than {MOST_PIXELS:,} pixels a side"
        raise _damaged(path, what if images else "no pictures")
    if not of:
        raise _damaged(path, "no annotations")
    files = [file for file, *_ in images.values()]
    if len(set(files)) != len(files):
        raise _damaged(path, "two pictures of one file name")
    ids = np.array(sorted(images), np.int64)
    columns: dict[str, npt.NDArray[Any]] = {
        "ids": ids,
        "files": np.array([f"{part}/{images[int(i)][0]}" for i in ids], object),
        "heights": np.array([images[int(i)][1] for i in ids], np.int64),
        "widths": np.array([images[int(i)][2] for i in ids], np.int64),
    }
    mine = np.frombuffer(category, np.int64) == person if len(category) else np.zeros(0, bool)
    owner = np.frombuffer(of, np.int64)[mine] if len(of) else np.zeros(0, np.int64)
    rows = np.searchsorted(ids, owner)
    if len(owner) and (
        rows.max() >= len(ids) or (ids[np.minimum(rows, len(ids) - 1)] != owner).any()
    ):
        raise _damaged(path, "an annotation of a picture that is not listed")
    crowded = (np.frombuffer(crowd, np.int8)[mine] if len(crowd) else np.zeros(0)) != 0
    pixels = (columns["heights"] * columns["widths"]).astype(np.float64)
    areas = np.frombuffer(area, np.float64)[mine] if len(area) else np.zeros(0)
    boxes = np.frombuffer(box, np.float64)[mine] if len(box) else np.zeros(0)
    if not all((np.isfinite(sizes) & (sizes >= 0)).all() for sizes in (areas, boxes)):
        raise _damaged(path, "an area or a side of a box that is no number from 0 on")
    columns |= {
        "persons": np.bincount(rows[~crowded], minlength=len(ids)),
        "crowds": np.bincount(rows[crowded], minlength=len(ids)),
        "largest_area": _largest(rows, areas, len(ids)) / pixels,
        "largest_box": _largest(rows[~crowded], boxes[~crowded], len(ids)) / pixels,
    }
    return columns


def _number(value: Any) -> int:
    """A whole number of 64 bits.

    Raises:
        ValueError: anything else; OverflowError: a larger one.
    """
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    if abs(value) >= 1 << 63:
        raise OverflowError(f"{value} is no number of 64 bits")
    return value


def _largest(
    rows: npt.NDArray[np.integer[Any]], values: npt.NDArray[np.float64], count: int
) -> npt.NDArray[np.float64]:
    out = np.zeros(count)
    np.maximum.at(out, rows, values)
    return out


def _plain_name(name: Any) -> str:
    """A file name without any folder: annotations must not lead out of theirs."""
    text = str(name)
    if not text or Path(text).name != text or text in (".", "..") or "\\" in text:
        raise ValueError(f"no plain file name: {text!r}")
    return text


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        "an annotation file is not COCO's",
        where=str(path),
        found=found[:200],
        remedy=f"{AGAIN}; for other annotations put a manifest.json with their counts beside the "
        "folder `annotations`",
    )


def read_ids(path: Path, count: int | None) -> npt.NDArray[np.int64]:
    """Image ids, one a line, as of mscoco_minival_ids.txt: int64, ascending, unique.

    Raises:
        DataError: missing, not numbers, twice the same, or not `count` of them.
    """
    try:
        ids = np.array([int(line) for line in path.read_text("ascii").split()], np.int64)
        if len(np.unique(ids)) != len(ids):
            raise ValueError("an id stands there twice")
        if count is not None and len(ids) != count:
            raise ValueError(f"{len(ids):,} ids, not {count:,}")
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(
            "the list of minival pictures cannot be used",
            where=str(path),
            found=str(error)[:200],
            remedy="delete this file; then python -m kit data vww downloads it again, "
            "or says where it is published",
        ) from None
    return np.sort(ids)


def shuffled(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions of `ids` in an order that looks random and depends on nothing but the ids."""
    keys = [hashlib.sha256(f"coco {int(i)}".encode()).digest() for i in ids]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
