"""Visual Wake Words: two definitions that disagree, from COCO's own files, built once."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convert.errors import DataError
from tests.published.files import CASES, MINIVAL_LABEL, MLPERF_LABEL, write_coco
from train.data import coco, load, vww
from train.data.dataset import Dataset
from train.data.manifest import MANIFEST


def labelled(data: Dataset, cases: dict[str, str]) -> dict[str, set[int]]:
    """Case -> the labels that its pictures have."""
    found: dict[str, set[int]] = {}
    for split in data.splits.values():
        for name, label in zip(split.names, split.labels, strict=True):
            found.setdefault(cases[name], set()).add(int(label))
    return found


def test_the_definitions_disagree_on_the_same_annotations(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = write_coco(place / "coco")
    minival, mlperf = load("vww"), load("vww", definition="mlperf")
    assert labelled(minival, cases) == {case: {label} for case, label in MINIVAL_LABEL.items()}
    assert labelled(mlperf, cases) == {case: {label} for case, label in MLPERF_LABEL.items()}
    assert (minival.name, mlperf.name) == ("vww-minival-manifest", "vww-mlperf-manifest")
    assert mlperf.options["small_people"] == 6 * 3
    assert "NOT the published files" in capsys.readouterr().err
    assert "NOT the published files" in minival.note


def test_minival_is_the_test_split_and_nothing_is_lost(place: Path) -> None:
    cases = write_coco(place / "coco")
    data = load("vww", val_share=0.2)
    ids = {int(line) for line in (place / "coco" / vww.MINIVAL_FILE).read_text().split()}
    assert {int(name[-12:]) for name in data.test.names} == ids
    names = [name for split in data.splits.values() for name in split.names]
    assert sorted(names) == sorted(cases)
    assert len(data.val) == round(0.2 * (len(cases) - len(ids)))
    everything = load("vww", val_share=0)
    assert len(everything.val) == 0
    assert set(everything.train.names) == set(data.train.names) | set(data.val.names)


def test_mlperf_tests_on_both_classes_alike(place: Path) -> None:
    write_coco(place / "coco", repeats=20)
    data = load("vww", definition="mlperf")
    assert list(np.bincount(data.test.labels)) == [4, 4]  # a tenth of the smaller class
    names = [name for split in data.splits.values() for name in split.names]
    assert len(set(names)) == len(names) == 22 * len(MLPERF_LABEL)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_those_of_the_picture_of_that_name(place: Path, channels: int) -> None:
    write_coco(place / "coco")
    data = load("vww", size=24, channels=channels)
    for at in (0, 3, len(data.train) - 1):
        name = data.train.names[at]
        path = place / "coco" / name.split("_")[1] / f"{name}.jpg"
        with Image.open(path) as picture:
            wanted = picture.convert("L" if channels == 1 else "RGB").resize(
                (24, 24), Image.Resampling.BILINEAR
            )
        got = data.train.images[at]
        assert np.array_equal(got[..., 0] if channels == 1 else got, np.asarray(wanted))


def test_the_pictures_may_go_when_the_cache_is_built(place: Path) -> None:
    write_coco(place / "coco")
    before = load("vww", definition="mlperf")
    manifest = (place / "coco" / MANIFEST).read_bytes()
    shutil.rmtree(place / "coco")
    (place / "coco").mkdir()
    (place / "coco" / MANIFEST).write_bytes(manifest)
    after = load("vww", definition="mlperf")
    assert after.hash == before.hash
    assert isinstance(after.train.images, np.memmap)
    with pytest.raises(DataError, match="missing"):
        load("vww", definition="minival")


def test_any_of_the_files_may_go_when_the_cache_is_built_and_another_is_noticed(
    place: Path,
) -> None:
    """The list of minival pictures is small and stays; the annotations are what takes room."""
    write_coco(place / "coco")
    before, where = load("vww", size=8), place / "coco"
    shutil.rmtree(where / "val2014")
    for part in ("train2014", "val2014"):
        (where / f"annotations/instances_{part}.json").unlink()
        assert load("vww", size=8).hash == before.hash
    (where / vww.MINIVAL_FILE).write_text("100000\n")
    with pytest.raises(DataError, match="missing"):
        load("vww", size=8)


def test_a_cache_of_unchecked_files_serves_their_own_folder_alone(
    place: Path, tmp_path: Path
) -> None:
    """A mistyped folder would have been given the pictures of another one in silence."""
    write_coco(place / "coco")
    shutil.move(place / "coco", tmp_path / "mine")
    before = load("vww", size=8, verify=False, folder=str(tmp_path / "mine"))
    with pytest.raises(DataError, match="missing"):
        load("vww", size=8, verify=False, folder=str(tmp_path / "nine"))
    shutil.rmtree(tmp_path / "mine")
    after = load("vww", size=8, verify=False, folder=str(tmp_path / "mine"))
    assert after.hash == before.hash


@pytest.mark.parametrize("damage", ["flipped", "shortened", "impossible"])
def test_damaged_labels_of_the_cache_are_made_again(
    place: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    write_coco(place / "coco")
    before = load("vww", size=8)
    (cached,) = place.glob("vww-minival*/set.json")
    record = json.loads(cached.read_text())
    record["labels"] = {
        "flipped": [1 - record["labels"][0], *record["labels"][1:]],
        "shortened": record["labels"][:-3],
        "impossible": [7, *record["labels"][1:]],
    }[damage]
    cached.write_text(json.dumps(record))
    capsys.readouterr()
    assert load("vww", size=8).hash == before.hash
    assert "labels in the cache are damaged" in capsys.readouterr().err
    load("vww", size=8)
    assert "labels in the cache" not in capsys.readouterr().err


def test_changed_annotations_are_noticed(place: Path) -> None:
    write_coco(place / "coco")
    assert load("vww").test.labels.sum() > 0
    path = place / "coco" / coco.annotation_file("val2014")
    whole = json.loads(path.read_text())
    whole["annotations"] = [each for each in whole["annotations"] if each["category_id"] != 1]
    path.write_text(json.dumps(whole))
    assert load("vww").test.labels.sum() == 0


def test_unreadable_pictures_are_told_and_left_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = write_coco(place / "coco")
    victims = sorted((place / "coco" / "train2014").iterdir())[:4]
    victims[0].write_bytes(victims[0].read_bytes()[:400])  # truncated
    victims[1].write_bytes(b"")
    victims[2].write_text("<html>404</html>")
    Image.new("RGB", (50, 50)).save(victims[3])  # another picture than annotated
    data = load("vww", channels=1, size=32)
    told = capsys.readouterr().err
    names = {name for split in data.splits.values() for name in split.names}
    for victim in victims:
        assert victim.name in told
        assert victim.stem not in names
    assert len(names) == len(cases) - 4
    assert data.options["unreadable"] == 4
    assert "4 unreadable" in data.note
    assert labelled(data, cases) == {case: {label} for case, label in MINIVAL_LABEL.items()}


def test_no_decoder_of_pillow_ends_the_builder(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What damaged files bring TIFF's, DDS' and other decoders to raise, whatever a file's name."""
    errors = iter([struct.error("short"), TypeError("no tag"), NotImplementedError("flags 16")])
    write_coco(place / "coco")
    real = vww.load_picture

    def load_picture(*args: Any) -> Any:
        for error in errors:
            raise error
        return real(*args)

    monkeypatch.setattr(vww, "load_picture", load_picture)
    assert load("vww", size=32).options["unreadable"] == 3
    told = capsys.readouterr().err
    assert [word for word in ("short", "no tag", "flags 16") if word not in told] == []


