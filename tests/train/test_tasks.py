"""Tasks: their data, losses and metrics, against hand-computed values and libraries."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError
from train.data import load
from train.data.dataset import Dataset, Split
from train.data.photos_match import apply, homography_of
from train.data.scenes import loader, truth

SCENES = {"size": 64, "n_train": 6, "n_val": 2, "n_test": 2, "processes": 1}


@pytest.fixture(scope="module")
def pairs() -> Dataset:
    return load("photos-match", size=64, n_train=4, n_val=1, n_test=4)


@pytest.fixture(scope="module")
def halves() -> Dataset:
    return load("photos-x2", size=16, n_train=4, n_val=1, n_test=4)


def test_truth_is_cached_apart_and_agrees_with_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    render = importlib.import_module("train.data.scenes.render").render
    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path))
    plain = load("scenes", **SCENES)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    boxes = load("scenes-detect", **SCENES)
    masks = load("scenes-segment", **SCENES)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name in before} == before
    assert len({d.hash for d in (plain, boxes, masks)}) == 3
    assert np.array_equal(plain.train.images, masks.train.images)
    found, _ = truth.load_truth(0, "train", 6, size=64, processes=1)
    for index in range(6):
        scene = render(0, "train", index, size=64)
        assert np.array_equal(masks.train.targets[index, ..., 0], scene.mask)
        assert [tuple(b) for b in found[index] if b[2]] == list(scene.boxes)
    assert masks.train.targets[1::2].any((1, 2, 3)).all()
    assert not masks.train.targets[::2].any()
    cached = next(p for p in tmp_path.glob("truth-train*.npy"))
    cached.write_bytes(cached.read_bytes()[:-1] + b"\xaa")  # damage is noticed, made anew
    assert load("scenes-segment", **SCENES).hash == masks.hash


def test_small_boxes_are_not_sought_and_the_others_come_first() -> None:
    boxes = np.array([[[0, 0, 3, 40], [10, 5, 14, 9], [0, 0, 0, 0]]], np.int16)
    assert truth.sought(boxes).tolist() == [[[10, 5, 14, 9], [0, 0, 0, 0], [0, 0, 0, 0]]]
    assert truth.sought(boxes, 3)[0, 0].tolist() == [0, 0, 3, 40]


def test_targets_are_hashed_only_where_there_are() -> None:
    split = Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64), ("a", "b"))
    data = Dataset("x", ("a",), split, split, split, 0, True, "")
    taught = replace(split, targets=np.zeros((2, 3), np.uint8))
    with_targets = replace(data, test=taught)
    digest = hashlib.sha256()
    for name in ("train", "val", "test"):  # what it was before there were targets
        digest.update(f"{name} (2, 8, 8, 1)".encode() + bytes(128) + bytes(16) + b"a\nb")
    assert data.hash == digest.hexdigest()
    assert with_targets.hash != data.hash
    other = replace(data, test=replace(split, targets=np.ones((2, 3), np.uint8)))
    assert other.hash != with_targets.hash
    assert taught.take([1]).targets.shape == (1, 3)  # type: ignore[union-attr]
    with pytest.raises(DataError, match="a target for each picture"):
        replace(split, targets=np.zeros((1, 3)))


def test_photographs_are_not_shared_between_splits(pairs: Dataset, halves: Dataset) -> None:
    for data in (pairs, halves):
        of = [{n.split("#")[0] for n in split.names} for split in data.splits.values()]
        assert not (of[0] & of[1])
        assert not (of[0] & of[2])
        assert not (of[1] & of[2])
        assert load(data.name, **data.options).hash == data.hash
        assert load(data.name, seed=1, **data.options).hash != data.hash


def test_a_homography_takes_the_first_view_to_the_second(pairs: Dataset) -> None:
    """Pictures agree where the map says, and do not where it is replaced by the identity."""
    corners = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], float)
    goal = np.array([[1, 2], [8, 0], [11, 9], [0, 7]], float)
    np.testing.assert_allclose(apply(homography_of(corners, goal), corners), goal, atol=1e-9)
    y, x = np.mgrid[8:56, 8:56].reshape(2, -1)
    right, wrong = [], []
    for picture, target in zip(pairs.test.images, pairs.test.targets, strict=True):
        for matrix, into in ((target["homography"], right), (np.eye(3), wrong)):
            at = np.rint(apply(matrix, np.stack([x, y], 1).astype(float))).astype(int)
            ok = ((at >= 0) & (at < 64)).all(1)
            here = picture[y[ok], x[ok], 0].astype(float)
            there = target["view"][at[ok, 1], at[ok, 0], 0].astype(float)
            into.append(np.corrcoef(here, there)[0, 1])
    assert np.median(right) > 0.8 > np.median(wrong)


def test_average_precision_by_hand() -> None:
    from train.tasks.average_precision import average_precision, iou, mean_average_precision

    a = np.array([[0.0, 0, 10, 10]])
    assert iou(a, np.array([[5.0, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30]])).tolist() == [
        [pytest.approx(1 / 3), 1.0, 0.0]
    ]
    none = np.zeros((0, 4))
    truth_boxes = [a, a, none]
    good, bad = a, np.array([[50.0, 50, 60, 60]])
    found = [(good, np.array([0.9])), (bad, np.array([0.8])), (none, np.zeros(0))]
    # one of two found, before the false one: precision 1 to recall 0.5, that is 51 of 101 recalls
    assert average_precision(found, truth_boxes, 0.5) == pytest.approx(51 / 101)
    found[1] = (np.concatenate([bad, good]), np.array([0.95, 0.8]))
    # false, true, true: precisions 0, 1/2, 2/3; the envelope is 2/3 at all recalls
    assert average_precision(found, truth_boxes, 0.5) == pytest.approx(2 / 3)
    twice = [(np.concatenate([a, a]), np.array([0.9, 0.8]))]
    assert average_precision(twice, [a], 0.5) == pytest.approx(1.0)
    assert average_precision(twice[::-1], [np.concatenate([a, bad])], 0.5) == pytest.approx(
        51 / 101
    )
    close = [(np.array([[0.0, 0, 10, 8]]), np.array([1.0]))]  # IoU 0.8: right at 7 of 10 thresholds
    told = mean_average_precision(close, [a])
    assert told == {"mAP": pytest.approx(0.7), "AP50": 1.0, "AP75": 1.0}
    assert np.isnan(average_precision([(good, np.array([1.0]))], [none], 0.5))


@pytest.mark.keras
def test_boxes_survive_the_maps_and_back() -> None:
    """What the loss asks for decodes to the boxes, and has the least loss."""
    from train.backend import tf
    from train.data.dataset import Split
    from train.tasks.detection import Detection, _mirror, decode

    task = Detection(stride=4)
    boxes = np.zeros((2, 3, 4), np.int16)
    boxes[0, 0], boxes[0, 1] = (3, 5, 20, 41), (40, 30, 61, 63)
    heat, values, at = (v.numpy() for v in task.maps(tf.constant(boxes), 16, 16))
    output = np.zeros((2, 16, 16, 5), np.float32)
    output[..., 0] = -12
    for n, k in ((0, 0), (0, 1)):
        y, x = divmod(int(at[n, k]), 16)
        assert heat[n, y, x] == 1.0
        output[n, y, x] = (12, *values[n, k])
    assert heat[1].max() == 0
    assert (at[1] == -1).all()
    found, scores = decode(output[0], (64, 64))
    assert scores.min() > 0.99
    np.testing.assert_allclose(sorted(found.tolist()), boxes[0, :2], atol=1e-4)
    best = float(task.loss(tf.constant(boxes), tf.constant(output)))
    worse = output.copy()
    worse[0, :, :, 1] += 0.5
    assert best < 0.05 < float(task.loss(tf.constant(boxes), tf.constant(worse)))
    split = Split(np.zeros((2, 64, 64, 1), np.uint8), np.zeros(2, np.int64), ("a", "b"), boxes)
    assert task.score(split, lambda images: output)["mAP"] == pytest.approx(1.0)
    assert task.score(split, lambda images: worse)["mAP"] < 0.5
    turned = _mirror(boxes, 64)
    assert turned[0, 0].tolist() == [44, 5, 61, 41]
    assert not turned[1].any()


def test_mean_intersection_over_union_is_sklearns() -> None:
    from sklearn.metrics import jaccard_score

    from train.tasks.segmentation import confusion, intersection_over_union

    rng = np.random.default_rng(0)
    said, true = rng.random((3, 9, 9)) < 0.4, rng.random((3, 9, 9)) < 0.3
    each = intersection_over_union(confusion(said, true))
    wanted = jaccard_score(true.ravel(), said.ravel(), average=None)
    np.testing.assert_allclose(each, wanted)
    assert intersection_over_union(confusion(true, true)).tolist() == [1.0, 1.0]
    assert not np.allclose(each, intersection_over_union(confusion(~said, true)))
    nowhere = intersection_over_union(confusion(0 * said, 0 * true))
    assert nowhere[0] == 1.0
    assert np.isnan(nowhere[1])


def test_psnr_ssim_and_bicubic_are_the_libraries(halves: Dataset) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    from train.tasks.superresolution import SuperResolution, enlarged, psnr, quality

    large = halves.test.targets
    assert large is not None
    plain = enlarged(halves.test.images)
    mine = psnr(plain[0], large[0])
    assert mine == pytest.approx(peak_signal_noise_ratio(large[0], plain[0], data_range=255))
    assert quality(large, large) == (float("inf"), pytest.approx(1.0))
    told = SuperResolution().score(halves.test, lambda images: plain.astype(np.float32))
    assert told["PSNR"] == told["bicubic_PSNR"]
    assert told["SSIM"] == told["bicubic_SSIM"] < 1
    nearest = halves.test.images.repeat(2, 1).repeat(2, 2)
    assert SuperResolution().score(halves.test, lambda i: nearest)["PSNR"] < told["PSNR"]


def _cells(heat: np.ndarray[Any, Any], descriptors: np.ndarray[Any, Any]) -> Any:
    """An output [h, w, D + 17] with full trust."""
    h, w, _ = descriptors.shape
    parts = heat.reshape(h, 4, w, 4).transpose(0, 2, 1, 3).reshape(h, w, 16)
    return np.concatenate([descriptors, np.full((h, w, 1), 9.0), parts], axis=2)


def test_what_is_shown_of_pairs_are_both_views(pairs: Dataset) -> None:
    """Batch norm's statistics and the int8 ranges come from what the network is shown."""
    from train import recipes
    from train.batches import Batches

    recipe = recipes.get("tasks-match")
    shown = Batches(recipe, pairs, seed=0).typical(3)
    views = pairs.train.targets["view"]
    assert shown.shape[0] == 6
    assert np.array_equal(shown[0::2], pairs.train.images[:3])
    assert np.array_equal(shown[1::2], views[:3])


