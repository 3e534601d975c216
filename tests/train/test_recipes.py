"""Every recipe runs; what a person may change and what is refused; cards tell the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
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


FOLDER = Path(__file__).resolve().parents[2] / "train" / "recipes"
# of a recipe, what its smoke test replaces or what changes no computation
REPLACED = ("name", "source", "data", "data_options", "seed", "epochs", "batch", "evaluate_every")
FAMILIES = sorted(p.stem for p in FOLDER.glob("*.py") if "RECIPES = " in p.read_text("utf-8"))


def mocked(recipe: Any, model: Any) -> Dataset:
    """Two pictures of noise as the network takes them; two real ones where targets are needed."""
    from train import api

    if recipe.task.name == "classification":
        made = two_examples("mocked", model.input_shape[1:])
        return replace(made, label_names=tuple(map(str, range(model.output_shape[-1]))))
    few = {name: 2 for name in recipe.data_options if name.startswith("n_")}
    data = api.load_data(recipe, **few)
    split = data.train.take([0, 1])
    return replace(data, train=split, val=split, test=split)


@pytest.fixture
def eager() -> Iterator[None]:
    """Steps that run once are not worth tracing."""
    from train.backend import tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_recipe_trains_an_epoch_on_two_examples(
    family: str, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch of each stage; an untrained network in the teacher's place. Recipes that differ in
    name and pictures alone are one training."""
    import importlib

    from train import api, recipes, trainer
    from train.distill import as_teacher
    from train.evaluate import build_model

    trained, failed = set(), []
    for recipe in importlib.import_module(f"train.recipes.{family}").RECIPES:
        record = {k: v for k, v in recipe.as_dict().items() if k not in REPLACED}
        key = json.dumps(record, sort_keys=True)
        if key in trained or recipes.get(recipe.name) is not recipe:
            continue
        trained.add(key)
        short = api.changed(recipe, {"epochs": max(1, len(recipe.stages)), "batch": 2})
        try:
            teacher = None
            if recipe.teacher:
                teacher = as_teacher(build_model(recipes.get(recipe.teacher)))
            model = build_model(recipe)
            data = mocked(recipe, model)
            before = [w.copy() for w in model.get_weights()]
            with monkeypatch.context() as patch:  # building takes longer than a step
                patch.setattr(trainer, "build_model", lambda _, built=model: built)
                run = trainer.Trainer(short, data, 0, teacher=teacher)
            rows = [run.run_epoch(epoch) for epoch in range(short.epochs)]
            scores = short.task.score(data.test, run.predict)
            assert all(np.isfinite(row["loss"]) for row in rows), rows
            assert next(iter(scores)) == short.task.metric
            moved = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
            assert any(moved), "nothing moved"
        except Exception as error:
            failed.append(f"{recipe.name}: {error!r}")
    assert not failed, "\n".join(failed)
    assert trained


def test_every_recipe_states_a_source_and_rivals_see_the_same_pictures() -> None:
    from train import recipes

    assert len(recipes.names()) >= len(FAMILIES) >= 3
    assert [n for n in recipes.names() if not recipes.get(n).source] == []
    wake, rival = recipes.get("scenes-wake"), recipes.get("scenes-mobilenet")
    assert (wake.augment, wake.data, wake.data_options) == (
        rival.augment,
        rival.data,
        rival.data_options,
    )


