"""Distillation: the loss against its formula, teachers found or trained, labels not needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def small() -> Any:
    from tests.train import small

    return small


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_loss_equals_its_formula(temperature: float) -> None:
    from train.backend import tf
    from train.distill import distributional

    rng = np.random.default_rng(0)
    teacher, student = rng.normal(0, 3, (2, 7, 5)).astype(np.float32)
    wanted = -(softmax(teacher / temperature) * np.log(softmax(student / temperature)))
    with tf.GradientTape() as tape:
        t, s = tf.Variable(teacher), tf.Variable(student)
        value = distributional(t, s, temperature)
    gradients = tape.gradient(value, [t, s])
    assert float(value) == pytest.approx(temperature**2 * wanted.sum(-1).mean(), rel=1e-5)
    assert gradients[0] is None
    difference = softmax(student / temperature) - softmax(teacher / temperature)
    np.testing.assert_allclose(
        gradients[1].numpy(), temperature * difference / len(teacher), atol=1e-6
    )


def test_unknown_labels_are_left_out_of_the_cross_entropy() -> None:
    from train.backend import tf
    from train.tasks.task import Classification

    rng = np.random.default_rng(1)
    logits = tf.constant(rng.normal(0, 2, (6, 3)).astype(np.float32))
    labels = np.array([0, -1, 2, 1, -1, -1])
    task = Classification()
    known = labels >= 0
    whole = float(task.loss(tf.constant(labels), logits))
    part = float(task.loss(tf.constant(labels[known]), tf.constant(logits.numpy()[known])))
    assert whole == pytest.approx(part, rel=1e-6)
    assert float(task.loss(tf.constant([-1] * 6), logits)) == 0.0


def test_a_missing_teacher_is_trained_once_and_pictures_need_no_label(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The student has no label at all of three quarters of its pictures, and learns them."""
    from train import distill, recipes
    from train.loop import train
    from train.models.binary import float_twin
    from train.runfolder import load_arrays

    def twin() -> Any:
        return float_twin(small.NET)

    teacher = small.recipe(name="small-teacher", net=twin, epochs=3)
    known = {**recipes._all(), teacher.name: teacher}
    monkeypatch.setattr(recipes, "_all", lambda: known)
    monkeypatch.setattr(distill, "RUNS", tmp_path)
    data = small.dataset(64)
    labels = data.train.labels.copy()
    labels[16:] = -1
    data = replace(data, train=replace(data.train, labels=labels))
    recipe = small.recipe(teacher=teacher.name, epochs=3)
    _, found = train(recipe, data, tmp_path / "student", quiet=True)
    assert found["teacher"]["recipe"] == teacher.name
    assert found["teacher"]["score"] >= 0.9
    assert found["accuracy"] >= 0.9
    (folder,) = (tmp_path / "teachers").iterdir()
    stamp = (folder / "weights.npz").stat().st_mtime_ns
    for stop in (1, None):
        train(recipe, data, tmp_path / "again", quiet=True, resume=True, stop_after=stop)
    assert (folder / "weights.npz").stat().st_mtime_ns == stamp, "the teacher was trained twice"
    ours, theirs = (load_arrays(tmp_path / n / "weights.npz") for n in ("student", "again"))
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    # a folder is a teacher too; another teacher cannot take over in the middle of a run
    same = distill.resolve(replace(recipe, teacher=str(folder)), data)
    assert same.record == found["teacher"]
    model = float_twin(small.NET)
    with pytest.raises(DataError, match="something else") as caught:
        train(recipe, data, tmp_path / "student", quiet=True, resume=True, teacher=model)
    assert "teacher_sha256" in str(caught.value)


