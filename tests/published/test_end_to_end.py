"""A user's commands for the real files, on miniature ones: train, convert, compile, validate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit import cli
from kit.verbs import shared
from tests.published.files import write_coco, write_stl10

pytestmark = [pytest.mark.keras, pytest.mark.host_c, pytest.mark.slow]


@pytest.fixture(autouse=True)
def own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What validate writes stays out of the checkout's runs."""
    monkeypatch.setattr(shared, "run_folder", lambda *_: tmp_path / "validated")


def deployed(recipe: str, data: str, options: dict[str, object], folder: Path) -> dict[str, object]:
    """A short training of a recipe and everything behind it; the run's metrics."""
    run = folder / "run"
    sets = {"epochs": 2, "batch": 10, "data_options": options}
    flags = [f for k, v in sets.items() for f in ("--set", f"{k}={json.dumps(v)}")]
    train = ["train", "--recipe", recipe, "--data", data, "--run", str(run), *flags]
    assert cli.main(train) == 0
    assert cli.main(["convert", "--run", str(run)]) == 0
    model, told = str(run / "model.tflite"), folder / "told.json"
    compiled = ["compile", model, "--out", str(folder / "c"), "--json", str(told)]
    assert cli.main(compiled) == 0
    assert json.loads(told.read_text())["ok"] is True
    validate = ["validate", "--mode", "host", "--model", model, "--inputs", "4"]
    assert cli.main([*validate, "--json", str(told)]) == 0
    result = json.loads(told.read_text())
    assert (result["inputs"], result["mismatched_elements"]) == (4, 0)
    return dict(json.loads((run / "metrics.json").read_text()))


def test_stl10_from_its_files_to_bit_exact_c(place: Path, tmp_path: Path) -> None:
    write_stl10(place / "stl10_binary")
    assert cli.main(["data", "stl10"]) == 0
    found = deployed("stl10-wake", "stl10", {"n_val": 0}, tmp_path)
    assert found["finished"] is True
    assert found["data"] == "stl10-manifest"
    assert found["train_pictures"] == 20
    assert found["labels"][9] == "truck"  # type: ignore[index]
    card = (tmp_path / "run" / "model_card.md").read_text()
    assert "stl10-manifest" in card


def test_vww_from_its_files_to_bit_exact_c(place: Path, tmp_path: Path) -> None:
    write_coco(place / "coco", repeats=2)
    options = {"definition": "mlperf"}
    assert cli.main(["data", "vww", "--set", "definition=mlperf", "--set", "channels=1"]) == 0
    found = deployed("vww-gray-mlperf", "vww", options, tmp_path)
    assert found["finished"] is True
    assert found["data"] == "vww-mlperf-manifest"
    assert found["labels"] == ["no_person", "person"]


def test_stl10_folds_are_trained_one_by_one_and_averaged(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small network in the recipe's place; ten runs, the test split each time whole."""
    from dataclasses import replace

    from train import api, loop, recipes
    from train.models.binary import BinaryNet, Conv

    write_stl10(place / "stl10_binary")
    net = BinaryNet((96, 96, 3), 2, (Conv(32, 3, stride=8),), classes=10)
    small = replace(recipes.get("stl10-fold"), net=net, epochs=1, batch=10, stages=())
    monkeypatch.setattr(recipes, "get", lambda _: small)
    seen = []
    real = loop.train

    def train(recipe: object, dataset: object, *args: object, **more: object) -> object:
        seen.append(dataset)
        return real(recipe, dataset, *args, **more)

    monkeypatch.setattr(loop, "train", train)
    found = api.folds_command(recipe="stl10-fold", run_dir=tmp_path / "folds", quiet=True)
    assert len(found["accuracies"]) == 10
    assert found["pictures"] == 10 * 10
    assert found["accuracy"] == pytest.approx(sum(found["accuracies"]) / 10)
    assert found["data"] == "stl10-manifest"
    assert "wedge_free_accuracy" not in found
    assert [len(each.train) for each in seen] == [10] * 10  # type: ignore[attr-defined]
    assert len({each.train.names for each in seen}) == 10  # type: ignore[attr-defined]
    for fold in (0, 9):
        told = json.loads((tmp_path / "folds" / f"fold{fold}" / "metrics.json").read_text())
        assert told["data"] == f"stl10-fold{fold}-manifest"
        assert f"fold {fold} of 10 (10 pictures)" in told["note"]


def test_unlabeled_pictures_teach_through_a_teacher(place: Path, tmp_path: Path) -> None:
    """Teacher on the labelled pictures, student on all: the recipe's way, with small networks."""
    from dataclasses import replace

    from train import recipes
    from train.data import load
    from train.distill import labelled
    from train.loop import train
    from train.models.binary import BinaryNet, Conv

    write_stl10(place / "stl10_binary")
    net = BinaryNet((96, 96, 3), 2, (Conv(32, 3, stride=8),), classes=10)
    small = {"net": net, "epochs": 1, "batch": 8, "stages": ()}
    student = replace(recipes.get("stl10-distilled"), teacher=str(tmp_path / "teacher"), **small)
    teacher = replace(recipes.get("stl10-teacher"), **small)
    options = {**student.data_options, "n_val": 10}
    everything, known = load("stl10", **options), load("stl10", n_val=10)
    assert labelled(everything).hash == known.hash, "a teacher's run is found by its data's hash"
    train(teacher, known, tmp_path / "teacher", quiet=True)
    _, found = train(student, everything, tmp_path / "student", quiet=True)
    assert found["train_pictures"] == 10 + 6
    assert found["teacher"]["recipe"] == "stl10-teacher"
    assert found["finished"] is True