def test_modules_are_found_in_order_and_doubled_names_refused() -> None:
    from types import ModuleType

    from tests.train import small
    from train import recipes

    assert recipes.modules() == sorted(recipes.modules())
    assert {f"train.recipes.{family}" for family in FAMILIES} <= set(recipes.modules())
    one, two, none = ModuleType("one"), ModuleType("two"), ModuleType("none")
    one.RECIPES = (small.recipe(name="b"), small.recipe(name="a"))  # type: ignore[attr-defined]
    two.RECIPES = (small.recipe(name="a"),)  # type: ignore[attr-defined]
    assert list(recipes.collect([none, one])) == ["b", "a"]
    with pytest.raises(DataError, match="same name") as caught:
        recipes.collect([one, none, two])
    assert "one and two" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("from train.recipes.scenes_wake import WAKE\nRECIPES = (WAKE.nett,)", ", line 2"),
        ("RECIPES = (\n", ", line 1"),
        ("RECIPES = 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_of_recipes_that_cannot_be_run_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, word: str
) -> None:
    """And not as a mistake of the kit: recipes are what people write."""
    from train import recipes

    (tmp_path / "mine_of_the_test.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError, match="mine_of_the_test") as caught:
        recipes.loaded("mine_of_the_test")
    assert word in str(caught.value)


def test_recipes_are_a_tuple_of_recipes_with_names_of_folders() -> None:
    from types import SimpleNamespace

    from train import recipes

    known = recipes.get("faces-wake")
    for listed in (known, ("mine",), (replace(known, name="a/../b"),), (replace(known, name=""),)):
        module: Any = SimpleNamespace(__name__="mine", RECIPES=listed)
        with pytest.raises(DataError, match="a tuple of recipes"):
            recipes.collect([module])


@pytest.mark.parametrize(
    "fields",
    [{"epochs": "3"}, {"epochs": None}, {"smoothing": "x"}, {"augment": {"flip": True}}, {"net": 5},
     {"stages": (5,)}, {"stages": 5}, {"data_options": []}, {"balanced": 1}, {"teacher": None}],
)  # fmt: skip
def test_fields_of_another_type_in_a_recipe_file_are_refused(fields: dict[str, Any]) -> None:
    from train import recipes
    from train.recipes.check import check

    check(recipes.get("faces-wake"))
    with pytest.raises(DataError, match="recipe faces-wake"):
        check(replace(recipes.get("faces-wake"), **fields))


def test_a_record_without_newer_fields_is_the_same_run(tmp_path: Path) -> None:
    """Fields that a record lacks had their default; the control sets another value."""
    from tests.train import small
    from train.loop import train
    from train.recipes.recipe import Augment
    from train.record import changes

    recipe = small.recipe(epochs=2)
    train(recipe, small.dataset(), tmp_path, quiet=True, stop_after=1)
    path = tmp_path / "recipe.json"
    old = json.loads(path.read_text())
    for name in ("stages", "clip", "optimizer", "teacher", "task", "schedule"):
        del old[name]
    del old["augment"]["gamma"], old["net"]["encoder"]
    path.write_text(json.dumps(old))
    for changed, named in (
        ({"clip": 1.25}, "clip"),
        ({"augment": Augment(flip=True, shift=1, noise=4.0, gamma=0.5)}, "augment.gamma"),
        ({"net": replace(small.NET, encoder="linear")}, "net.encoder"),
    ):
        with pytest.raises(DataError, match="something else") as caught:
            train(replace(recipe, **changed), small.dataset(), tmp_path, quiet=True, resume=True)
        assert named in str(caught.value)
    _, found = train(recipe, small.dataset(), tmp_path, quiet=True, resume=True)
    assert found["finished"] is True
    assert changes({"a": 1}, {"a": 1, "b": 2}, {}) == []


def test_parts_of_a_network_without_newer_fields_had_their_defaults() -> None:
    from train import recipes
    from train.record import changes

    recipe = recipes.get("tasks-match-int8")  # its backbone pools, which is not the default
    old = json.loads(json.dumps(recipe.as_dict()))
    assert changes(old, json.loads(json.dumps(recipe.as_dict())), recipe.defaults()) == []
    for name in ("pool", "planes", "window"):
        del old["net"]["backbone"][name]
    now = json.loads(json.dumps(recipe.as_dict()))
    assert changes(old, now, recipe.defaults()) == ["net.backbone.pool", "net.backbone.window"]


def test_networks_survive_their_record() -> None:
    from convert.errors import ModelError
    from train import recipes
    from train.netrecord import net_record, recorded_net

    for name in recipes.names():
        recipe = recipes.get(name)
        record = json.loads(json.dumps({"name": name, "net": net_record(recipe.net)}))
        assert recorded_net(record) == recipe.net, name
    for net in (3, {"kind": "os.path"}, {"kind": "train.models.binary.nothing"}, {"layers": ["x"]}):
        with pytest.raises(ModelError, match="cannot be built again"):
            recorded_net({"name": "x", "net": net})


def test_seeds_are_aggregated_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import statistics

    from tests.train import small
    from train import api, recipes
    from train.seeds import aggregate, seeds_command, summary

    recipe = small.recipe(epochs=1)
    monkeypatch.setattr(recipes, "_all", lambda: {recipe.name: recipe})
    monkeypatch.setattr(api, "load_data", lambda *_: small.dataset())
    asked: dict[str, Any] = {"recipe": recipe.name, "run_dir": tmp_path, "quiet": True}
    short = seeds_command(**asked, seeds=2, overrides={"epochs": 2}, stop_after=1)
    assert short["finished"] is False
    assert "score" not in short
    found = seeds_command(**asked, seeds=2, overrides={"epochs": 2})
    stamps = [(tmp_path / f"seed{k}" / "weights.npz").stat().st_mtime_ns for k in (0, 1)]
    (tmp_path / "seed1" / "model_card.md").unlink()  # as a kill in front of it leaves the folder
    assert seeds_command(**asked, seeds=2, overrides={"epochs": 2}) == found
    assert [(tmp_path / f"seed{k}" / "weights.npz").stat().st_mtime_ns for k in (0, 1)] == stamps
    written = json.loads((tmp_path / "seeds.json").read_text())
    each = [json.loads((tmp_path / f"seed{k}" / "metrics.json").read_text()) for k in (0, 1)]
    assert written["seeds"] == [row["seed"] for row in each] == [0, 1]
    values = [row["accuracy"] for row in each]
    assert written["score"]["values"] == values
    assert written["score"]["mean"] == pytest.approx(statistics.fmean(values))
    assert written["score"]["deviation"] == pytest.approx(statistics.stdev(values))
    assert written["command"].endswith("--seeds 2")
    assert (tmp_path / "seed1" / "model_card.md").exists()
    with pytest.raises(DataError, match="something else"):
        seeds_command(**asked, seeds=2, overrides={"epochs": 3})
    with pytest.raises(DataError, match="at least one"):
        seeds_command(**asked, seeds=0)
    with pytest.raises(DataError, match="seed of a recipe is out of range"):
        seeds_command(**{**asked, "run_dir": tmp_path / "x"}, seed=2**32 - 2, seeds=3)
    assert not (tmp_path / "x").exists()
    each[1]["score"] = math.nan
    monkeypatch.setattr("train.record.finished", lambda at, *_: each[int(at.name[-1])])
    with pytest.raises(DataError, match="not a number for every seed"):
        seeds_command(**asked, seeds=2, overrides={"epochs": 2})
    assert summary([1.0, 2.0, 4.0])["deviation"] == pytest.approx(1.5275252)
    assert summary([1.0])["deviation"] is None
    assert aggregate([{"a": 1, "b": "x", "c": True}, {"a": 2, "d": 4}]).keys() == {"a"}


@pytest.mark.parametrize(
    ("recipe", "changes", "told"),
    [
        ("encoders-glt", {"temperature": 3.0}, "no teacher"),
        ("encoders-glt", {"label_weight": 1}, "no teacher"),
        ("scenes-wake", {"teacher": "", "label_weight": 2}, "no teacher"),
        ("tasks-detect-taught", {"temperature": 9.0}, "without one"),
        ("tasks-upscale", {"smoothing": 0.5}, "no classes"),
        ("encoders-glt", {"bop_gamma": 0.9}, "Adam"),
        ("encoders-glt", {"optimizer": "bop", "clip": 0.5}, "±1"),
    ],
)
def test_fields_that_would_do_nothing_are_refused(
    recipe: str, changes: dict[str, Any], told: str
) -> None:
    from train import api

    with pytest.raises(DataError) as caught:
        api.prepared(recipe, None, None, changes)
    assert told in str(caught.value)
    if "clip" not in changes:  # a run that an older version began goes on
        api.prepared(recipe, None, None, changes, changes)


def test_what_a_recipe_itself_has_may_fall_idle() -> None:
    """Without its teacher, scenes-wake learns from labels; nobody asked for a label_weight."""
    from train import api

    chosen, _ = api.prepared("scenes-wake", None, None, {"teacher": "", "temperature": 1.0})
    assert not chosen.teacher


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
        ("task", "x"),
        ("stages", {}),
        ("stages", [{"shares": 1}]),
        ("augment", {"flipp": True}),
        ("augment", 3),
        ("augment", {"flip": "yes"}),
        ("augment", {"shift": 1.5}),
        ("stages", [{"share": "all"}]),
        ("stages", [{"learning_rate": [1]}]),
    ):
        with pytest.raises(DataError):
            api.changed(recipe, {field: value})
    assert api.changed(recipe, {"stages": [{"share": 2, "gradual": None}]}).stages[0].share == 2.0


