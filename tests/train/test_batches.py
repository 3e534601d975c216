"""Batches: augmentation touches the training split alone; threads change nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def small() -> Any:
    from tests.train import small

    return small


def everything() -> Any:
    from train.recipes import Augment

    how = Augment(
        flip=True, shift=2, rotate=9, zoom=0.1, gain=0.5, noise=5, wedge=0.5, gamma=0.7, tint=0.3
    )
    assert all(getattr(how, f.name) for f in fields(how)), "a new augmentation is missing here"
    return how


def test_validation_and_test_pictures_are_never_augmented(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every picture that a whole training hands to augmentation is one of the training split, and
    what is scored is the other splits' very bytes."""
    from train.augment import augment
    from train.loop import train

    data = small.dataset()
    ours = {image.tobytes() for image in data.train.images}
    assert not ours & {i.tobytes() for s in (data.val, data.test) for i in s.images}
    seen: list[bytes] = []

    def spying(images: Any, how: Any, rng: Any) -> Any:
        seen.extend(image.tobytes() for image in images)
        changed = augment(images, how, rng)
        assert (changed != images).any()
        return changed

    scored: list[bytes] = []

    class Spy(type(small.recipe().task)):  # type: ignore[misc]
        def score(self, split: Any, predict: Any) -> Any:
            scored.append(split.images.tobytes())
            return super().score(split, predict)

    monkeypatch.setattr("train.batches.augment", spying)
    before = {name: split.images.tobytes() for name, split in data.splits.items()}
    train(small.recipe(augment=everything(), task=Spy()), data, tmp_path, quiet=True)
    assert len(seen) == 2 * len(data.train)
    assert set(seen) <= ours
    assert set(scored) == {before["val"], before["test"]}
    assert {name: split.images.tobytes() for name, split in data.splits.items()} == before


def test_each_augmentation_changes_pictures_and_repeats(small: Any) -> None:
    from train.augment import augment
    from train.recipes import Augment

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 12, 12, 3)).astype(np.uint8)
    every = everything()
    for field in fields(Augment):
        how = replace(Augment(), **{field.name: getattr(every, field.name)})
        one, two, three = (augment(pictures, how, np.random.default_rng(k)) for k in (1, 1, 2))
        np.testing.assert_array_equal(one, two)
        assert one.shape == pictures.shape
        assert one.dtype == np.uint8
        assert (one != pictures).any(), field.name
        assert (one != three).any(), field.name


@pytest.mark.parametrize("side", [11, 12])
def test_what_comes_from_outside_repeats_the_edge(side: int) -> None:
    """However far a picture is made smaller and turned."""
    from train.augment import augment
    from train.recipes import Augment

    white = np.full((64, side, side + 4, 1), 200, np.uint8)
    for how in (Augment(zoom=0.9), Augment(zoom=0.5, rotate=180), Augment(zoom=0.9, rotate=180)):
        np.testing.assert_array_equal(augment(white, how, np.random.default_rng(0)), white)


def test_gamma_keeps_black_and_white_and_the_order_between() -> None:
    from train.augment import augment
    from train.recipes import Augment

    ramp = np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), (8, 1, 1, 1))
    out = augment(ramp, Augment(gamma=1.0), np.random.default_rng(0)).reshape(8, 256).astype(int)
    assert (out[:, 0] == 0).all()
    assert (out[:, 255] == 255).all()
    assert (np.diff(out, axis=1) >= 0).all()
    middle = 255 * (128 / 255) ** np.array([2.0, 0.5])
    assert middle[0] - 1 <= out[:, 128].min() < out[:, 128].max() <= middle[1] + 1


def test_an_epoch_begun_in_the_middle_has_the_same_bytes(small: Any) -> None:
    from train.batches import Batches

    made = Batches(small.recipe(augment=everything(), balanced=True), small.dataset(), 5)
    whole = list(made.of(3))
    assert len(whole) == made.steps == 4
    for begun in (1, 3):
        rest = list(made.of(3, begun, whole[begun - 1][2]))
        for ours, theirs in zip(rest, whole[begun:], strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])
            assert ours[2] == theirs[2]
    assert (whole[0][0] != next(made.of(4))[0]).any()


def test_prefetching_keeps_order_raises_and_stops() -> None:
    from train.prefetch import prefetched

    assert list(prefetched(iter(range(50)))) == list(range(50))

    def breaks() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    made = prefetched(breaks())
    assert next(made) == 1
    with pytest.raises(KeyError, match="broken"):
        next(made)

    asked: list[int] = []

    def endless() -> Iterator[int]:
        for k in range(10**9):
            asked.append(k)
            yield k

    threads = threading.active_count()
    ahead = prefetched(endless(), ahead=3)
    assert next(ahead) == 0
    deadline = time.monotonic() + 10
    while len(asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 4 <= len(asked) <= 6, "made ahead, and no more than asked for"
    ahead.close()
    assert threading.active_count() == threads


def test_the_step_alone_is_timed_and_leaves_no_trace(small: Any) -> None:
    from train.trainer import Trainer

    trainer = Trainer(small.recipe(), small.dataset(), 0)
    trainer.run_epoch(0)
    before = trainer.state()
    assert trainer.bare_speed(most=3) > 0
    after = trainer.state()
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


def test_the_speed_of_the_step_alone_is_reported_and_changes_no_number(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train import loop
    from train.runfolder import load_arrays

    found = {}
    for name, steps in (("timed", 1), ("plain", 10**9)):
        monkeypatch.setattr(loop, "WORTH_TIMING", steps)
        recipe = small.recipe(epochs=1)
        _, found[name] = loop.train(recipe, small.dataset(), tmp_path / name, quiet=True)
    assert found["timed"]["bare_images_per_s"] > 0
    assert found["timed"]["images_per_s"] > 0
    assert "bare_images_per_s" not in found["plain"]
    text = (tmp_path / "timed" / "log.txt").read_text()
    assert "the step alone: " in text
    assert "of the step alone)" in text
    ours, theirs = (load_arrays(tmp_path / name / "weights.npz") for name in found)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