def test_many_unreadable_pictures_are_refused(place: Path) -> None:
    write_coco(place / "coco")
    for victim in sorted((place / "coco" / "train2014").iterdir())[:11]:
        victim.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match="too many pictures"):
        load("vww", size=32)


def test_a_refused_folder_leaves_its_pixels_to_no_other_labels(place: Path, tmp_path: Path) -> None:
    """Two folders with a manifest share a cache, where the second one's build may end early."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    write_coco(mine)
    write_coco(other, repeats=5)
    for victim in sorted((other / "train2014").iterdir())[:11]:
        victim.write_bytes(b"\xff\xd8\xff\xe0")
    before = load("vww", size=8, folder=str(mine))
    with pytest.raises(DataError, match="too many pictures"):
        load("vww", size=8, folder=str(other))
    assert load("vww", size=8, folder=str(mine)).hash == before.hash


def test_missing_files_are_named(place: Path) -> None:
    write_coco(place / "coco")
    gone = sorted((place / "coco" / "val2014").iterdir())[0]
    os.unlink(gone)
    with pytest.raises(DataError, match="pictures are missing") as caught:
        load("vww")
    assert gone.name in str(caught.value)
    (place / "coco" / vww.MINIVAL_FILE).unlink()
    with pytest.raises(DataError, match="missing") as caught:
        load("vww")
    assert vww.MINIVAL_FILE in str(caught.value)
    (place / "coco" / MANIFEST).unlink()
    (place / "coco" / vww.MINIVAL_FILE).write_text("100000\n")
    with pytest.raises(DataError, match="not COCO's") as caught:
        load("vww")
    assert "28 pictures, not 82,783" in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "word"),
    [("100000\n100000\n", "twice"), ("100000\nx\n", "'x'"), ("100000\n", "1 ids, not 7")],
)
def test_wrong_minival_lists_are_refused(place: Path, ids: str, word: str) -> None:
    write_coco(place / "coco")
    (place / "coco" / vww.MINIVAL_FILE).write_text(ids)
    with pytest.raises(DataError, match="minival") as caught:
        load("vww")
    assert word in str(caught.value)


def test_minival_ids_must_be_annotated(place: Path) -> None:
    write_coco(place / "coco")
    (place / "coco" / vww.MINIVAL_FILE).write_text("\n".join(map(str, range(1, 8))))
    with pytest.raises(DataError, match="do not have"):
        load("vww")


def test_minival_ids_must_be_of_val2014(place: Path) -> None:
    write_coco(place / "coco")
    ids = (place / "coco" / vww.MINIVAL_FILE).read_text().split()
    trained = json.loads((place / "coco/annotations/instances_train2014.json").read_text())
    ids[3] = str(trained["images"][2]["id"])
    (place / "coco" / vww.MINIVAL_FILE).write_text("\n".join(ids))
    with pytest.raises(DataError, match="not of val2014") as caught:
        load("vww")
    assert trained["images"][2]["file_name"] in caught.value.found


def test_bad_options_say_what_is_possible(place: Path) -> None:
    for options in ({"definition": "coco"}, {"channels": 4}, {"size": 2}, {"val_share": 0.9}):
        with pytest.raises(DataError, match="cannot be made so"):
            load("vww", **options)
    assert set(CASES) == set(MINIVAL_LABEL)
