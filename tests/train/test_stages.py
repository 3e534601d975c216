"""Stages, schedules, weight decay, clipping, Bop and given first weights do what they say."""

from __future__ import annotations

import math
from dataclasses import replace
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


def test_epochs_are_shared_out_and_settings_inherited(small: Any) -> None:
    from train.recipes.recipe import TWO_STEP, Stage
    from train.stages import phase_of, phases

    found = phases(small.recipe(epochs=5, stages=TWO_STEP, weight_decay=0.5, schedule="linear"))
    assert [(p.first, p.epochs) for p in found] == [(0, 3), (3, 2)]
    assert [(p.activations, p.weights) for p in found] == [("binary", "real"), ("binary", "binary")]
    assert [p.weight_decay for p in found] == [1e-5, 0.0]
    assert {p.schedule for p in found} == {"linear"}
    assert [phase_of(found, epoch).index for epoch in range(6)] == [0, 0, 0, 1, 1, 1]
    uneven = small.recipe(epochs=10, stages=(Stage(share=8.0), Stage(share=0.1), Stage()))
    assert sum(p.epochs for p in phases(uneven)) == 10
    assert min(p.epochs for p in phases(uneven)) == 1


def test_schedules_warm_up_and_end_where_they_say(small: Any) -> None:
    from train.stages import phases

    for schedule, middle, end in (("cosine", 0.5, 0.0), ("linear", 0.5, 0.0), ("constant", 1, 1)):
        recipe = small.recipe(epochs=5, schedule=schedule, learning_rate=2.0)
        (phase,) = phases(recipe)
        rates = [phase.rate(step, 10) for step in range(51)]
        np.testing.assert_allclose(rates[:10], 2.0 * np.arange(1, 11) / 10)
        assert rates[30] == pytest.approx(2.0 * middle)
        assert rates[50] == pytest.approx(2.0 * end)
    for warm in (0.01, 0.25, 0.75, 1.3):
        (phase,) = phases(small.recipe(epochs=5, learning_rate=2.0, warmup_epochs=warm))
        rates = np.array([phase.rate(step, 3) for step in range(15)])
        assert (rates <= 2.0).all(), "a warm-up that ends within a step does not exceed the peak"
        assert rates.argmax() == math.ceil(3 * warm) - 1
    cosine = phases(small.recipe(epochs=5))[0]
    assert cosine.rate(20, 10) == pytest.approx(1e-2 * 0.5 * (1 + math.cos(math.pi / 4)))


def test_impossible_stages_are_refused(small: Any) -> None:
    from train.recipes.recipe import TWO_STEP, Stage
    from train.stages import phases

    for text, changes in (
        ("fewer epochs", {"epochs": 1, "stages": TWO_STEP}),
        ("leave a binary network", {"stages": (Stage(weights="real"),)}),
        ("no such weights of a stage", {"stages": (Stage(weights="soft"),)}),
        ("no such schedule", {"schedule": "step"}),
        ("no such optimizer", {"optimizer": "sgd"}),
        ("share of a stage is out of range", {"stages": (Stage(share=0.0), Stage())}),
    ):
        with pytest.raises(DataError, match=text):
            phases(small.recipe(**changes))