def test_matching_accuracy_by_hand() -> None:
    from train.tasks.match_accuracy import Points, accuracy, keypoints, mutual, spread

    eye = np.eye(4)
    first = Points(np.array([[10.0, 10], [20, 20], [30, 30], [40, 40]]), eye)
    assert accuracy(first, first, np.eye(3)).tolist() == [1.0] * 10
    off = np.array([[0, 0], [3, 4], [0, 2.5], [30, 0]])  # 0, 5, 2.5 and 30 pixels
    moved = Points(first.at + off, eye)
    assert accuracy(first, moved, np.eye(3)).tolist() == [0.25, 0.25, *[0.5] * 2, *[0.75] * 6]
    shift = np.array([[1.0, 0, 3], [0, 1, 4], [0, 0, 1]])
    assert accuracy(first, Points(first.at + off[1], eye), shift)[0] == 1.0
    assert accuracy(Points(first.at[:0], eye[:0]), first, np.eye(3)).tolist() == [0.0] * 10
    # row 1 of a likes row 0 of b best, which likes row 0 of a better: no match
    b = np.array([[1.0, 0.2], [0.0, 0.1]])
    assert mutual(np.array([[1.0, 0.0], [0.6, 0.1]]), b).tolist() == [[0, 0]]
    rng = np.random.default_rng(3)
    heat = rng.normal(-8, 0.1, (64, 64))
    heat[13, 22] = heat[40, 41] = 5.0
    output = _cells(heat, rng.normal(0, 1, (16, 16, 8)))
    assert np.array_equal(spread(output[..., 9:]), heat)
    assert keypoints(output, 8).at[:2].tolist() in ([[22, 13], [41, 40]], [[41, 40], [22, 13]])