def test_values_out_of_range_are_refused_before_any_picture_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the command line asks; what is in range comes as far as the data. So is another run."""
    from train import api

    class ReachedDataError(Exception):
        pass

    def load(*_: Any, **__: Any) -> None:
        raise ReachedDataError

    monkeypatch.setattr(api, "load_data", load)

    def asked(**overrides: Any) -> None:
        api.train_command(recipe="faces-wake", run_dir=tmp_path, overrides=overrides, quiet=True)

    for field, values in {
        "epochs": (0, -2),
        "batch": (0,),
        "learning_rate": (-1.0, float("nan"), float("inf")),
        "warmup_epochs": (-1,),
        "gradual": (1.5,),
        "evaluate_every": (0,),
        "clip": (0,),
        "temperature": (0,),
        "seed": (-1,),
        "schedule": ("cos",),
        "optimizer": ("sgd",),
        "teacher": ("nobody",),
        "augment": ({"zoom": 5}, {"shift": -3}, {"noise": float("nan")}),
        "stages": ([{"share": 0}], [{"weights": "real"}], [{"schedule": "step"}]),
    }.items():
        for value in values:
            with pytest.raises(DataError) as caught:
                asked(**{field: value})
            assert caught.value.found, field
    with pytest.raises(ReachedDataError):
        asked(epochs=1, gradual=1, augment={"zoom": 0.5}, stages=[{"weights": "binary"}])
    with pytest.raises(DataError, match="minutes apart"):
        api.train_command(recipe="faces-wake", run_dir=tmp_path, checkpoint_minutes=-1)
    for left, remedy in (("metrics.json", "delete"), ("checkpoint.npz", "--resume")):
        (tmp_path / left).touch()
        with pytest.raises(DataError, match="a run is there already") as caught:
            asked(epochs=1)
        assert left in caught.value.found
        assert remedy in caught.value.remedy


def test_unknown_recipe_names_the_nearest() -> None:
    from train import api

    with pytest.raises(DataError, match="no such recipe") as caught:
        api.train_command(recipe="face-wake", quiet=True)
    assert "did you mean faces-wake" in str(caught.value)


def test_folds_are_for_faces_only(tmp_path: Path) -> None:
    from train import api

    with pytest.raises(DataError, match="no folds"):
        api.folds_command(recipe="scenes-wake", run_dir=tmp_path)


def test_a_fold_says_which_it_is_and_is_trained_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.train import small
    from train import folds

    recipe = small.recipe(epochs=1)
    monkeypatch.setattr(folds, "FOLDED", {recipe.data: (2, "two folds")})

    def load(asked: Any) -> Dataset:
        return small.dataset(32 + 8 * asked.data_options["fold"])

    record = {"changed": {"epochs": 1, "data_options": {"a": 1}}}
    found = folds.cross_validation(recipe, record, tmp_path, load, quiet=True)
    asked = json.loads((tmp_path / "fold1" / "recipe.json").read_text())
    assert asked["data_options"] == {"fold": 1}
    assert asked["changed"] == {"epochs": 1, "data_options": {"a": 1, "fold": 1}}
    assert "fold" not in found["command"].removesuffix("--folds")
    assert (tmp_path / "fold1" / "model_card.md").exists()
    stamp = (tmp_path / "fold1" / "weights.npz").stat().st_mtime_ns
    assert folds.cross_validation(recipe, record, tmp_path, load, quiet=True) == found
    assert (tmp_path / "fold1" / "weights.npz").stat().st_mtime_ns == stamp


def test_settings_of_one_field_are_joined_or_refused() -> None:
    from convert.errors import BitWakeError
    from kit.verbs.train import overrides

    assert overrides(['augment={"flip": true}', 'augment={"shift": 2}', "epochs=3"]) == {
        "augment": {"flip": True, "shift": 2},
        "epochs": 3,
    }
    for pair in (["epochs=3", "epochs=4"], ["augment=3", 'augment={"shift": 2}']):
        with pytest.raises(BitWakeError, match="two values"):
            overrides(pair)


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
    assert cli.main(["train", "--resume", str(folder), "--data", "scenes"]) == 2
    assert "another data" in capsys.readouterr().err
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


def test_products_are_not_called_binary_where_none_is(tmp_path: Path) -> None:
    from tests.train import small
    from train.card import write_card
    from train.loop import train
    from train.models.backbone import Backbone

    net = Backbone("bineal", small.SHAPE, widths=(8,), blocks=(1,), strides=(1,)).twin()
    train(small.recipe(net=net, epochs=1), small.dataset(8), tmp_path, quiet=True)
    for text in ((tmp_path / "log.txt").read_text(), write_card(tmp_path).read_text()):
        assert "MACs" in text or "| multiply-accumulates |" in text
        assert "binary" not in text
