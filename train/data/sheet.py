"""Contact sheets: pictures of a dataset with their labels, to be looked at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from convert.errors import DataError
from train.data.dataset import Split
from train.runfolder import write_whole

GAP = 4
CAPTION = 12


def contact_sheet(
    split: Split,
    path: Path,
    *,
    label_names: Sequence[str],
    n: int = 60,
    columns: int = 10,
    tile: int = 144,
    boxes: Sequence[Sequence[tuple[int, int, int, int]]] | None = None,
) -> Path:
    """Write a PNG grid of n pictures spread over the split, each captioned with its label.

    boxes: for each picture of the split, rectangles (left, top, right, bottom) in its pixels.

    Raises:
        DataError: path is no .png, or cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise DataError("a contact sheet is a .png", found=str(path), remedy=f"{path}.png")
    chosen = np.unique(np.linspace(0, len(split) - 1, min(n, len(split))).astype(int))
    rows = -(-len(chosen) // columns)
    sheet = Image.new(
        "RGB", (columns * (tile + GAP) + GAP, rows * (tile + CAPTION + GAP) + GAP), (24, 24, 28)
    )
    pen = ImageDraw.Draw(sheet)
    for k, i in enumerate(chosen):
        x, y = GAP + (k % columns) * (tile + GAP), GAP + (k // columns) * (tile + CAPTION + GAP)
        pixels = np.asarray(split.images[i])
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        side = picture.width
        sheet.paste(picture.convert("RGB").resize((tile, tile), Image.Resampling.NEAREST), (x, y))
        for box in boxes[i] if boxes is not None else ():
            at = [x + box[0] * tile / side, y + box[1] * tile / side]
            to = [x + box[2] * tile / side, y + box[3] * tile / side]
            pen.rectangle((*at, *to), outline=(255, 200, 0))
        color = (120, 230, 140) if split.labels[i] else (200, 200, 210)
        pen.text((x + 2, y + tile), label_names[int(split.labels[i])], fill=color)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    write_whole(path, content.getvalue())
    return path