def test_the_label_weight_mixes_both_losses(small: Any) -> None:
    from train.backend import tf
    from train.distill import as_teacher, distributional
    from train.evaluate import build_model
    from train.trainer import Trainer

    data = small.dataset()
    teacher = as_teacher(build_model(small.recipe()))
    recipe = small.recipe(label_weight=0.25, temperature=2.0)
    trainer = Trainer(recipe, data, 0, teacher=teacher)
    x, y = data.train.images[:8], data.train.labels[:8]
    taught = teacher.model(tf.constant(x, tf.float32))
    output = trainer.model(tf.constant(x, tf.float32), training=True)
    wanted = distributional(taught, output, 2.0) + 0.25 * trainer.task.loss(tf.constant(y), output)
    before = [w.copy() for w in teacher.model.get_weights()]
    value, _ = trainer.step(x, y)
    assert float(value) == pytest.approx(float(wanted), rel=1e-5)
    for old, new in zip(before, teacher.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_binary_teacher_answers_in_its_own_form_at_every_stage(small: Any) -> None:
    """A stage with real weights is the student's; the teacher's weights stay bits."""
    from train.backend import tf
    from train.distill import as_teacher, distributional
    from train.evaluate import build_model
    from train.layers.gradual import forms
    from train.recipes.recipe import TWO_STEP
    from train.trainer import Trainer

    data = small.dataset()
    teacher = as_teacher(build_model(small.recipe(net=replace(small.NET, window=2.0))))
    trainer = Trainer(small.recipe(stages=TWO_STEP), data, 0, teacher=teacher)
    x, y = data.train.images[:8], data.train.labels[:8]
    own = teacher.model(tf.constant(x, tf.float32), training=False)
    with forms("binary", "real"):
        other = teacher.model(tf.constant(x, tf.float32), training=False)
        student = trainer.model(tf.constant(x, tf.float32), training=True)
    wanted, wrong = (float(distributional(taught, student)) for taught in (own, other))
    assert wanted != pytest.approx(wrong, rel=1e-2), "negative control"
    assert float(trainer.step(x, y)[0]) == pytest.approx(wanted, rel=1e-5)


@dataclass(frozen=True)
class Gray:
    """A dense task: the mean grey level of each picture, by the sum of the logits."""

    name: str = "gray"
    metric: str = "closeness"

    def loss(self, target: Any, output: Any) -> Any:
        from train.backend import tf

        return tf.reduce_mean(tf.square(tf.reduce_sum(output, -1) - target))

    def score(self, split: Any, predict: Any) -> dict[str, float]:
        off = predict(split.images).sum(-1) - split.images.mean((1, 2, 3)) / 255
        return {"closeness": 1 - float(np.abs(off).mean()), "worst": float(np.abs(off).max())}


@dataclass(frozen=True)
class GrayTaught(Gray):
    def distill(self, teacher: Any, student: Any) -> Any:
        from train.backend import tf

        return tf.reduce_mean(tf.square(teacher - student))


def test_other_tasks_are_scored_and_distilled_by_their_own_functions(
    small: Any, tmp_path: Path
) -> None:
    from train.evaluate import build_model
    from train.loop import train

    data = small.dataset()
    teacher = build_model(small.recipe())
    recipe = small.recipe(epochs=1, task=GrayTaught(), augment=replace(small.recipe().augment))
    with pytest.raises(DataError, match="no targets"):
        train(recipe, data, tmp_path / "a", quiet=True)
    means = data.train.images.mean((1, 2, 3)).astype(np.float32) / 255
    object.__setattr__(data.train, "targets", means)
    with pytest.raises(DataError, match="not their targets") as caught:
        train(recipe, data, tmp_path / "b", quiet=True)
    assert "flip, shift" in str(caught.value)
    recipe = replace(recipe, augment=replace(recipe.augment, flip=False, shift=0))
    _, found = train(recipe, data, tmp_path / "c", quiet=True, teacher=teacher)
    assert (found["task"], found["metric"]) == ("gray", "closeness")
    assert found["score"] == found["closeness"]
    assert {"worst", "val_closeness"} <= found.keys()
    assert not {"accuracy", "confusion", "train_accuracy"} & found.keys()
    with pytest.raises(DataError, match="no loss for distillation"):
        train(replace(recipe, task=Gray()), data, tmp_path / "d", quiet=True, teacher=teacher)


def test_what_is_no_teacher_is_said(small: Any, tmp_path: Path) -> None:
    from train import distill
    from train.loop import train
    from train.models.binary import BinaryNet, Conv, build

    with pytest.raises(DataError, match="neither a run folder nor a recipe"):
        distill.resolve(small.recipe(teacher="nobody"), small.dataset())
    train(small.recipe(), small.dataset(), tmp_path, quiet=True, stop_after=1)
    with pytest.raises(DataError, match="not finished") as caught:
        distill.resolve(small.recipe(teacher=str(tmp_path)), small.dataset())
    assert f"kit train --resume {tmp_path}" in str(caught.value)
    other = build(BinaryNet((8, 8, 1), 2, (Conv(8, stride=4),), classes=3))
    with pytest.raises(DataError, match="other answers"):
        train(small.recipe(), small.dataset(), tmp_path / "x", quiet=True, teacher=other)
    data = small.dataset()
    bare = replace(data, train=replace(data.train, labels=data.train.labels - 1))
    with pytest.raises(DataError, match="with a teacher alone"):
        train(small.recipe(), bare, tmp_path / "y", quiet=True)
