"""The loop: it learns, resumes to the same numbers, and survives a full disk."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError
from train import runfolder
from train.data.dataset import Dataset

pytestmark = pytest.mark.keras
TIMES = {"seconds", "images_per_s", "train_seconds", "commit"}  # what two runs need not share


def weights(folder: Path) -> dict[str, np.ndarray]:
    return runfolder.load_arrays(folder / "weights.npz")


def metrics(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "metrics.json").read_text())
    return {k: v for k, v in found.items() if k not in TIMES}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture(scope="module")
def unbroken(
    tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> Path:
    """The run folder of tiny_recipe, trained without a stop."""
    from train.loop import train

    folder = tmp_path_factory.mktemp("unbroken") / "run"
    train(tiny_recipe, make_blobs(), folder, quiet=True)
    return folder


def test_it_learns_and_writes_what_the_run_folder_promises(unbroken: Path) -> None:
    found = metrics(unbroken)
    assert found["finished"] is True
    assert found["accuracy"] >= 0.9
    assert np.sum(found["confusion"]) == found["pictures"] == 16
    assert found["size_bits"] == 4 * 9 * 32 + 9 * 32 * 64 + 9 * 32 * 64 + 64 * 32 + 2 * 16 * 32
    assert found["synthetic"] is True
    assert found["labels"] == ["none", "square"]
    for name in ("recipe.json", "curves.csv", "log.txt", "checkpoint.npz", "weights.npz"):
        assert (unbroken / name).stat().st_size > 0
    assert list((unbroken / "tensorboard").glob("events.*"))
    rows = (unbroken / "curves.csv").read_text().splitlines()
    assert len(rows) == 1 + 3
    assert rows[0].startswith("epoch,")


def test_resumed_run_equals_the_unbroken_one(
    unbroken: Path, tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.loop import train

    folder = tmp_path / "run"
    for stop in (1, 2, None):
        train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True, stop_after=stop)
    assert_same(weights(folder), weights(unbroken))
    assert metrics(folder) == metrics(unbroken)


def test_another_seed_gives_other_weights(
    unbroken: Path, tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    """The control of the test above."""
    from train.loop import train

    train(replace(tiny_recipe, seed=1), make_blobs(), tmp_path / "run", quiet=True)
    ours, theirs = weights(tmp_path / "run"), weights(unbroken)
    assert any(not np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_run_is_neither_overwritten_nor_resumed_as_another(
    unbroken: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.loop import train

    with pytest.raises(DataError, match="there already"):
        train(tiny_recipe, make_blobs(), unbroken, quiet=True)
    with pytest.raises(DataError) as caught:
        train(replace(tiny_recipe, epochs=4), make_blobs(), unbroken, resume=True, quiet=True)
    assert "epochs" in str(caught.value)
    with pytest.raises(DataError) as caught:
        train(tiny_recipe, make_blobs(48), unbroken, resume=True, quiet=True)
    assert "dataset_hash" in str(caught.value)


def test_a_checkpoint_of_another_run_is_refused(
    unbroken: Path, tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    """It fits the network: the other's weights would have been told under this run's seed."""
    from train.loop import train

    here = tmp_path / "run"
    train(replace(tiny_recipe, seed=1), make_blobs(), here, quiet=True, stop_after=1)
    shutil.copy(unbroken / "checkpoint.npz", here)
    with pytest.raises(DataError, match=r"seed 0, for .* seed 1"):
        train(replace(tiny_recipe, seed=1), make_blobs(), here, resume=True, quiet=True)
    slower = replace(tiny_recipe, learning_rate=1e-3)
    train(slower, make_blobs(), tmp_path / "slower", quiet=True, stop_after=1)
    shutil.copy(unbroken / "checkpoint.npz", tmp_path / "slower")
    with pytest.raises(DataError, match=r"found: +learning_rate differ"):
        train(slower, make_blobs(), tmp_path / "slower", resume=True, quiet=True)


def test_an_older_checkpoint_goes_on(
    unbroken: Path, tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    """One that does not say whose it is, as checkpoints did not."""
    from train.loop import train

    here = tmp_path / "run"
    train(tiny_recipe, make_blobs(), here, quiet=True, stop_after=1)
    kept = runfolder.load_arrays(here / "checkpoint.npz")
    old = {name: value for name, value in kept.items() if name not in ("run", "asked")}
    runfolder.save_arrays(here / "checkpoint.npz", old)
    train(tiny_recipe, make_blobs(), here, resume=True, quiet=True)
    assert_same(weights(here), weights(unbroken))


def test_what_a_finished_run_says_of_itself_stays(
    unbroken: Path, tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.loop import train

    folder = tmp_path / "run"
    shutil.copytree(unbroken, folder)
    told = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**told, "commit": "then"}))
    train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True)
    assert json.loads((folder / "metrics.json").read_text())["commit"] == "then"
    (folder / "metrics.json").write_text('{"commit": "th')
    with pytest.raises(DataError, match=r"cannot be read[^$]*metrics\.json[^$]*delete it"):
        train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True)
    (folder / "metrics.json").unlink()
    train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True)
    assert metrics(folder) == metrics(unbroken)
    (folder / "checkpoint.npz").unlink()
    with pytest.raises(DataError, match="without a checkpoint"):
        train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True)
    assert_same(weights(folder), weights(unbroken))


def test_one_training_at_a_time_writes_a_folder(
    tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.loop import train

    with (
        runfolder.alone(tmp_path, wait=False),
        pytest.raises(DataError, match="another training writes"),
    ):
        train(tiny_recipe, make_blobs(), tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be used"):
        train(tiny_recipe, make_blobs(), tmp_path / "file", quiet=True)


def test_two_trainings_at_once_take_two_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were begun without --run; and a run that has lost its checkpoint is a run too."""
    from tests.train import small
    from train import api

    monkeypatch.setattr(api, "RUNS", tmp_path)
    monkeypatch.setattr(api, "prepared", lambda *_: (small.recipe(epochs=1), {}))
    monkeypatch.setattr(api, "load_data", lambda _: small.dataset())
    (tmp_path / "small").mkdir()
    with runfolder.locked(tmp_path / "small", ""):
        found = api.train_command(recipe="small", quiet=True)
    assert found["run"] == str(tmp_path / "small-2")
    (tmp_path / "small-2" / "checkpoint.npz").unlink()
    assert api.train_command(recipe="small", quiet=True)["run"] == str(tmp_path / "small")
    assert api.train_command(recipe="small", quiet=True)["run"] == str(tmp_path / "small-3")


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(runfolder.fcntl, "flock", flock)
    with runfolder.alone(tmp_path, wait=False):
        assert "no locks on this file system" in capsys.readouterr().err


