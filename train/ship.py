"""The folder of a shipped model, made from a run: all that the small package set needs to show it.

model.tflite    as converted
labels.txt      class names, one a line
metrics.json    the run's, and what LCE's interpreter gets on the test split
model_card.md   for people
pictures/       test pictures <index>-<label>.png, and pictures.json: for each its label and the raw
                bytes of LCE's output, so that a board's answer can be judged without LCE
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from convert.errors import DataError
from convert.oracle import Oracle
from train.card import model_card, read_json
from train.data import Split
from train.datarecord import digest, final_weights, read_run, recorded_data
from train.figures import further
from train.runfolder import write_json, write_whole

PICTURES = 40
FOLDS = {"recipe": str, "split": str, "accuracies": list, "accuracy": float, "pictures": int,
         "seed": int, "command": str}  # fmt: skip
COMPARISON = {"dataset_hash": str, "rows": list}
MOST_WEIGHT_BYTES = 125_000  # one megabit, the budget of a shipped model


class LceModel:
    """A one-input, one-output float flatbuffer in LCE's interpreter."""

    def __init__(self, content: bytes) -> None:
        self.oracle = Oracle(content)
        self.input = self.oracle.graph.inputs[0].name
        self.output = self.oracle.graph.outputs[0].name

    def raw(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Output [classes] of one byte picture [H, W, C], in the output's own type."""
        out = self.oracle.predict({self.input: np.asarray(image)[None]})[self.output]
        return np.asarray(out).reshape(-1)

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Outputs [N, classes] of byte pictures [N, H, W, C]."""
        return np.stack([self.raw(image) for image in images]).astype(np.float32)


def chosen(labels: npt.NDArray[np.int64], most: int) -> list[int]:
    """Indices of `most` pictures, every class equally often and spread evenly over the split.

    The choice sees labels only, never a model's answer.
    """
    classes = np.unique(labels)
    share = most // len(classes)
    picked: list[int] = []
    for label in classes:
        of = np.flatnonzero(labels == label)
        count = min(share, len(of))
        picked += [int(of[k * len(of) // count]) for k in range(count)]
    return sorted(picked)


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _write_pictures(folder: Path, test: Split, names: list[str], model: LceModel, n: int) -> int:
    rows = []
    for index in chosen(test.labels, n):
        label = int(test.labels[index])
        file = f"{index:04d}-{names[label]}.png"
        image = np.asarray(test.images[index])
        write_whole(folder / file, _png(image))
        output = model.raw(image)
        little = np.ascontiguousarray(output, output.dtype.newbyteorder("<"))
        rows.append({"file": file, "label": label, "logits_hex": little.tobytes().hex()})
    text = ",\n ".join(json.dumps(row) for row in rows)
    write_whole(folder / "pictures.json", f"[\n {text}\n]\n".encode())
    return len(rows)


def _further(
    path: Path | None, form: Mapping[str, type], what: str, same: str, ours: str
) -> dict[str, Any] | None:
    """Results of other runs that the card tells too, when they are of this recipe or data.

    Args:
        form: names that must be there, and their types.
        what: the file's usual name; same: the field that must be `ours`.
    """
    if path is None:
        return None
    found = read_json(path)
    wrong = [name for name, kind in form.items() if not isinstance(found.get(name), kind)]
    if wrong or found[same] != ours:
        raise DataError(
            f"this is no {what}" if wrong else f"this {what} is of another {same}",
            where=str(path),
            found=f"no {', '.join(wrong)}" if wrong else f"{found[same]}, the run has {ours}",
            remedy="kit train --folds writes folds.json, kit train --compare comparison.json; of "
            "the same recipe and pictures as the run",
        )
    return found


def _check_weights(model: LceModel, run: Path, metrics: Mapping[str, Any]) -> None:
    """Raises DataError where the flatbuffer, or weights.npz, is of other weights than the figures;
    a flatbuffer of an older convert does not say."""
    ours = metrics.get("weights_sha256")
    if (run / "weights.npz").exists():
        ours = digest(final_weights(run))
    said = model.oracle.graph.metadata.get("weights_sha256")
    if ours is not None and said is not None and said != ours:
        raise DataError(
            "this flatbuffer was made from other weights than the run's",
            where=str(run),
            found=f"sha256 {str(said)[:16]}, the run has {ours[:16]}",
            remedy=f"kit convert --run {run}",
        )


def ship(
    run: Path,
    content: bytes,
    out: Path,
    *,
    folds: Path | None = None,
    comparison: Path | None = None,
    pictures: int = PICTURES,
) -> dict[str, Any]:
    """Make or replace `out` from a finished run and its flatbuffer.

    Args:
        run: the run folder.
        content: the .tflite that it was converted to.
        out: for instance models/faces-wake; replaced only when everything is made.
        folds, comparison: folds.json and comparison.json to tell in the card.
        pictures: how many to ship.

    Returns:
        The shipped metrics.json's content.

    Raises:
        DataError: unfinished run, other data or weights, too large, a full disk, or further results
            that are not of this recipe or these pictures.
        ModelError: LCE does not take the flatbuffer.
    """
    recipe, metrics = read_run(run)
    if not metrics.get("finished"):
        raise DataError(
            "the run is not finished", where=str(run), remedy=f"kit train --resume {run}"
        )
    if metrics["size_bits"] > 8 * MOST_WEIGHT_BYTES:
        raise DataError(
            "the network is too large to be shipped",
            where=str(run),
            found=f"{metrics['size_bits'] / 8:,.0f} bytes of weights",
            remedy=f"at most {MOST_WEIGHT_BYTES:,} bytes",
        )
    crossed = _further(folds, FOLDS, "folds.json", "recipe", recipe["name"])
    beside = _further(
        comparison, COMPARISON, "comparison.json", "dataset_hash", metrics["dataset_hash"]
    )
    model = LceModel(content)
    _check_weights(model, run, metrics)
    dataset = recorded_data(recipe, metrics, run)
    names = list(dataset.label_names)
    test = dataset.test
    right = int((model(test.images).argmax(1) == test.labels).sum())
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        count = _write_pictures(fresh / "pictures", test, names, model, pictures)
        shipped = {
            **metrics,
            "labels": names,
            "lce_accuracy": right / len(test),
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "tflite_bytes": len(content),
            "shipped_pictures": count,
            **further(dataset, model),
        }
        card = model_card(
            recipe,
            shipped,
            folds=crossed,
            comparison=None if beside is None else beside["rows"],
        )
        write_whole(fresh / "model.tflite", content)
        write_whole(fresh / "labels.txt", ("\n".join(names) + "\n").encode())
        write_json(fresh / "metrics.json", shipped)
        write_whole(fresh / "model_card.md", card.encode())
        fresh.chmod(0o755)
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
            out.replace(old)
            fresh.replace(out)
            shutil.rmtree(old)
        else:
            fresh.replace(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return shipped
