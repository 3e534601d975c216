"""Rendered scenes: the same bytes everywhere, true labels, splits that share nothing."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError
from train.data import load, photos
from train.data.scenes import loader, sensor

render = importlib.import_module("train.data.scenes.render")
ROOT = Path(__file__).resolve().parents[2]
COUNT = 4 * loader.CHUNK  # enough that several processes are used


@pytest.mark.slow
def test_bytes_depend_on_the_seed_and_not_on_processes_or_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path))
    one = loader.load_split(3, "val", COUNT, cache=False, processes=1)
    two = loader.load_split(3, "val", COUNT, cache=True, processes=2)
    assert np.array_equal(one.images, two.images)
    assert one.images.std() > 20  # not a constant, which would be equal too
    (cached,) = tmp_path.glob("*.npy")
    before = cached.stat().st_mtime_ns
    assert np.array_equal(loader.load_split(3, "val", COUNT).images, one.images)
    assert cached.stat().st_mtime_ns == before, "the cache was rendered again"


def test_seed_split_and_index_each_change_the_scene() -> None:
    base = render.render(0, "train", 7).image
    assert np.array_equal(render.render(0, "train", 7).image, base)
    for other in ((1, "train", 7), (0, "val", 7), (0, "train", 9)):
        assert not np.array_equal(render.render(*other).image, base)


def test_a_damaged_cache_is_said_and_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path))
    first = np.array(loader.load_split(0, "test", 3, processes=1).images)
    (cached,) = tmp_path.glob("*.npy")
    content = bytearray(cached.read_bytes())
    content[-1] ^= 1
    cached.write_bytes(content)
    assert np.array_equal(loader.load_split(0, "test", 3, processes=1).images, first)
    assert "damaged" in capsys.readouterr().err
    cached.write_bytes(bytes(content[:300]))
    assert np.array_equal(loader.load_split(0, "test", 3, processes=1).images, first)


@pytest.mark.parametrize(("rule", "least"), [("vww", 0.005), ("mlperf", 0.025)])
def test_area_rule_decides_the_label(rule: str, least: float) -> None:
    smallest = 1.0
    for index in range(40):
        scene = render.render(11, "train", index, rule=rule)
        assert scene.label == index & 1
        if not scene.label:
            assert not scene.mask.any()
            assert not scene.boxes
            continue
        boxes = [(r - x) * (b - t) / scene.mask.size for x, t, r, b in scene.boxes]
        # the mask is the union of all people; any one person's pixels are at most that
        area = scene.mask.mean() if rule == "vww" else max(boxes)
        assert area > least
        assert scene.meta["largest"] > least
        smallest = min(smallest, area)
    assert smallest < 0.25, "sizes do not vary"


def test_a_rule_that_nothing_meets_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(render.RULES, "vww", 1.1)
    monkeypatch.setattr(render, "MAX_TRIES", 2)
    with pytest.raises(DataError, match="large enough"):
        render.render(0, "train", 1)
    render.render(0, "train", 0)  # scenes without people need no area


def test_no_photograph_serves_two_splits_and_none_shows_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [set(of) for of in photos.BACKGROUNDS.values()]
    assert sum(map(len, names)) == len(set.union(*names))
    assert not set.union(*names) & set(photos.WITH_PEOPLE)
    pair = {"motorcycle_left.png", "motorcycle_right.png"}  # one scene seen twice
    assert sum(bool(pair & of) for of in names) == 1

    seen: set[str] = set()
    original = photos.photograph

    def spy(name: str) -> np.ndarray:
        seen.add(name)
        return original(name)

    monkeypatch.setattr(photos, "photograph", spy)
    for split, allowed in photos.BACKGROUNDS.items():
        seen.clear()
        render._photographs.cache_clear()
        for index in range(4):
            render.render(0, split, index)
        assert seen
        assert seen <= set(allowed)
    render._photographs.cache_clear()


def test_exposure_can_be_forced_without_changing_the_scene() -> None:
    dark, normal, bright = (render.render(2, "test", 5, ev=ev, gamma=1.0) for ev in (-3, 0, 3))
    assert np.array_equal(dark.mask, bright.mask)
    assert dark.boxes == bright.boxes
    means = [scene.image.mean() for scene in (dark, normal, bright)]
    assert means[0] < means[1] < means[2]


def test_even_exposures_fill_their_range_and_leave_the_rest_of_a_capture() -> None:
    def drawn(even: bool) -> list[Any]:
        return [
            sensor.random_sensor(np.random.default_rng(k), (-3.0, 3.0), even=even)
            for k in range(600)
        ]

    usual, even = drawn(False), drawn(True)
    shares, _ = np.histogram([one.ev for one in even], bins=6, range=(-3.0, 3.0))
    assert shares.sum() == 600
    assert shares.min() > 60
    assert np.histogram([one.ev for one in usual], bins=6, range=(-3.0, 3.0))[0].min() < 20
    assert all(replace(a, ev=0.0) == replace(b, ev=0.0) for a, b in zip(usual, even, strict=True))


def test_colour_and_gray_show_the_same_scene() -> None:
    gray, colour = (render.render(4, "train", 3, channels=c) for c in (1, 3))
    assert gray.image.shape == (96, 96, 1)
    assert colour.image.shape == (96, 96, 3)
    assert np.array_equal(gray.mask, colour.mask)
    luma = colour.image.astype(float).mean(-1).ravel()
    assert np.corrcoef(gray.image.astype(float).ravel(), luma)[0, 1] > 0.9


NAN = float("nan")


@pytest.mark.parametrize(
    "bad",
    [{"channels": 2}, {"size": 16}, {"n_test": -1}, {"rule": "coco"}, {"ev": NAN}, {"ev": 1e9},
     {"gamma": float("inf")}, {"ev_range": [1, -1]}, {"ev_range": [NAN, 1]}, {"ev_range": [0]},
     {"ev_range": ["a", "b"]}, {"ev_range": 3}],
)  # fmt: skip
def test_bad_options_are_refused(bad: dict[str, object]) -> None:
    options = {"n_train": 2, "n_val": 0, "n_test": 0, "cache": False, **bad}
    with pytest.raises(DataError):
        load("scenes", **options)


def test_a_range_of_exposures_can_be_asked_for_as_a_command_line_gives_it() -> None:
    options = {"n_train": 4, "n_val": 0, "n_test": 0, "cache": False}
    dark = load("scenes", ev_range=[-4, -3], **options).train.images
    usual = load("scenes", ev_range=[-3.0, 3.0], **options).train.images
    assert np.array_equal(usual, loader.load(**options).train.images)
    assert dark.mean() < 0.5 * usual.mean()


def test_a_contact_sheet_is_drawn_of_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    from kit import cli
    from kit.verbs import sheet

    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path))
    monkeypatch.setattr(sheet, "PICTURES", 6)
    out = tmp_path / "sheet.png"
    words = ["sheet", "--data", "scenes", "--channels", "3", "--out", str(out)]
    assert cli.main(words) == 0
    with Image.open(out) as drawn:
        assert drawn.width > 6 * 96
        assert np.asarray(drawn).std() > 20
    assert len(list(tmp_path.glob("*.npy"))) == 1  # nothing but the shown split was rendered
    for place in (str(tmp_path), str(tmp_path / "a.gif"), str(out / "a.png")):
        assert cli.main([*words[:-1], place]) == 2
    assert cli.main(["sheet", "--data", "faces", "--channels", "3"]) == 2
    assert "gray" in capsys.readouterr().err


CAPTURES = """
import hashlib, numpy as np
from train.data.scenes import sensor, texture
from train.data.scenes.render import render
digest = hashlib.sha256(texture.to_linear(np.arange(256, dtype=np.uint8)).tobytes())
light = np.random.default_rng(5).random((96, 96, 3), dtype=np.float32)
for k in range(60):
    camera = sensor.random_sensor(np.random.default_rng(k))
    for channels in (1, 3):
        digest.update(sensor.capture(light, camera, np.random.default_rng(7), channels).tobytes())
for k in range(12):
    digest.update(render(0, "train", k).image.tobytes())
print(digest.hexdigest())
"""


def test_pictures_do_not_depend_on_what_the_processor_can() -> None:
    """The same bytes with numpy's and OpenBLAS' kernels for this processor and for an old one."""
    old = {
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL "
        "AVX512_SPR AVX2 FMA3",
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    found = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CAPTURES],
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
        for more in ({}, old)
    ]
    assert found[0] == found[1]
    assert len(found[0].strip()) == 64
