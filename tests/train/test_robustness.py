"""Other exposures and gammas: the same scenes, exposed at the sensor."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from convert.errors import DataError
from train.data.mosaic import SITES, mosaic
from train.data.scenes.exposures import Setting, exposures
from train.data.scenes.loader import labels_of
from train.data.scenes.render import render
from train.robustness import sweep


def test_exposed_scenes_are_the_rendered_ones() -> None:
    settings: list[Setting] = [(None, None), (-3.0, 1.0), (2.0, None)]
    pictures, labels = exposures(3, 2, settings, size=32)
    assert pictures.shape == (3, 2, 32, 32, 1)
    assert labels.tolist() == [0, 1]
    for k, (ev, gamma) in enumerate(settings):
        for i in range(2):
            wanted = render(3, "test", i, size=32, ev=ev, gamma=gamma).image
            assert np.array_equal(pictures[k, i], wanted)
    # dark is not a darker picture of the same bytes: noise and saturation are new
    assert pictures[1].mean() < pictures[0].mean() < pictures[2].mean()


def test_a_sweep_scores_each_setting_by_itself() -> None:
    """A judge that says "person" of bright pictures: right for half at most, and it depends."""

    def bright(images: np.ndarray) -> np.ndarray:
        seen.append(float(images.mean()))
        return np.stack([np.full(len(images), 0.5), images.mean((1, 2, 3)) / 255], 1)

    seen: list[float] = []
    found = sweep(bright, seed=3, n_test=4, size=32, evs=(-4, 0, 4), gammas=(0.4, 2.5))
    assert json.loads(json.dumps(found)) == found
    assert list(found["ev"]) == ["-4", "0", "4"]
    assert list(found["gamma"]) == ["0.4", "2.5"]
    assert found["ev"]["-4"] == 0.5  # everything is dark: "nobody" throughout
    assert seen == [*sorted(seen[:3]), *sorted(seen[3:])]
    assert found["synthetic"] is True
    assert found["split"] == "test"

    def knowing(images: np.ndarray) -> np.ndarray:
        return np.eye(2)[labels_of(len(images))]

    assert set(sweep(knowing, n_test=2, size=32, evs=(0,), gammas=())["ev"].values()) == {1.0}
    for wrong in ({"n_test": 0}, {"processes": 0}, {"evs": (), "gammas": ()}):
        with pytest.raises(DataError, match="nothing to score"):
            sweep(knowing, **wrong)  # type: ignore[arg-type]


def test_a_run_that_is_none_is_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from train import robustness

    assert robustness.main([str(tmp_path / "nowhere")]) == 2
    assert "kit train --recipe" in capsys.readouterr().err
    for record in ({"data": "faces"}, {"data": "scenes-segment", "task": "segmentation"},
                   {"data": "scenes", "task": "detection"}):  # fmt: skip
        (tmp_path / "recipe.json").write_text(json.dumps(record))
        assert robustness.main([str(tmp_path)]) == 2
        assert "classifies scenes" in capsys.readouterr().err


def test_a_sweep_that_cannot_be_kept_is_printed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from train import robustness

    found = {"ev": {"-3": 0.625}, "gamma": {}, "pictures": 2, "seed": 0}
    monkeypatch.setattr(robustness, "sweep_run", lambda *_, **__: found)
    (tmp_path / "file").write_text("")
    assert robustness.main([str(tmp_path), "--json", str(tmp_path / "file" / "a.json")]) == 2
    told = capsys.readouterr()
    assert "-3: 62.5" in told.out
    assert "cannot be written" in told.err


def test_a_mosaic_keeps_one_colour_a_site() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    raw = mosaic(rgb)
    assert raw.shape == (2, 4, 6, 1)
    for y in range(4):
        for x in range(6):
            assert np.array_equal(raw[:, y, x, 0], rgb[:, y, x, SITES[y % 2, x % 2]])
    with pytest.raises(DataError):
        mosaic(rgb[:, :3])
