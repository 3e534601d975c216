"""STL-10: the bytes are read in the right order, and nothing else passes for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convert.errors import DataError
from tests.published.files import CLASSES, TEST, TRAIN, UNLABELED, write_manifest, write_stl10
from train.data import load, stl10
from train.data.joined import joined
from train.data.manifest import MANIFEST
from train.data.places import PROJECT, cache_folder, source_folder


def test_pixels_labels_and_names_are_those_of_the_files(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = write_stl10(place / "stl10_binary")
    data = load("stl10")
    np.testing.assert_array_equal(data.train.images, truth["train"])
    np.testing.assert_array_equal(data.test.images, truth["test"])
    assert list(data.train.labels) == [i % CLASSES for i in range(TRAIN)]
    assert data.image_shape == (96, 96, 3)
    assert len(data.val) == 0
    # never silently: on the terminal, in the name and in the note
    assert data.name == "stl10-manifest"
    assert "NOT the published files" in data.note
    assert "NOT the published files" in capsys.readouterr().err


def test_rows_in_the_place_of_columns_are_another_picture(place: Path) -> None:
    """The control of the test above: this format error keeps every length."""
    truth = write_stl10(place / "stl10_binary", column_major=False)
    wrong = load("stl10").train.images
    assert not np.array_equal(wrong, truth["train"])
    np.testing.assert_array_equal(np.asarray(wrong).transpose(0, 2, 1, 3), truth["train"])


def test_without_a_manifest_only_the_published_files_pass(place: Path) -> None:
    folder = place / "stl10_binary"
    write_stl10(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(DataError, match="not the published one") as caught:
        load("stl10")
    assert "138,240,000" in str(caught.value)
    assert load("stl10", verify=False).name == "stl10-unverified"


def test_unlabeled_pictures_follow_the_labelled_ones_and_are_not_copied(place: Path) -> None:
    truth = write_stl10(place / "stl10_binary")
    data = load("stl10", fold=1, unlabeled=True)
    plain = load("stl10", fold=1)
    assert len(data.train) == 10 + UNLABELED
    assert set(data.train.labels[10:]) == {-1}
    assert list(data.train.labels[:10]) == list(plain.train.labels)
    np.testing.assert_array_equal(data.train.images[10:], truth["unlabeled"])
    np.testing.assert_array_equal(data.train.images[:10], plain.train.images)
    assert isinstance(data.train.images.parts[1], np.memmap)
    assert not data.train.images.parts[1].flags.owndata
    assert "6 unlabeled ones" in data.note
    assert data.hash != plain.hash
    gray = load("stl10", unlabeled=True, channels=1).train
    assert gray.images.shape == (TRAIN + UNLABELED, 96, 96, 1)


@pytest.mark.parametrize("sizes", [(5,), (3, 4), (0, 2), (2, 1, 4)])
def test_joined_pictures_are_indexed_as_one_array(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    parts = [rng.integers(0, 256, (n, 2, 3, 1)).astype(np.uint8) for n in sizes]
    one, whole = joined(*parts), np.concatenate(parts)
    n = len(whole)
    assert (one.shape, one.ndim, one.dtype, len(one)) == (whole.shape, 4, whole.dtype, n)
    np.testing.assert_array_equal(np.asarray(one), whole)
    for index in (
        slice(None), slice(1, n - 1), slice(None, None, -2), slice(n, n), 0, -1,
        rng.permutation(n), np.array([0, 0, n - 1, -n]), np.zeros(0, np.int64),
        whole[:, 0, 0, 0] > 99,
    ):  # fmt: skip
        np.testing.assert_array_equal(one[index], whole[index])
    for index in (n, -n - 1, np.array([0, n]), np.ones(n + 1, bool)):
        with pytest.raises(IndexError):
            one[index]


def test_gray_and_other_sizes_are_pillows(place: Path) -> None:
    truth = write_stl10(place / "stl10_binary")["test"]
    gray = load("stl10", channels=1).test.images
    assert np.array_equal(gray[3, ..., 0], np.asarray(Image.fromarray(truth[3]).convert("L")))
    small = load("stl10", size=32).test.images
    wanted = Image.fromarray(truth[3]).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(small[3], np.asarray(wanted))


def test_folds_train_on_their_pictures_and_test_on_all(place: Path) -> None:
    write_stl10(place / "stl10_binary")
    data = load("stl10", fold=3)
    assert data.train.names[:2] == ("train0003", "train0005")
    assert (len(data.train), len(data.test)) == (10, TEST)
    assert "fold 3 of 10" in data.note
    assert data.name == "stl10-fold3-manifest"
    assert "all 20" in load("stl10").note
    for fold in (-1, 10):
        with pytest.raises(DataError, match="10 folds"):
            load("stl10", fold=fold)


def test_validation_takes_every_class_alike_from_training(place: Path) -> None:
    write_stl10(place / "stl10_binary")
    data = load("stl10", n_val=10, seed=2)
    assert sorted(data.val.labels) == list(range(10))
    assert not set(data.val.names) & set(data.train.names)
    assert len(data.train) + len(data.val) == TRAIN
    assert "all 20 training pictures, 10 of them for validation" in data.note
    assert data.val.names == load("stl10", n_val=10, seed=2).val.names
    assert data.val.names != load("stl10", n_val=10, seed=3).val.names
    for bad in (5, 20, 30):
        with pytest.raises(DataError, match="kept aside"):
            load("stl10", n_val=bad)


def index_of(numbers: str) -> str:
    """fold_indices.txt whose fifth fold is `numbers`."""
    good = " ".join(map(str, range(10)))
    return "\n".join([good] * 4 + [numbers] + [good] * 5) + "\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (index_of("0 1 2 3 4 5 6 7 8 20"), "index 20"),
        (index_of("0 1 2 3 4 5 6 7 8 -1"), "-1"),
        (index_of("0 1 2 3 4 5 6 7 8 8"), "twice"),
        (index_of("0 1 2 3 4 5 6 7 8"), "9 indices"),
        (index_of("0 1 2 3 4 5 6 7 8 x"), "'x'"),
        (index_of("0 1 2 3 4 5 6 7 8 99999999999999999999"), "large"),
        ("0 1 2 3 4 5 6 7 8 9\n", "1 lines"),
        ("", "0 lines"),
    ],
)
def test_wrong_folds_are_refused(place: Path, text: str, word: str) -> None:
    write_stl10(place / "stl10_binary")
    (place / "stl10_binary" / "fold_indices.txt").write_text(text)
    with pytest.raises(DataError, match="folds are not") as caught:
        load("stl10", fold=0)
    assert word in str(caught.value)
    assert "delete this file" in caught.value.remedy


def test_indices_above_a_byte_are_kept(tmp_path: Path) -> None:
    """Parsed as bytes, 4999 would be 135."""
    path = tmp_path / "fold_indices.txt"
    path.write_text("4999 256 0\n")
    assert list(stl10.folds(path, 5000, stl10.Manifest("unverified"))[0]) == [4999, 256, 0]


def test_damage_is_named(place: Path) -> None:
    folder = place / "stl10_binary"
    write_stl10(folder)
    counts = json.loads((folder / MANIFEST).read_text())["counts"]
    whole = (folder / "train_X.bin").read_bytes()

    def refused(match: str, **options: object) -> str:
        with pytest.raises(DataError, match=match) as caught:
            load("stl10", **options)
        assert "kit data stl10" in caught.value.remedy
        return str(caught.value)

    (folder / "train_X.bin").write_bytes(bytes([whole[0] ^ 1]) + whole[1:])  # one bit
    assert "md5" in refused("not the published")
    (folder / "train_X.bin").write_bytes(whole[:-1])  # truncated
    assert "552,959 bytes, not 552,960" in refused("not the published")
    assert "wrong length" in refused("wrong length", verify=False)
    (folder / "train_X.bin").write_bytes(whole[: -stl10.PICTURE])
    write_manifest(folder, counts)  # checksums right, one picture short
    assert "20 times" in refused("wrong length")
    (folder / "train_X.bin").write_bytes(whole)
    (folder / "test_y.bin").write_bytes(bytes([1, 2, 0, 4, 5, 6, 7, 8, 9, 10]))
    write_manifest(folder, counts)
    assert "outside 1..10, the first is 0" in refused("labels")
    (folder / "test_y.bin").write_bytes(bytes([1, 2, 3]))
    write_manifest(folder, counts)
    assert "3 labels for 10 pictures" in refused("labels")
    (folder / "test_y.bin").unlink()
    refused("missing")


def test_a_manifest_holds_for_the_folds_where_they_are_read(place: Path) -> None:
    folder = place / "stl10_binary"
    write_stl10(folder)
    content = json.loads((folder / MANIFEST).read_text())
    content["files"]["fold_indices.txt"] = {"md5": "0" * 32}
    (folder / MANIFEST).write_text(json.dumps(content))
    load("stl10")
    with pytest.raises(DataError, match="not the published one"):
        load("stl10", fold=0)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"files": {"train_X.bin": {"sha1": "x"}}}',
        '{"files": {"train_X.bin": {"md5": "xyz"}}}',
        '{"counts": {"train": -1}}',
        '{"counts": {"train": "many"}}',
        '{"counts": {"train": 20.5}}',
        # a slip of the pen would switch a check off in silence
        '{"cuonts": {"train": 21}}',
        '{"counts": {"trian": 21}}',
        '{"files": {"trainX.bin": {"bytes": 1}}}',
        '{"files": {"train_X.bin": {"bytes": true}}}',
        '{"files": [1]}',
        "[" * 99_999,
    ],
)
def test_a_damaged_manifest_is_no_free_pass(place: Path, text: str) -> None:
    write_stl10(place / "stl10_binary")
    (place / "stl10_binary" / MANIFEST).write_text(text)
    with pytest.raises(DataError, match="manifest cannot be read") as caught:
        load("stl10")
    assert '"unlabeled": N' in caught.value.remedy


def test_folders_of_nobody_are_refused_and_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(DataError, match="unknown user"):
        load("stl10", folder="~nobody-of-that-name/x")
    monkeypatch.setenv("BITWAKE_DATA", "")
    assert source_folder("stl10_binary") == PROJECT / "data" / "stl10_binary"
    assert cache_folder() == PROJECT / "data" / "cache"


def test_bad_options_say_what_is_possible(place: Path) -> None:
    write_stl10(place / "stl10_binary")
    for options in ({"channels": 2}, {"size": 4}, {"n_val": -10}):
        with pytest.raises(DataError, match="cannot be made so"):
            load("stl10", **options)
    with pytest.raises(DataError, match="has no name"):  # and not the folder one is in
        load("stl10", folder=" ")
