"""What a finished run answers, as pictures: `python -m train.tasks.pictures RUN [--count N]`.

Test pictures, evenly spread over the split, in RUN/pictures/: boxes found (bright) and true (dark),
masks, enlargements beside bicubic and the original, matches between two views (right ones bright).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from convert.errors import BitWakeError, DataError
from train.data import Split
from train.data.dataset import Pixels
from train.data.photos_match import apply
from train.datarecord import recorded_data
from train.tasks.task import Predict

ENLARGED = 4
RIGHT_WITHIN = 3.0  # pixels
GOOD, BAD = (90, 255, 120), (255, 110, 90)

Drawer = Callable[[Any, Split, Predict], list[Image.Image]]


def _large(picture: Pixels, times: int = ENLARGED) -> Image.Image:
    """RGB, each pixel a square."""
    pixels = np.repeat(picture, 3 // picture.shape[2], axis=2)
    return Image.fromarray(pixels.repeat(times, 0).repeat(times, 1))


def _beside(pictures: list[Image.Image]) -> Image.Image:
    width = sum(p.width for p in pictures)
    whole = Image.new("RGB", (width, max(p.height for p in pictures)))
    x = 0
    for picture in pictures:
        whole.paste(picture, (x, 0))
        x += picture.width
    return whole


def boxes(task: Any, split: Split, predict: Predict) -> list[Image.Image]:
    """Boxes with a score of 0.3 or more, and the true ones."""
    from train.tasks.detection import decode

    assert split.targets is not None
    made = []
    for image, output, truth in zip(
        split.images, predict(split.images), split.targets, strict=True
    ):
        picture = _large(image)
        pen = ImageDraw.Draw(picture)
        for box in truth[truth[:, 2] > truth[:, 0]]:
            pen.rectangle([int(v) * ENLARGED for v in box], outline=(60, 110, 200), width=2)
        found, scores = decode(output, (image.shape[0], image.shape[1]))
        for box, score in zip(found, scores, strict=True):
            if score >= 0.3:
                corners = [float(v) * ENLARGED for v in box]
                pen.rectangle(corners, outline=GOOD, width=2)
                pen.text((corners[0] + 3, corners[1] + 2), f"{score:.2f}", fill=GOOD)
        made.append(picture)
    return made


def masks(task: Any, split: Split, predict: Predict) -> list[Image.Image]:
    """The picture, the mask found, the true one."""
    assert split.targets is not None
    made = []
    for image, output, truth in zip(
        split.images, predict(split.images), split.targets, strict=True
    ):
        shown = [image, *(255 * np.asarray(m, np.uint8) for m in (output > 0, truth))]
        made.append(_beside([_large(p) for p in shown]))
    return made


def enlargements(task: Any, split: Split, predict: Predict) -> list[Image.Image]:
    """Bicubic, the network's, the original."""
    from train.tasks.superresolution import as_bytes, enlarged

    assert split.targets is not None
    plain = enlarged(np.asarray(split.images))
    found = as_bytes(predict(split.images))
    rows = zip(plain, found, split.targets, strict=True)
    return [_beside([_large(p) for p in row]) for row in rows]


def matches(task: Any, split: Split, predict: Predict) -> list[Image.Image]:
    """Two views and the lines between mutual nearest neighbours."""
    from train.tasks.match_accuracy import keypoints, mutual

    assert split.targets is not None
    views = split.targets["view"]
    sides = [[keypoints(o, task.descriptor) for o in predict(v)] for v in (split.images, views)]
    made = []
    for image, target, a, b in zip(split.images, split.targets, *sides, strict=True):
        picture = _beside([_large(image), _large(target["view"])])
        pen = ImageDraw.Draw(picture)
        middle = (ENLARGED - 1) / 2
        for i, j in mutual(a.descriptors, b.descriptors):
            went = apply(target["homography"], a.at[i : i + 1])[0]
            right = float(np.linalg.norm(went - b.at[j])) <= RIGHT_WITHIN
            x0, y0 = a.at[i] * ENLARGED + middle
            x1, y1 = b.at[j] * ENLARGED + middle
            line = [x0, y0, x1 + image.shape[1] * ENLARGED, y1]
            pen.line([float(v) for v in line], fill=GOOD if right else BAD)
        made.append(picture)
    return made


DRAWERS: dict[str, Drawer] = {
    "detection": boxes,
    "segmentation": masks,
    "super-resolution": enlargements,
    "matching": matches,
}


def draw(run: Path, count: int = 8) -> list[Path]:
    """The files made.

    Raises:
        DataError: the run is not finished, its data changed, or its task has no pictures.
    """
    from train import recipes
    from train.card import read_json
    from train.compare import restored
    from train.evaluate import Predictor

    record, metrics = read_json(run / "recipe.json"), read_json(run / "metrics.json")
    task = recipes.get(str(record["name"])).task
    if not metrics.get("finished") or task.name not in DRAWERS:
        raise DataError(
            "there are no pictures of this run's answers",
            where=str(run),
            found=f"task {task.name}" + ("" if metrics.get("finished") else ", not finished"),
            remedy=f"take a finished run of a task of {', '.join(DRAWERS)}",
        )
    test = recorded_data(record, metrics, run).test
    last = len(test) - 1
    spread = np.linspace(0, last, min(count, len(test))).astype(int)
    # odd ones show a person in scenes
    split = test.take(np.unique(np.minimum(spread | 1, last)))
    folder = run / "pictures"
    folder.mkdir(exist_ok=True)
    files = []
    drawn = DRAWERS[task.name](task, split, Predictor(restored(run, record)))
    for name, picture in zip(split.names, drawn, strict=True):
        files.append(folder / f"{name.replace('#', '-').replace('.', '-')}.png")
        picture.save(files[-1], optimize=True)
    return files


def main(words: list[str] | None = None) -> int:
    """Exit status 0, or 2 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=8)
    args = parser.parse_args(words)
    try:
        files = draw(args.run, args.count)
    except BitWakeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(files)} pictures in {args.run / 'pictures'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
