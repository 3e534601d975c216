"""The MODEL argument: a shipped model's name or the path of a .tflite, with pictures and labels."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from convert.arrange import Options
from convert.errors import DataError, ModelError, did_you_mean
from kit.files import ROOT, sha256, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODELS = ROOT / "models"
PICTURE_SUFFIXES = {".png", ".bmp", ".pgm", ".ppm", ".jpg", ".jpeg"}
MAGIC = b"TFL3"  # at byte 4 of every .tflite
SMALLEST = 16  # bytes of the smallest conceivable flatbuffer


@dataclass(frozen=True)
class Model:
    """A flatbuffer that exists and looks like one.

    Attributes:
        name: the folder's name in models/, or the file's stem.
        path: the .tflite.
        sha256: of the file, 64 hexadecimal digits.
        folder: where card, labels and pictures lie; None for a lone file.
        options: how it is compiled.
    """

    name: str
    path: Path
    sha256: str
    folder: Path | None
    options: Options = field(default_factory=Options)

    @property
    def key(self) -> str:
        """Name, digest and options, fit for a folder's name."""
        more = "".join(c if c.isalnum() or c in "-=" else "_" for c in self.options.key)
        return f"{self.name}-{self.sha256[:10]}" + (f"-{more}" if more else "")

    @property
    def typed(self) -> str:
        """File and options as they are typed behind `compile`, or behind `--model`."""
        o, words = self.options, [shown(self.path)]
        words += ["--layout", o.layout] if o.layout != Options.layout else []
        for name, layout in sorted(o.layouts.items()):
            words += ["--layout", f"{name}={layout}"]
        words += ["--max-ram", str(o.max_ram)] if o.max_ram is not None else []
        words += ["--rows"] if o.rows else []
        return shlex.join(words)

    def pictures(self) -> list[Path]:
        """The test pictures shipped with the model, sorted by path."""
        if self.folder is None:
            return []
        found = (self.folder / "pictures").rglob("*")
        return sorted(path for path in found if path.suffix.lower() in PICTURE_SUFFIXES)


def shipped() -> list[str]:
    """Names of the models in models/, sorted."""
    return sorted(path.parent.name for path in MODELS.glob("*/model.tflite"))


def find(argument: str) -> Model:
    """The model that a person named.

    Args:
        argument: a name in models/, a .tflite, or a folder that holds model.tflite.

    Raises:
        ModelError: there is no such model, or the file is no whole .tflite.
    """
    by_name = MODELS / argument / "model.tflite"
    path = Path(argument)
    if "/" not in argument and by_name.is_file():
        return _read(argument, by_name)
    if path.is_dir() and (path / "model.tflite").is_file():
        return _read(path.resolve().name, path / "model.tflite")
    if path.is_file():
        name = path.resolve().parent.name if path.name == "model.tflite" else path.stem
        return _read(name, path)
    names = shipped()
    hint = did_you_mean(argument, names)
    raise ModelError(
        "there is no such model",
        found=argument,
        remedy=f"{hint}give the path of a .tflite, or a name in models/: "
        + (", ".join(names) or "none are here yet"),
    )


def only_or_named(argument: str | None) -> Model:
    """The named model; without a name the one in models/ if there is just one."""
    if argument:
        return find(argument)
    names = shipped()
    if len(names) == 1:
        return find(names[0])
    raise ModelError(
        "which model?",
        found="no --model",
        remedy="--model NAME or --model FILE.tflite; in models/: " + (", ".join(names) or "none"),
    )


def _read(name: str, path: Path) -> Model:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            "the model cannot be read", where=shown(path), found=error.strerror or str(error)
        ) from error
    if len(content) < SMALLEST or content[4:8] != MAGIC:
        raise ModelError(
            "this file is no TensorFlow Lite flatbuffer",
            where=f"{shown(path)}, byte 4 of {len(content)}",
            found=repr(content[4:8]) if len(content) > 4 else "a file that ends before that",
            remedy="`kit convert --run RUN` writes one from a training run",
        )
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in name)
    folder = path.resolve().parent
    has_more = (folder / "pictures").is_dir() or folder.parent == MODELS
    return Model(safe, path.resolve(), sha256(content), folder if has_more else None)


def labels_of(model: Model) -> list[str]:
    """Class names beside the model (labels.txt, one a line, or labels.json), or nothing.

    Raises:
        ModelError: the file is damaged.
    """
    if model.folder is None:
        return []
    text, listed = model.folder / "labels.txt", model.folder / "labels.json"
    at = text if text.is_file() else listed
    try:
        if text.is_file():
            return [line.strip() for line in text.read_text("utf-8").splitlines() if line.strip()]
        found = json.loads(listed.read_text("utf-8")) if listed.is_file() else []
        if not isinstance(found, list):
            raise ValueError("no JSON list")
        return [str(name) for name in found]
    except (OSError, ValueError) as error:
        raise ModelError(
            "the class names beside the model cannot be read",
            where=shown(at),
            found=str(error),
            remedy="UTF-8: a name a line in labels.txt, or a JSON list of names in labels.json",
        ) from None


def picture(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A picture file as uint8 [H, W, C], C 1 or 3 as the model wants; never resized.

    Raises:
        DataError: the file is damaged, has samples of more than a byte, or its size is not the
            model's.
    """
    import numpy as np
    from PIL import Image

    height, width, channels = shape
    try:
        with Image.open(path) as image:
            deep = image.mode.startswith(("I", "F"))  # Pillow would clip 16 bits to 255: all white
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
            mode = image.mode
    except (OSError, ValueError, Image.DecompressionBombError, SyntaxError) as error:
        raise DataError(
            "a picture cannot be read",
            where=shown(path),
            found=(str(error) or type(error).__name__).splitlines()[0],
            remedy="save it again as an 8-bit PNG of the model's size, or take it away",
        ) from error
    if deep:
        raise DataError(
            "a picture has samples of more than a byte",
            where=shown(path),
            found=f"Pillow's mode {mode}",
            remedy="save it with 8 bits a sample; the kit never scales samples by itself, because "
            "how it is done changes the verdict",
        )
    if pixels.shape[:2] != (height, width) or channels not in (1, 3):
        raise DataError(
            "a picture has not the size that the model takes",
            where=shown(path),
            found=f"{pixels.shape[1]}×{pixels.shape[0]} pixels",
            remedy=f"scale or crop it to {width}×{height}; the kit never does so by itself, "
            "because how it is done changes the verdict",
        )
    return pixels.reshape(shape)