@pytest.mark.keras
def test_the_matching_loss_knows_right_from_wrong(pairs: Dataset) -> None:
    """Views that are equal with equal answers cost less than with strangers' answers."""
    from train.backend import tf
    from train.recipes import Augment
    from train.tasks.matching import Matching, quantized_precision, warp

    task, rng = Matching(), np.random.default_rng(0)
    images, maps = task.augment(pairs.train.images, pairs.train.targets, Augment(), rng)
    assert np.array_equal(images[0::2], pairs.train.images)
    np.testing.assert_allclose(maps[0] @ maps[1] / (maps[0] @ maps[1])[2, 2], np.eye(3), atol=1e-4)
    points = rng.uniform(0, 63, (5, 2)).astype(np.float32)
    went = warp(tf.constant(points), tf.constant(maps[:1])).numpy()[0]
    np.testing.assert_allclose(went, apply(maps[0], points), rtol=1e-4)
    answers = rng.normal(0, 1, (4, 16, 16, 49)).astype(np.float32)
    same = np.repeat(answers[:2], 2, axis=0)
    here = np.repeat(np.eye(3, dtype=np.float32)[None], 4, axis=0)
    right = float(task.loss(tf.constant(here), tf.constant(same)))
    assert right < float(task.loss(tf.constant(here), tf.constant(answers))) - 0.2
    # one right answer behind two of four wrong ones: precision 1/3, half a bin away from ties
    wrong = tf.constant([[[0.9, 0.8, 0.1, -0.5]]])
    ap = quantized_precision(tf.constant([[0.5]]), wrong, tf.ones((1, 1, 4), bool))
    assert float(ap[0, 0]) == pytest.approx(1 / 3)
    with pytest.raises(DataError, match="do not follow"):
        task.augment(pairs.train.images, pairs.train.targets, Augment(flip=True), rng)


