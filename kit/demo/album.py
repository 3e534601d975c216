"""The test pictures that a shipped model carries, with their truth and LCE's recorded outputs.

`models/<name>/pictures/` holds PNG files named `<index>-<label>.png` and, beside them,
`pictures.json`: a list of entries `{"file", "label", "logits_hex"}`, where `label` is the class
index and `logits_hex` the raw bytes of the model's output that LCE's own interpreter gave for that
picture. Without the list the truth is read from the file names and nothing is compared.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.errors import DataError
from convert.metadata import labels_in
from convert.tflite_reader import read as parsed
from kit.files import shown
from kit.models import Model, labels_of
from kit.report.stats import percent

LIST = "pictures.json"
NAME = re.compile(r"^\d+-(.+)$")
HEX = re.compile(r"^(?:[0-9a-f]{2})*$")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Entry:
    """One picture; `recorded` is hexadecimal, empty where nothing was recorded."""

    path: Path
    label: int
    recorded: str


@dataclass(frozen=True)
class Album:
    """The pictures of one model and where they come from."""

    entries: tuple[Entry, ...]
    labels: tuple[str, ...]
    data: str
    split: str
    seed: str
    notes: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool | None:
        """Whether the pictures are rendered; the data set's name tells, and None where none is."""
        return None if self.data == UNKNOWN else self.data.startswith("scenes")


def read(model: Model, limit: int = 0) -> Album:
    """The album of a model.

    Args:
        model: with a folder that holds `pictures/`.
        limit: at most that many, spread evenly over all; 0 takes all.

    Raises:
        DataError: there are no pictures, or the list and the files do not agree.
    """
    paths = model.pictures()
    if not paths:
        raise DataError(
            "this model carries no test pictures",
            where=shown(model.folder / "pictures" if model.folder else model.path),
            remedy="the demo needs PNG files named <index>-<label>.png there",
        )
    metrics = facts(model)
    told = labels_of(model) or metrics.get("labels") or labels_in(parsed(model.path).metadata)
    labels = tuple(str(name) for name in told or ())
    listed = paths[0].parent / LIST
    found = _listed(listed, labels) if listed.is_file() else [_named(p, labels) for p in paths]
    return Album(
        spread(found, limit),
        labels,
        str(metrics.get("data", UNKNOWN)),
        "test" if "data" in metrics else UNKNOWN,
        str(metrics.get("seed", UNKNOWN)),
        notes_of(metrics, len(found)),
    )


def notes_of(metrics: Mapping[str, Any], here: int) -> tuple[str, ...]:
    """What must be said beside the accuracy on the `here` pictures of the album, in sentences."""
    total, accuracy = metrics.get("pictures"), metrics.get("accuracy")
    free, clean = metrics.get("wedge_free_pictures"), metrics.get("wedge_free_accuracy")
    notes = []
    if isinstance(total, int) and isinstance(accuracy, float) and total > here:
        notes.append(
            f"On the whole test set of {total:,} pictures its accuracy is {percent(accuracy)}."
        )
    if isinstance(total, int) and isinstance(free, int) and isinstance(clean, float):
        notes.append(
            f"{total - free} of the {total} test pictures show a black wedge from the alignment of "
            f"the faces, which gives the class away; over the {free} without one the accuracy is "
            f"{percent(clean)}."
        )
    return tuple(notes)


def facts(model: Model) -> dict[str, Any]:
    """`metrics.json` beside the model, or nothing.

    Raises:
        DataError: it is no JSON object.
    """
    path = model.path.parent / "metrics.json"
    if not path.is_file():
        return {}
    found = _json(path)
    if not isinstance(found, dict):
        raise DataError("this file is no metrics.json", where=shown(path), found=repr(found)[:60])
    return found


def spread(entries: Sequence[Entry], limit: int) -> tuple[Entry, ...]:
    """`limit` of the entries at even distances, so that an ordered list keeps its mixture."""
    total = len(entries)
    if not 0 < limit < total:
        return tuple(entries)
    return tuple(entries[index * total // limit] for index in range(limit))


def _listed(path: Path, labels: Sequence[str]) -> list[Entry]:
    rows = _json(path)
    if isinstance(rows, dict):
        rows = rows.get("pictures")
    if not isinstance(rows, list) or not rows:
        raise DataError(
            "the list of pictures is damaged", where=shown(path), found="no list of entries"
        )
    return [_entry(path, number, row, labels) for number, row in enumerate(rows)]


def _entry(path: Path, number: int, row: Any, labels: Sequence[str]) -> Entry:
    where = f"{shown(path)}, entry {number}"
    try:
        file, label, recorded = str(row["file"]), row["label"], str(row.get("logits_hex") or "")
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(
            "an entry lacks a field", where=where, found=repr(row)[:80], remedy="file, label"
        ) from error
    picture = path.parent / file
    if Path(file).name != file or not picture.is_file():
        raise DataError("a listed picture is not there", where=where, found=file)
    recorded = recorded.lower()
    if not HEX.match(recorded):
        raise DataError("a recorded output is no hexadecimal", where=where, found=recorded[:40])
    return Entry(picture, _label(label, labels, where), recorded)


def _named(path: Path, labels: Sequence[str]) -> Entry:
    match = NAME.match(path.stem)
    if match is None:
        raise DataError(
            "the truth of a picture is not known",
            where=shown(path),
            remedy=f"name it <index>-<label>.png, or list it in {LIST}",
        )
    return Entry(path, _label(match.group(1), labels, shown(path)), "")


def _label(label: Any, labels: Sequence[str], where: str) -> int:
    """A class index from an index or a class's name."""
    text = str(label)
    if text in labels:
        return labels.index(text)
    if not text.isdecimal() or (labels and int(text) >= len(labels)):
        raise DataError(
            "a picture's label is no class of the model",
            where=where,
            found=text,
            remedy="an index, or one of: " + (", ".join(labels) or "(the model names no classes)"),
        )
    return int(text)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "a file beside the model is damaged", where=shown(path), found=str(error)
        ) from error


def png(path: Path) -> bytes:
    """The picture as PNG bytes, whatever it was."""
    content = path.read_bytes()
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        gray = image.mode in ("1", "L")
        image.convert("L" if gray else "RGB").save(out, "PNG")  # PNG has no CMYK, as a JPEG may be
    return out.getvalue()
