"""Small files in the exact formats of the published sets, with manifests that say so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from train.data import stl10

CLASSES = len(stl10.LABELS)
TRAIN, TEST, UNLABELED = 20, 10, 6


def write_manifest(folder: Path, counts: Mapping[str, int]) -> None:
    """manifest.json over all .bin files there."""
    files = {
        path.name: {
            "bytes": path.stat().st_size,
            "md5": hashlib.md5(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.glob("*.bin"))
    }
    (folder / "manifest.json").write_text(json.dumps({"files": files, "counts": dict(counts)}))


def stl_pictures(count: int, seed: int) -> np.ndarray:
    """uint8 [count, 96, 96, 3], each unlike its transpose; class k (cyclic) is a bar at 8 k."""
    rng = np.random.default_rng(seed)
    out = rng.integers(0, 90, (count, 96, 96, 3)).astype(np.uint8)
    for at in range(count):
        row = 4 + 9 * (at % CLASSES)
        out[at, row : row + 6, :, :] = (220, 160, 40)
        out[at, :5, :3, 0] = 255
    return out


def write_stl10(folder: Path, *, column_major: bool = True) -> dict[str, np.ndarray]:
    """The whole set in miniature; returns the pictures by part, as they ought to be read.

    column_major=False stores the planes row by row: a format error that no length tells.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for seed, (part, count) in enumerate(
        (("train", TRAIN), ("test", TEST), ("unlabeled", UNLABELED))
    ):
        images = parts[part] = stl_pictures(count, seed)
        order = (0, 3, 2, 1) if column_major else (0, 3, 1, 2)
        (folder / f"{part}_X.bin").write_bytes(images.transpose(order).tobytes())
        if part != "unlabeled":
            numbers = (np.arange(count) % CLASSES + 1).astype(np.uint8)
            (folder / f"{part}_y.bin").write_bytes(numbers.tobytes())
    folds = [" ".join(str((k + 2 * j) % TRAIN) for j in range(10)) for k in range(10)]
    (folder / "fold_indices.txt").write_text("\n".join(folds) + "\n")
    (folder / "class_names.txt").write_text("\n".join(stl10.LABELS) + "\n")
    counts = {"train": TRAIN, "test": TEST, "unlabeled": UNLABELED, "folds": 10, "fold": 10}
    write_manifest(folder, counts)
    return parts


# What a COCO picture of 100 x 80 shows: its person annotations as (area share, box share, crowd).
CASES: dict[str, list[tuple[float, float, int]]] = {
    "nobody": [],
    "large": [(0.2, 0.3, 0)],
    # the two rules disagree on each of these
    "thin": [(0.004, 0.05, 0)],  # minival no (segmentation), mlperf person (box)
    "small": [(0.01, 0.02, 0)],  # minival person, mlperf left out
    "tiny": [(0.001, 0.002, 0)],  # minival no, mlperf left out
    "crowd": [(0.3, 0.5, 1)],  # minival person, mlperf no_person
    "edge": [(0.005, 0.025, 0)],  # exactly the limits: neither exceeds; mlperf leaves it out
}
MINIVAL_LABEL = {"nobody": 0, "large": 1, "thin": 0, "small": 1, "tiny": 0, "crowd": 1, "edge": 0}
MLPERF_LABEL = {"nobody": 0, "large": 1, "thin": 1, "crowd": 0}  # the others are left out
WIDTH, HEIGHT = 100, 80


def _coco(part: str, first: int, cases: list[str], folder: Path) -> dict[str, Any]:
    """One part: pictures on disk and its annotations, members in COCO's order."""
    images, annotations = [], []
    (folder / part).mkdir(parents=True, exist_ok=True)
    for at, case in enumerate(cases):
        number = first + 7 * at
        name = f"COCO_{part}_{number:012d}.jpg"
        # grain: in flat pictures whole channels are constant, and batch norm divides by nothing
        grain = np.random.default_rng(number).integers(0, 200, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        picture = Image.fromarray(grain)
        pen = ImageDraw.Draw(picture)
        for shares in CASES[case]:
            pen.rectangle((10, 5, 10 + 80 * shares[1] ** 0.5, 5 + 70 * shares[1] ** 0.5), "white")
        if at % 5 == 3:
            picture = picture.convert("L")  # COCO holds some gray pictures
        picture.save(folder / part / name, quality=90)
        images.append({"license": 1, "file_name": name, "height": HEIGHT, "width": WIDTH,
                       "id": number, "coco_url": f"http://example.org/{name}"})  # fmt: skip
        pixels = WIDTH * HEIGHT
        for area, box, crowd in CASES[case]:
            side = [40.0, box * pixels / 40.0]
            annotations.append(
                {
                    "segmentation": [[1.5, 2.25] * 8],
                    "area": area * pixels,
                    "iscrowd": crowd,
                    "image_id": number,
                    "bbox": [1.0, 2.0, *side],
                    "category_id": 1,
                    "id": len(annotations),
                }
            )
        # a dog that fills the picture: no person
        annotations.append(
            {
                "segmentation": [],
                "area": 0.9 * pixels,
                "iscrowd": 0,
                "image_id": number,
                "bbox": [0, 0, WIDTH, HEIGHT],
                "category_id": 18,
                "id": len(annotations),
            }
        )
    categories = [{"supercategory": "person", "id": 1, "name": "person"},
                  {"supercategory": "animal", "id": 18, "name": "dog"}]  # fmt: skip
    return {"info": {"year": 2014}, "images": images, "licenses": [{"id": 1}],
            "annotations": annotations, "categories": categories}  # fmt: skip


def write_coco(folder: Path, repeats: int = 4) -> dict[str, str]:
    """COCO 2014 in miniature; returns file stem -> case."""
    cases = list(CASES)
    content = {
        "train2014": _coco("train2014", 9, cases * repeats, folder),
        "val2014": _coco("val2014", 100_000, cases * 2, folder),
    }
    (folder / "annotations").mkdir(exist_ok=True)
    counts = {}
    for part, whole in content.items():
        (folder / "annotations" / f"instances_{part}.json").write_text(json.dumps(whole))
        counts[part] = len(whole["images"])
    val = content["val2014"]["images"][: len(cases)]
    ids = [str(each["id"]) for each in reversed(val)]  # the published list is not sorted
    (folder / "mscoco_minival_ids.txt").write_text("\n".join(ids) + "\n")
    counts["minival"] = len(ids)
    (folder / "manifest.json").write_text(json.dumps({"counts": counts}))
    shown = {}
    for whole in content.values():
        for at, image in enumerate(whole["images"]):
            shown[Path(image["file_name"]).stem] = cases[at % len(cases)]
    return shown