@pytest.mark.keras
def test_super_resolution_refuses_what_it_does_not_do(halves: Dataset) -> None:
    from dataclasses import fields

    from train.recipes import Augment
    from train.tasks.superresolution import SuperResolution

    rng, task = np.random.default_rng(0), SuperResolution()
    small, large = halves.train.images, halves.train.targets
    for field in fields(Augment):
        how = replace(Augment(), **{field.name: True if field.name == "flip" else 1})
        if field.name == "flip":
            assert (task.augment(small, large, how, rng)[0] != small).any()
            continue
        with pytest.raises(DataError, match="mirrors pictures") as caught:
            task.augment(small, large, how, rng)
        assert field.name in str(caught.value)


def test_a_student_follows_its_teacher_s_map() -> None:
    """Descent on each task's distillation leads from noise to the teacher's answer; descent from
    the answer itself stays there. The teacher gets no gradient."""
    from train import recipes
    from train.backend import keras, tf

    rng = np.random.default_rng(11)
    shapes = {"detect": (4, 4, 5), "segment": (6, 6, 1), "upscale": (6, 6, 1), "match": (3, 3, 49)}
    for name, shape in shapes.items():
        task: Any = recipes.get(f"tasks-{name}").task
        teacher = tf.Variable(rng.normal(0, 2, (2, *shape)), dtype=tf.float32)
        noise = rng.normal(0, 2, (2, *shape)).astype(np.float32)
        ends = []
        for start in (teacher.numpy(), noise):
            student, descent = tf.Variable(start), keras.optimizers.Adam(0.05)
            with tf.GradientTape() as tape:
                first = task.distill(teacher, student)
            assert tape.gradient(first, teacher) is None, name
            for _ in range(150):
                with tf.GradientTape() as tape:
                    value = task.distill(teacher, student)
                descent.apply_gradients([(tape.gradient(value, student), student)])
            ends.append((float(first), float(task.distill(teacher, student))))
        (kept, still), (far, near) = ends
        assert far > kept + 0.05, name
        assert still == pytest.approx(kept, abs=0.02), name
        assert near - kept < 0.15 * (far - kept), name


@pytest.mark.keras
def test_bicubic_layer_is_pillows(halves: Dataset) -> None:
    """Equal but for rounding (Pillow rounds twice), away from the border, whose pixels Pillow
    weighs otherwise; through bits the same."""
    from train.backend import tf
    from train.tasks.superresolution import enlarged
    from train.tasks.upsample import LEVELS, Bicubic, bytes_through_bits

    x = halves.test.images
    wanted = enlarged(x).astype(np.float32)
    got = Bicubic()(tf.constant(x, tf.float32)).numpy()
    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert np.abs(np.clip(got, 0, 255) - wanted)[inner].max() <= 1.5
    convolved = Bicubic(convolve=True)(tf.constant(x, tf.float32)).numpy()
    np.testing.assert_allclose(convolved, got, atol=1e-3)
    bits = bytes_through_bits(tf.constant(x, tf.float32))
    assert np.array_equal(bits.numpy(), 2.0 * x - 255)
    np.testing.assert_allclose(Bicubic(0.5, LEVELS / 2)(bits).numpy(), got, atol=1e-3)


def test_the_cache_folder_is_the_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITWAKE_DATA", str(tmp_path))
    truth.load_truth(0, "val", 2, size=64, processes=1)
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".npy", ".sha256"]
    assert loader.SAID > 2
