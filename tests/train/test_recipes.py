"""Every recipe runs; what a person may change and what is refused; cards tell the truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError
from train.data.dataset import Dataset, Split

pytestmark = pytest.mark.keras


def two_examples(name: str, shape: tuple[int, int, int]) -> Dataset:
    rng = np.random.default_rng(9)
    images = rng.integers(0, 256, (2, *shape)).astype(np.uint8)
    split = Split(images, np.array([0, 1], np.int64), ("a", "b"))
    return Dataset(name, ("no", "yes"), split, split, split, 9, True, "two mocked pictures")


def all_names() -> list[str]:
    return ["faces-wake", "scenes-float-twin", "scenes-mobilenet", "scenes-wake"]


def test_the_list_above_is_complete() -> None:
    from train import recipes

    assert recipes.names() == all_names()


@pytest.mark.slow
@pytest.mark.parametrize("name", all_names())
def test_every_recipe_trains_an_epoch_on_two_examples(name: str, tmp_path: Path) -> None:
    from train import api, recipes
    from train.card import write_card
    from train.evaluate import build_model
    from train.loop import train

    recipe = api.changed(recipes.get(name), {"epochs": 1, "batch": 2})
    shape = build_model(recipe).input_shape[1:]
    _, found = train(recipe, two_examples("mocked", shape), tmp_path, quiet=True)
    assert found["finished"] is True
    assert found["pictures"] == 2
    assert 0 < found["size_bits"]
    if name in ("faces-wake", "scenes-wake"):
        assert found["size_bits"] <= 1_000_000
        assert found["bops"] < 12_000_000
    card = write_card(tmp_path).read_text()
    for word in (name, "synthetic", found["dataset_hash"], f"--recipe {name} --seed 0", "Limits"):
        assert word in card


def test_every_recipe_states_a_source_and_rivals_see_the_same_pictures() -> None:
    from train import recipes

    assert all(recipes.get(name).source for name in all_names())
    scenes = [recipes.get(name) for name in all_names() if name.startswith("scenes")]
    assert len({(r.batch, r.augment, r.data, tuple(r.data_options)) for r in scenes}) == 1


def test_fields_are_changed_by_name_and_type() -> None:
    from train import api, recipes

    recipe = recipes.get("faces-wake")
    new = api.changed(
        recipe,
        {"epochs": 2, "learning_rate": 1, "augment": {"shift": 3}, "data_options": {"fold": 1}},
    )
    assert (new.epochs, new.learning_rate, new.augment.shift) == (2, 1.0, 3)
    assert new.augment == replace(recipe.augment, shift=3)
    assert new.data_options == {**recipe.data_options, "fold": 1}
    for field, value in (
        ("epoch", 2),
        ("net", "other"),
        ("epochs", "two"),
        ("epochs", 1.5),
        ("balanced", 1),
        ("augment", {"flipp": True}),
        ("augment", 3),
    ):
        with pytest.raises(DataError):
            api.changed(recipe, {field: value})


def test_unknown_recipe_names_the_nearest() -> None:
    from train import api

    with pytest.raises(DataError, match="no such recipe") as caught:
        api.train_command(recipe="face-wake", quiet=True)
    assert "did you mean faces-wake" in str(caught.value)


def test_folds_are_for_faces_only(tmp_path: Path) -> None:
    from train import api

    with pytest.raises(DataError, match="no folds"):
        api.folds_command(recipe="scenes-wake", run_dir=tmp_path)


def test_command_line_trains_stops_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verb, on real data, short; the record says how to repeat it."""
    from kit import cli
    from train import api

    small = {
        "epochs": 2,
        "batch": 64,
        "balanced": False,
        "data_options": {"extra_negatives": 0},
    }
    folder = tmp_path / "run"
    api.train_command(
        recipe="faces-wake", run_dir=folder, overrides=small, quiet=True, stop_after=1
    )
    assert json.loads((folder / "metrics.json").read_text())["finished"] is False
    assert not (folder / "model_card.md").exists()
    assert cli.main(["train", "--resume", str(folder), "--seed", "3"]) == 2
    assert "another seed" in capsys.readouterr().err
    out = tmp_path / "result.json"
    assert cli.main(["train", "--resume", str(folder), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["finished"] is True
    assert result["epochs"] == 2
    assert result["train_pictures"] == 140
    assert 0 < result["wedge_free_pictures"] < 40
    card = (folder / "model_card.md").read_text()
    assert "--set 'epochs=2'" in card
    assert "alignment wedge" in card
    assert cli.main(["train", "--recipe", "faces-wake", "--run", str(folder)]) == 2


def test_a_card_of_an_unfinished_run_says_so(tmp_path: Path) -> None:
    from train.card import model_card

    metrics: dict[str, Any] = {
        "data": "faces", "seed": 0, "split": "test", "pictures": 40, "accuracy": 0.5, "epochs": 1,
        "confusion": [[0, 20], [0, 20]], "dataset_hash": "0" * 64, "train_pictures": 140,
        "size_bits": 8, "commit": "abc", "finished": False, "synthetic": False,
    }  # fmt: skip
    recipe = {"name": "faces-wake", "batch": 2, "epochs": 3}
    assert "**Unfinished**: after 1 of 3 epochs" in model_card(recipe, metrics)
    assert "Unfinished" not in model_card(recipe, {**metrics, "finished": True})
    assert "synthetic" not in model_card(recipe, metrics)
    assert "synthetic" in model_card(recipe, {**metrics, "synthetic": True})
