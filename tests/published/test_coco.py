"""Annotations: read as a stream in little memory, and refused when they are not COCO's."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.errors import DataError
from tests.published.files import write_coco
from train.data import coco, jsonstream

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    st.lists(values, max_size=5), st.lists(values, max_size=3), values,
    st.sampled_from([None, 1]), st.integers(1, 9),
)  # fmt: skip
def test_any_window_yields_what_json_load_does(
    tmp_path_factory: pytest.TempPathFactory,
    wanted: list[Any],
    skipped: list[Any],
    other: Any,
    indent: int | None,
    block: int,
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    content = {"info": other, "skip": skipped, "wanted": wanted, "last": 12.5}
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=block % 2 == 0), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonstream, "BLOCK", block)  # every seam inside every kind of token
        assert list(jsonstream.elements(path, ("wanted",))) == [("wanted", v) for v in wanted]


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    text = json.dumps({"info": {"a": 1}, "images": [{"id": 1, "name": "é"}, {"id": 22}], "n": 3})
    path = tmp_path / "a.json"
    for cut in range(len(text)):
        path.write_text(text[:cut])
        with pytest.raises(DataError):
            list(jsonstream.elements(path, ("images",)))


@pytest.mark.parametrize(
    "text",
    ["[]", "{} ", '{"images": {}}', '{"images" [1]}', '{"images": [1 2]}', "\xff", "null",
     '{"images": [1]} {"images": [2]}', '{[1]: 2, "images": [1]}', '{"images": ' + "[" * 99_999,
     '{"images": [1], "info": ' + '{"a":' * 99_999, '{"images": [1], "images": [2]}',
     '{"images": [' + "9" * 9_999 + "]}"],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        list(jsonstream.elements(path, ("images",)))
    assert caught.value.remedy


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonstream, "BLOCK", 1 << 14)
    polygon = [round(0.37 * k, 2) for k in range(60)]
    each = {"segmentation": [polygon], "area": 1.5, "iscrowd": 0, "image_id": 1,
            "bbox": [0, 0, 2, 2], "category_id": 1}  # fmt: skip
    whole = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 10, "width": 10}],
        "annotations": [{**each, "id": k} for k in range(2_000)],
        "categories": [{"id": 1, "name": "person"}],
    }
    path = tmp_path / "annotations" / "instances_train2014.json"
    path.parent.mkdir()
    path.write_text(json.dumps(whole))
    assert path.stat().st_size > 1e6
    tracemalloc.start()
    found = sum(1 for _ in jsonstream.elements(path, ("annotations",)))
    streamed = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    tracemalloc.start()
    kept = json.loads(path.read_text())
    loaded = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == len(kept["annotations"]) == 2_000
    assert streamed < 300_000  # blocks of the file and a buffer of Python's
    assert loaded > 4 * path.stat().st_size  # what json.load takes


def change(path: Path, member: str, at: int, **values: Any) -> None:
    whole = json.loads(path.read_text())
    whole[member][at].update(values)
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("member", "values", "word"),
    [
        ("images", {"file_name": "../../etc/passwd"}, "plain file name"),
        ("images", {"file_name": "a\\b.jpg"}, "plain file name"),
        ("images", {"height": 0}, "without extent"),
        ("images", {"height": 10**10}, "65,535 pixels"),
        ("images", {"id": "x"}, "images"),
        ("images", {"id": 12.5}, "no whole number"),
        ("images", {"id": 16}, "a second picture 16"),
        ("images", {"file_name": "COCO_train2014_000000000016.jpg"}, "two pictures"),
        ("annotations", {"iscrowd": "0"}, "iscrowd '0'"),
        ("annotations", {"image_id": 9.7}, "no whole number"),
        ("images", {"id": 2**70}, "64 bits"),
        ("annotations", {"image_id": 5, "category_id": 1}, "not listed"),
        ("annotations", {"image_id": 10**9, "category_id": 1}, "not listed"),
        ("annotations", {"bbox": [1, 2]}, "annotations"),
        ("annotations", {"area": None}, "annotations"),
        ("annotations", {"area": float("nan"), "category_id": 1}, "no number"),
        ("annotations", {"area": -40.5, "category_id": 1}, "from 0 on"),
        ("annotations", {"bbox": [1.5, 2, -60, -50], "category_id": 1}, "from 0 on"),
        ("categories", {"name": "people"}, "no category"),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, member: str, values: dict[str, Any], word: str
) -> None:
    write_coco(tmp_path)
    change(tmp_path / coco.annotation_file("train2014"), member, 0, **values)
    with pytest.raises(DataError, match="not COCO's") as caught:
        coco.read(tmp_path, {})
    assert word in str(caught.value)


def test_a_second_person_and_a_file_without_annotations_are_refused(tmp_path: Path) -> None:
    """Either would leave nearly every picture without a person, and train all the same."""
    write_coco(tmp_path)
    path = tmp_path / coco.annotation_file("val2014")
    whole = json.loads(path.read_text())
    twice = [*whole["categories"], {"id": 77, "name": "person"}]
    for fields, word in (({"categories": twice}, "second category"), ({"annotations": []}, "no a")):
        path.write_text(json.dumps({**whole, **fields}))
        with pytest.raises(DataError, match="not COCO's") as caught:
            coco.read(tmp_path, {})
        assert word in str(caught.value)


def test_a_picture_in_both_parts_is_refused(tmp_path: Path) -> None:
    write_coco(tmp_path)
    path = tmp_path / coco.annotation_file("val2014")
    whole = json.loads(path.read_text())
    number = whole["images"][0]["id"]
    text = path.read_text().replace(str(number), "9")
    path.write_text(text)
    with pytest.raises(DataError, match="twice"):
        coco.read(tmp_path, {})


def test_the_order_depends_on_the_ids_alone() -> None:
    import numpy as np

    ids = np.array([5, 9, 123456, 7], np.int64)
    order = ids[coco.shuffled(ids)]
    assert list(order) == list(ids[::-1][coco.shuffled(ids[::-1])])
    assert sorted(order) == sorted(ids)
