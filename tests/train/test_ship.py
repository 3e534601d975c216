"""From a run to a shipped folder; networks side by side."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convert.errors import DataError
from train.data.dataset import Dataset, Split

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished, barely trained run of faces-wake, converted."""
    from kit import cli
    from train import api

    folder = tmp_path_factory.mktemp("ship") / "run"
    changes = {"epochs": 1, "batch": 64, "data_options": {"extra_negatives": 0}}
    api.train_command(recipe="faces-wake", run_dir=folder, overrides=changes, quiet=True)
    assert cli.main(["convert", "--run", str(folder)]) == 0
    return folder


@pytest.mark.slow
def test_shipped_folder_holds_the_truth_and_lces_answers(run: Path, tmp_path: Path) -> None:
    from convert.oracle import Oracle
    from kit.demo import album
    from kit.models import find
    from train.ship import ship

    content = (run / "model.tflite").read_bytes()
    out = tmp_path / "models" / "tiny"
    (out / "pictures").mkdir(parents=True)
    (out / "pictures" / "0000-stale.png").write_bytes(b"old")
    shipped = ship(run, content, out)
    assert shipped["model_sha256"] in (out / "model_card.md").read_text()
    assert (out / "labels.txt").read_text().split() == ["no_face", "face"]
    assert not list(out.parent.glob(".*")), "temporary folders are left"

    found = album.read(find(str(out / "model.tflite")))
    assert len(found.entries) == 40
    assert sum(entry.label for entry in found.entries) == 20
    oracle = Oracle(content)
    right = 0
    for entry in found.entries:
        assert entry.path.stem.endswith(("-no_face", "-face")[entry.label])
        pixels = np.asarray(Image.open(entry.path)).reshape(1, 32, 32, 1)
        logits = oracle.predict({"image": pixels})["logits"]
        assert np.asarray(logits, "<f4").tobytes().hex() == entry.recorded
        right += int(logits.argmax()) == entry.label
    assert shipped["lce_accuracy"] == right / 40