def test_full_disk_leaves_the_last_checkpoint_whole(
    unbroken: Path,
    tmp_path: Path,
    tiny_recipe: Any,
    make_blobs: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from train.loop import train

    folder = tmp_path / "run"
    flushed = os.fsync
    room = {"bytes": 0}
    train(tiny_recipe, make_blobs(), folder, quiet=True, stop_after=1)
    room["bytes"] = 3 * (folder / "checkpoint.npz").stat().st_size // 2  # not two more of them

    def fill(descriptor: int) -> None:
        room["bytes"] -= os.fstat(descriptor).st_size
        if room["bytes"] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flushed(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        with pytest.raises(DataError) as caught:
            train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True)
    text = str(caught.value)
    assert "disk is full" in text
    assert "--resume" in text
    assert len(text.splitlines()) < 10
    left = runfolder.load_arrays(folder / "checkpoint.npz")
    assert len(left["history"]) == 2  # the second epoch's was written, the third's was not
    assert not list(folder.glob(".*")), "half-written files are left"
    assert not (folder / "weights.npz").exists()

    train(tiny_recipe, make_blobs(), folder, resume=True, quiet=True)
    assert_same(weights(folder), weights(unbroken))


def test_damaged_checkpoint_is_said(
    tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.loop import train

    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError) as caught:
        train(tiny_recipe, make_blobs(), tmp_path, resume=True, quiet=True)
    assert "damaged" in str(caught.value)


def test_data_that_does_not_fit_the_network_is_refused(
    tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    """Whatever describes the network: a BinaryNet, another description, a function."""
    from train.loop import train
    from train.models.backbone import Backbone
    from train.models.binary import float_twin

    net = tiny_recipe.net
    forms = (net, Backbone(input_shape=net.input_shape, classes=net.classes),
             lambda: float_twin(net))  # fmt: skip
    other = make_blobs()
    for form in forms:
        recipe = replace(tiny_recipe, net=form, stages=())
        with pytest.raises(DataError, match="takes other pictures") as caught:
            train(recipe, make_blobs(4, (12, 12, 1)), tmp_path, quiet=True)
        assert "(12, 12, 1)" in str(caught.value)
        more = replace(other, label_names=(*other.label_names, "third"))
        with pytest.raises(DataError, match="tells other classes apart") as caught:
            train(recipe, more, tmp_path, quiet=True)
        assert "third" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_built_is_told() -> None:
    from convert.errors import ModelError
    from train.evaluate import build_net
    from train.models.binary import BinaryNet, Conv, Pool, Shuffle

    for layers in ((Conv(32), Shuffle(3)), (Conv(32), Shuffle(0)), (Pool(),) * 5):
        with pytest.raises(ModelError, match="cannot be built"):
            build_net(BinaryNet((16, 16, 1), 2, layers))
    with pytest.raises(ModelError, match="at least 1"):
        Conv(32, groups=0)


def test_balanced_epochs_draw_every_class_equally_often(
    tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.batches import Batches

    data = make_blobs()
    skewed = replace(data, train=data.train.take([*range(0, 64, 2), 1, 3, 5, 7]))
    order = Batches(replace(tiny_recipe, balanced=True), skewed, 0).order(np.random.default_rng(0))
    assert len(order) == 36
    assert np.bincount(skewed.train.labels[order]).tolist() == [18, 18]
    plain = Batches(tiny_recipe, skewed, 0).order(np.random.default_rng(0))
    assert sorted(plain) == list(range(36))


def test_gradual_run_ends_binary_and_resumes_alike(
    tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from train.loop import train
    from train.trainer import Trainer

    recipe = replace(tiny_recipe, gradual=0.5)
    trainer = Trainer(recipe, make_blobs(), 0)
    steps = [trainer.hardness(k) for k in range(3 * trainer.steps_per_epoch)]
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert steps[len(steps) // 2 :] == [1.0] * (len(steps) - len(steps) // 2)
    _, whole = train(recipe, make_blobs(), tmp_path / "whole", quiet=True)
    assert whole["accuracy"] >= 0.9
    for stop in (1, None):
        train(recipe, make_blobs(), tmp_path / "parts", resume=True, quiet=True, stop_after=stop)
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_what_cannot_be_judged_is_refused_before_it_is_trained(
    tmp_path: Path, tiny_recipe: Any, make_blobs: Callable[..., Dataset]
) -> None:
    from tests.train import small
    from train.data.dataset import Split
    from train.loop import train
    from train.tasks.detection import Detection

    whole = small.dataset()
    none = Split(whole.test.images[:0], whole.test.labels[:0], ())
    with pytest.raises(DataError, match="no pictures to judge"):
        train(small.recipe(), replace(whole, val=none, test=none), tmp_path / "a", quiet=True)
    unknown = replace(whole.test, labels=np.full(len(whole.test), -1, np.int64))
    for splits in ({"test": unknown}, {"val": unknown}):
        with pytest.raises(DataError, match=r"accuracy of the (test|val) pictures is not defined"):
            train(small.recipe(), replace(whole, **splits), tmp_path / "a", quiet=True)
    assert not (tmp_path / "a").exists()
    boxes = np.zeros((3, 2, 4), np.float32)
    empty = Split(whole.test.images[:3], whole.test.labels[:3], ("a", "b", "c"), targets=boxes)
    assert Detection().undefined(empty) == "there is no box"
    boxes[2, 0] = (1, 1, 5, 5)
    assert Detection().undefined(replace(empty, targets=boxes)) == ""


def test_a_batch_larger_than_the_split_is_as_large_as_the_split() -> None:
    from tests.train import small
    from train.distribute import Workers
    from train.trainer import Trainer

    data = small.dataset(5)
    large, right = (Trainer(small.recipe(batch=batch), data, 0) for batch in (4096, 5))
    speeds = [trainer.bare_speed(seconds=0.2) for trainer in (large, right)]
    assert speeds[0] < 20 * speeds[1], "not 4096 pictures a step"
    with pytest.raises(DataError, match="5 pictures a batch, 2 workers"):
        Trainer(small.recipe(batch=8), data, 0, workers=Workers(count=2))