def test_a_stage_changes_forms_and_begins_with_the_weights_before(
    small: Any, tmp_path: Path
) -> None:
    """In the first stage kernels act by their value, in the second by their sign."""
    from train.evaluate import predict
    from train.recipes.recipe import TWO_STEP
    from train.trainer import Trainer

    data = small.dataset()
    trainer = Trainer(small.recipe(stages=TWO_STEP), data, 0)
    kernel = trainer.model.get_layer("bconv1").kernel
    before = trainer.predict(data.val.images)
    assert np.abs(before - predict(trainer.model, data.val.images)).max() > 1e-3
    # a change of one kernel's value that keeps its sign is seen, and is not in the second stage
    changed = kernel.numpy()
    changed[0, 0, 0, 0] *= 3
    kernel.assign(changed)
    assert np.abs(trainer.predict(data.val.images) - before).max() > 0
    row = trainer.run_epoch(0)
    assert row["loss"] > 0
    first = [w.copy() for w in trainer.model.get_weights()]
    assert trainer.optimizers.members[0].iterations.numpy() == 4
    trainer._enter(1, fresh=True)
    for old, new in zip(first, trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert trainer.optimizers.members[0].iterations.numpy() == 0
    np.testing.assert_array_equal(
        trainer.predict(data.val.images), predict(trainer.model, data.val.images)
    )


def test_weight_decay_pulls_kernels_alone(small: Any) -> None:
    """With a rate and a decay so large that the gradient is nothing beside it."""
    from train.trainer import Trainer

    data = small.dataset()

    def sizes(decay: float) -> tuple[float, Any]:
        trainer = Trainer(small.recipe(weight_decay=decay, warmup_epochs=0.0), data, 0)
        for x, y, _ in trainer.batches.of(0):
            trainer.optimizers.set_rate(0, 4)
            trainer.step(x, y)
        kernel = trainer.model.get_layer("bconv2").kernel.numpy()
        return float(np.abs(kernel).mean()), trainer.model.get_layer("glt").latents.numpy()

    (free, latents), (pulled, same) = sizes(0.0), sizes(100.0)
    assert pulled < 0.8 * free
    assert np.abs(latents).max() > 0
    assert np.abs(same).max() > 0.5 * np.abs(latents).max()


def test_latents_reach_the_clip_and_not_beyond(small: Any) -> None:
    from train.optim import binary_kernels
    from train.trainer import Trainer

    for clip in (1.0, 1.25):
        trainer = Trainer(small.recipe(clip=clip, learning_rate=2.0), small.dataset(), 0)
        trainer.run_epoch(0)
        largest = max(float(np.abs(k.numpy()).max()) for k in binary_kernels(trainer.model))
        assert largest == pytest.approx(clip)
        layer = trainer.model.get_layer("bconv1")
        assert layer.kernel_quantizer.clip_value == clip


def test_a_training_that_diverges_ends_with_a_message(small: Any) -> None:
    """A shift of batch norm that is no number stands for what a rate too high does."""
    from convert.errors import DataError
    from train.trainer import Trainer

    trainer = Trainer(small.recipe(), small.dataset(), 0)
    trainer.run_epoch(0)
    trainer.model.get_layer("head_bn").beta.assign([np.nan, 0.0])
    with pytest.raises(DataError, match="diverged") as refused:
        trainer.run_epoch(1)
    assert "epoch 2, step 1" in str(refused.value)


def test_thresholds_that_are_no_numbers_end_the_training(small: Any) -> None:
    """All bits are then -1, and the loss stays a number: nothing else would tell."""
    from convert.errors import DataError
    from train.trainer import Trainer

    trainer = Trainer(small.recipe(), small.dataset(), 0)
    latents = trainer.model.get_layer("glt").latents
    latents.assign(np.full(latents.shape, np.nan, np.float32))
    assert np.isfinite(float(trainer.step(trainer.data.train.images, trainer.data.train.labels)[0]))
    with pytest.raises(DataError, match="weights are no number") as refused:
        trainer.run_epoch(1)
    assert "epoch 2" in str(refused.value)
    assert "glt_latents" in str(refused.value)


def test_bop_flips_signs_and_keeps_no_latents(small: Any, tmp_path: Path) -> None:
    from train.loop import train
    from train.optim import binary_kernels
    from train.runfolder import load_arrays
    from train.trainer import Trainer

    recipe = small.recipe(optimizer="bop", bop_gamma=0.1, bop_threshold=1e-6)
    trainer = Trainer(recipe, small.dataset(), 0)
    kernels = binary_kernels(trainer.model)
    assert len(kernels) == 3
    before = [k.numpy() for k in kernels]
    norm = trainer.model.get_layer("bn1").gamma.numpy()
    trainer.run_epoch(0)
    flips = 0
    for old, kernel in zip(before, kernels, strict=True):
        assert set(np.unique(np.concatenate([old, kernel.numpy()]))) <= {-1.0, 1.0}
        flips += int((old != kernel.numpy()).sum())
    assert 0 < flips
    assert np.abs(trainer.model.get_layer("bn1").gamma.numpy() - norm).max() > 0
    _, whole = train(recipe, small.dataset(), tmp_path / "whole", quiet=True)
    for stop in (1, None):
        _, parts = train(
            recipe, small.dataset(), tmp_path / "parts", quiet=True, resume=True, stop_after=stop
        )
    ours, theirs = (load_arrays(tmp_path / n / "weights.npz") for n in ("whole", "parts"))
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert whole["score"] == parts["score"]


def test_kernels_that_flip_do_not_decay(small: Any) -> None:
    """An L2 term has the sign of the kernel, which is Bop's reason to flip it."""
    from train.optim import binary_kernels
    from train.trainer import Trainer

    recipe = small.recipe(optimizer="bop", bop_gamma=0.1, bop_threshold=1e-6, weight_decay=1e-2)
    trainer = Trainer(recipe, small.dataset(), 0)
    kernels = binary_kernels(trainer.model)
    before = [k.numpy() for k in kernels]
    real = [v for v in trainer.optimizers.variables if v.name.endswith("kernel:0")
            and not any(v is k for k in kernels)]  # fmt: skip
    lengths = [float(np.abs(v).sum()) for v in real]
    trainer.optimizers.set_rate(0, trainer.steps_per_epoch)
    for _ in range(4):
        trainer.optimizers.apply([v * 0.0 for v in trainer.optimizers.variables])
    for old, kernel in zip(before, kernels, strict=True):
        np.testing.assert_array_equal(old, kernel.numpy())
    assert all(float(np.abs(v).sum()) < was for v, was in zip(real, lengths, strict=True))


def test_first_weights_are_taken_from_a_run_or_as_given(small: Any, tmp_path: Path) -> None:
    from train.loop import train
    from train.runfolder import load_arrays
    from train.trainer import Trainer

    model, _ = train(small.recipe(epochs=1), small.dataset(), tmp_path / "first", quiet=True)
    given = [w + 0.0 for w in model.get_weights()]
    still = small.recipe(learning_rate=0.0, epochs=1, init_from=str(tmp_path / "first"))
    train(still, small.dataset(), tmp_path / "second", quiet=True)
    found = load_arrays(tmp_path / "second" / "weights.npz")
    assert any(name for name in found)
    kernels = [i for i, w in enumerate(given) if w.ndim == 4]
    assert kernels
    for i in kernels:
        np.testing.assert_array_equal(found[f"w{i:04d}"], given[i])
    trainer = Trainer(small.recipe(), small.dataset(), 0, initial=given)
    for ours, theirs in zip(trainer.model.get_weights(), given, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(DataError, match="first weights do not fit"):
        Trainer(small.recipe(), small.dataset(), 0, initial=given[:-1])
    with pytest.raises(DataError, match="init_from names no folder"):
        train(
            replace(still, init_from=str(tmp_path / "none")),
            small.dataset(),
            tmp_path / "third",
            quiet=True,
        )