def test_a_run_that_may_not_be_shipped_is_refused(run: Path, tmp_path: Path) -> None:
    from train.ship import ship

    content = (run / "model.tflite").read_bytes()
    for field, value, word in (
        ("finished", False, "not finished"),
        ("size_bits", 1_000_001, "too large"),
        ("dataset_hash", "0" * 64, "has changed"),
    ):
        copy = tmp_path / field
        shutil.copytree(run, copy)
        metrics = json.loads((copy / "metrics.json").read_text())
        (copy / "metrics.json").write_text(json.dumps({**metrics, field: value}))
        with pytest.raises(DataError, match=word):
            ship(copy, content, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_of_another_run_are_told_apart(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights, or a flatbuffer, that fit the network and are not what its figures are of."""
    from convert.metadata import with_metadata
    from kit import cli
    from kit.verbs.ship import stale
    from train.compare import compare
    from train.runfolder import load_arrays, save_arrays
    from train.ship import ship

    content = (run / "model.tflite").read_bytes()
    other = with_metadata(content, {"weights_sha256": "0" * 64})
    with pytest.raises(DataError, match="from other weights"):
        ship(run, other, tmp_path / "out")
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    assert not stale(copy / "model.tflite", copy)
    (copy / "model.tflite").write_bytes(other)
    assert stale(copy / "model.tflite", copy), "though it is the newer file"

    arrays = load_arrays(copy / "weights.npz")
    save_arrays(copy / "weights.npz", {name: -value for name, value in arrays.items()})
    for use in (lambda: ship(copy, content, tmp_path / "out"), lambda: compare([copy])):
        with pytest.raises(DataError, match="not those that the run's figures are of"):
            use()
    assert cli.main(["convert", "--run", str(copy)]) == 2
    assert not (tmp_path / "out").exists()
    capsys.readouterr()

    metrics = json.loads((copy / "metrics.json").read_text())
    del metrics["weights_sha256"]
    (copy / "metrics.json").write_text(json.dumps(metrics))
    compare([copy])
    assert "an older record" in capsys.readouterr().err


def test_pictures_are_chosen_by_label_alone_and_evenly() -> None:
    from train.ship import chosen

    labels = (np.arange(2000) & 1).astype(np.int64)
    picked = chosen(labels, 40)
    assert len(set(picked)) == 40
    assert labels[picked].sum() == 20
    assert picked[0] < 100 < 1800 < picked[-1]
    assert len(chosen(np.array([0, 0, 0, 1]), 8)) == 4


@pytest.mark.slow
def test_int8_after_training_answers_as_the_float_network(tiny_recipe: Any) -> None:
    from train.backend import seed_everything
    from train.compare import LiteModel, macs, quantize
    from train.evaluate import predict, reestimate_batch_norm
    from train.models import float_twin

    seed_everything(3)
    model = float_twin(tiny_recipe.net)
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (24, 16, 16, 1)).astype(np.uint8)
    images[::2] //= 6
    reestimate_batch_norm(model, images)
    wanted = predict(model, images)
    got = LiteModel(quantize(model, images))(images)
    assert np.abs(got - wanted).max() < 0.2 * np.abs(wanted).max()
    assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.95
    # 8x8 positions of 32 and 64 filters, then 4x4 of 64 in two groups and 32, then the head
    filters = 64 * (9 * 32 + 9 * 32 * 64) + 16 * (9 * 32 * 64 + 64 * 32)
    assert macs(model) == filters + 2 * 16 * 32


def test_runs_on_different_data_are_not_compared(run: Path, tmp_path: Path) -> None:
    from train.compare import compare

    other = tmp_path / "other"
    shutil.copytree(run, other)
    metrics = json.loads((other / "metrics.json").read_text())
    (other / "metrics.json").write_text(json.dumps({**metrics, "dataset_hash": "f" * 64}))
    with pytest.raises(DataError, match="different data"):
        compare([run, other])


@pytest.mark.parametrize(
    ("name", "fields"),
    [("recipe", {"data": 5}), ("recipe", {"name": None}), ("recipe", {"data_options": []}),
     ("metrics", {"dataset_hash": {"a": 1}}), ("metrics", {"accuracy": "0.9"}),
     ("metrics", {"size_bits": None}), ("metrics", {"data": -1})],
)  # fmt: skip
def test_a_damaged_record_is_told_with_its_field(
    run: Path, tmp_path: Path, name: str, fields: dict[str, Any]
) -> None:
    from train.compare import compare
    from train.distill import from_folder
    from train.ship import ship

    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    (field,) = fields
    for use in (
        lambda: compare([tmp_path / "run"]),
        lambda: from_folder(tmp_path / "run"),
        lambda: ship(tmp_path / "run", b"", tmp_path / "out"),
    ):
        with pytest.raises(DataError, match=f"{name}.json has {field}"):
            use()


FOLDS = {"recipe": "faces-wake", "split": "5-fold cross-validation, stratified", "pictures": 200,
         "accuracies": [0.5, 0.75], "accuracy": 0.625, "seed": 0, "command": "again"}  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "content", "word"),
    [
        ("folds", {"accuracy": 0.5}, "this is no folds.json"),
        ("folds", {**FOLDS, "recipe": "stl10-fold"}, "of another recipe"),
        ("comparison", FOLDS, "this is no comparison.json"),
        ("comparison", {"rows": [], "dataset_hash": "0" * 64}, "of another dataset_hash"),
    ],
)
def test_results_of_other_runs_do_not_come_into_a_card(
    run: Path, tmp_path: Path, flag: str, content: dict[str, Any], word: str
) -> None:
    """It would have told them "beside others, same data"."""
    from train.ship import ship

    path = tmp_path / "further.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=word):
        ship(run, (run / "model.tflite").read_bytes(), tmp_path / "out", **{flag: path})
    assert not (tmp_path / "out").exists()


def test_a_card_calls_folds_what_they_are(run: Path) -> None:
    from train.card import model_card, read_json

    records = read_json(run / "recipe.json"), read_json(run / "metrics.json")
    assert "2-fold cross-validation over all 200 pictures" in model_card(*records, folds=FOLDS)
    folds = {**FOLDS, "split": "test, mean over the 10 predefined training folds"}
    card = model_card(*records, folds={**folds, "pictures": 16_000})
    assert "2 folds of training pictures, each tested on 8,000, training seed 0" in card
    assert "cross-validation" not in card


def test_lost_weights_come_back_as_the_message_says(run: Path, tmp_path: Path) -> None:
    from train import api
    from train.runfolder import load_arrays

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "weights.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=f"kit train --resume {copy}"):
        load_arrays(copy / "weights.npz")
    api.train_command(recipe=None, run_dir=copy, resume=True, quiet=True)
    before, after = (load_arrays(folder / "weights.npz") for folder in (run, copy))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_real_network_is_four_times_its_8_bit_form(
    tmp_path: Path, make_blobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both count every parameter, whatever kernels alone count to; and data without a validation
    split gives ranges from its training pictures."""
    from train import compare, datarecord
    from train.data.dataset import empty_split
    from train.models.backbone import Backbone
    from train.recipes import Recipe

    shape = (16, 16, 1)
    net = Backbone(input_shape=shape, widths=(8,), blocks=(1,), strides=(2,)).twin()
    data = replace(make_blobs(8), val=empty_split(shape))
    model = net.build()
    metrics = {"finished": True, "dataset_hash": data.hash, "epochs": 1, "seed": 0, "pictures": 16,
               "size_bits": net.count().weight_bits, "score": 0.5}  # fmt: skip
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "recipe.json").write_text(json.dumps({"name": "x", "data": "blobs"}))
    recipe = Recipe("x", "blobs", net, epochs=1)
    monkeypatch.setattr(compare.recipes, "get", lambda _: recipe)
    monkeypatch.setattr(datarecord, "load", lambda *_, **__: data)
    monkeypatch.setattr(compare, "restored", lambda *_: model)
    real, eight = compare.compare([tmp_path])["rows"]
    assert real["weight_bytes"] == 4 * eight["weight_bytes"] == 4 * model.count_params()
    assert (tmp_path / "int8.tflite").stat().st_size > eight["weight_bytes"]


def test_further_figures_of_each_dataset() -> None:
    from train.data import load
    from train.data.faces import wedge_free
    from train.figures import further

    def all_faces(images: Any) -> np.ndarray:
        return np.tile(np.array([0, 1], np.float32), (len(images), 1))

    faces = load("faces")
    found = further(faces, all_faces)
    free = wedge_free(faces.test).labels
    assert 15 < free.sum() < len(free) < 40  # nearly every face, and few other crops
    assert found == {
        "wedge_free_accuracy": pytest.approx(free.mean()),
        "wedge_free_pictures": len(free),
    }
    empty = Split(np.zeros((1, 96, 96, 1), np.uint8), np.zeros(1, np.int64), ("x",))
    scenes = Dataset("scenes", ("no_person", "person"), empty, empty, empty, 0, True, "")
    verdicts = further(scenes, all_faces)["real_person_pictures"]
    assert len(verdicts) == 6
    assert set(verdicts.values()) == {"person"}
