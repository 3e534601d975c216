"""Faces: splits that share nothing, folds that cover everything, wedges that are found."""

from __future__ import annotations

import numpy as np
import pytest

from convert.errors import DataError
from train.data import faces, load


def test_fixed_split_keeps_forty_aside_and_shares_nothing() -> None:
    data = load("faces", seed=0, extra_negatives=7)
    assert [len(s) for s in data.splits.values()] == [140 + 7, 20, 40]
    assert data.test.labels.sum() == 20
    names = [set(s.names) for s in data.splits.values()]
    assert sum(map(len, names)) == len(set.union(*names))
    assert data.hash == load("faces", seed=0, extra_negatives=7).hash
    assert data.hash != load("faces", seed=1, extra_negatives=7).hash


def test_folds_test_every_picture_once() -> None:
    tested: list[str] = []
    for fold in range(faces.FOLDS):
        data = load("faces", fold=fold)
        assert not set(data.test.names) & set(data.train.names)
        assert data.test.labels.sum() == len(data.test) // 2
        tested += data.test.names
    assert sorted(tested) == sorted(f"lfw{i:03d}" for i in range(200))


def test_wedges_are_found_where_a_person_sees_them() -> None:
    data = load("faces", size=25, fold=0)
    both = [data.train, data.test]
    images = np.concatenate([s.images for s in both])
    labels = np.concatenate([s.labels for s in both])
    wedge = faces.wedge_mask(images)
    assert wedge[labels == 1].sum() <= 3
    assert wedge[labels == 0].mean() > 0.5
    flat = np.full((1, 25, 25, 1), 90, np.uint8)
    cut = flat.copy()
    cut[0, :6] = 0
    assert list(faces.wedge_mask(np.concatenate([flat, cut]))) == [False, True]


def test_extra_negatives_show_no_wedge() -> None:
    crops = faces.photo_negatives(60, 32, np.random.default_rng(0))
    # blacks of a photograph may reach the border; a wedge in most of them would be a mistake
    assert faces.wedge_mask(crops).mean() < 0.2
    assert len({crop.tobytes() for crop in crops}) == 60


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("face", {}, "faces"),
        ("faces", {"fold": 5}, "folds"),
        ("faces", {"channels": 3}, "gray"),
        ("faces", {"sizes": 32}, "option"),
    ],
)
def test_bad_requests_say_what_there_is(name: str, options: dict[str, int], word: str) -> None:
    with pytest.raises(DataError) as caught:
        load(name, **options)
    assert word in str(caught.value)
