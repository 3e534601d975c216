"""A shipped model as the kit finds it, and the scripted board that answers for it.

The board's verdict is the brightness of a 4×4 picture, so that truth and answer are known.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kit import cli, models, session
from kit.session import Session
from kit.sizes import Sizes
from kit.verbs import shared
from tests.kit.conftest import FakeBoard, fake, registry

__all__ = ["fake", "registry"]
LABELS = ("other", "person")


def recorded(pixels: np.ndarray) -> bytes:
    """The bytes that the scripted board gives for a picture: both outputs."""
    share = int(pixels.astype(int).sum()) / (255 * 16)
    return struct.pack("<2f", 1 - share, share) + struct.pack("<20i", *range(20))


def ship(folder: Path, levels: list[tuple[int, int]], data: str = "faces") -> Path:
    """Writes a model folder with pictures of constant gray: (level, label)."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(b"\0\0\0\0TFL3" + folder.name.encode().ljust(30))
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    metrics = {"data": data, "seed": 7, "split": "test", "pictures": 100}
    if data == "scenes":
        metrics["accuracy"] = 0.67
    else:
        metrics |= {"wedge_free_pictures": 90, "wedge_free_accuracy": 0.9}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    rows = []
    for index, (level, label) in enumerate(levels):
        name = f"{index:04d}-{LABELS[label]}.png"
        pixels = np.full((4, 4), level, np.uint8)
        Image.fromarray(pixels).save(pictures / name)
        rows.append({"file": name, "label": label, "logits_hex": recorded(pixels).hex()})
    (pictures / "pictures.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch) -> Path:
    """models/ with both models; of scenes one picture of six is answered wrongly."""
    folder = tmp_path / "shipped"
    monkeypatch.setattr(models, "MODELS", folder)
    scenes = [(240, 1), (10, 0), (250, 1), (30, 0), (200, 0), (220, 1)]
    ship(folder / "scenes-wake", scenes, "scenes")
    ship(folder / "faces-wake", [(0, 0), (255, 1), (20, 0), (230, 1)])
    return folder


@pytest.fixture
def demo(shipped: Path, tmp_path, monkeypatch, fake, registry) -> Callable:
    """Runs `kit demo` against scripted boards; gives status, output folder and JSON."""

    def built(board, model):
        sizes, build = Sizes(9000, 12000), "0123456789ab"
        return SimpleNamespace(
            board=board, model=model, elf=None, sizes=sizes, arena_bytes=512, weights_bytes=64,
            build=build,
        )  # fmt: skip

    def call(*words: str, plans: list[dict] | None = None) -> tuple[int, Path, dict]:
        waiting = list(plans or [])

        def opened(board, firmware, port) -> Session:
            line: FakeBoard = fake(**(waiting.pop(0) if waiting else {}))
            return Session(board, None, line.url)

        monkeypatch.setattr(shared, "open_session", opened)
        out, written = tmp_path / "out", tmp_path / "demo.json"
        line = ["demo", "--out", str(out), "--json", str(written), *words]
        status = cli.main(line)
        return status, out, json.loads(written.read_text()) if written.exists() else {}

    monkeypatch.setattr(shared, "built", built)
    monkeypatch.setattr(shared, "check_identity", lambda info, model, board: None)
    monkeypatch.setattr(session, "REOPEN_SECONDS", 0.01)
    return call
