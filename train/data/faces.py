"""`faces`: 100 face crops and 100 other crops of the LFW photographs that scikit-image bundles.

Real camera pictures, 25x25, gray. The other crops were cut from rotated pictures, so that most of
them show black wedges where the cut left the photograph: a wedge gives the class away. Hence
`extra_negatives` (crops without wedges, for training) and `wedge_free` (for an honest second
figure beside the plain one).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from convert.errors import DataError, DependencyError
from train.data import photos
from train.data.dataset import Dataset, Labels, Pixels, Split

LABELS = ("no_face", "face")
PER_CLASS = 100
TEST_PER_CLASS = 20
VAL_PER_CLASS = 10
FOLDS = 5
SIZE = 25


def _subset() -> tuple[Pixels, Labels]:
    """uint8 [200, 25, 25] and labels; scikit-image stores faces first."""
    try:
        from skimage.data import lfw_subset
    except ImportError as error:
        raise DependencyError(
            "faces needs scikit-image, which bundles the pictures",
            found=str(error),
            remedy="make train installs it, or: pip install -r requirements-full.lock",
        ) from None
    crops = np.asarray(lfw_subset(), dtype=np.float64)
    if crops.shape != (2 * PER_CLASS, SIZE, SIZE):
        raise DataError(
            "scikit-image's LFW subset has another shape than expected",
            found=str(crops.shape),
            remedy="install the pinned version: pip install -r requirements-full.lock",
        )
    pixels = np.rint(crops * 255.0).astype(np.uint8)
    labels = np.repeat(np.array([1, 0], dtype=np.int64), PER_CLASS)
    return pixels, labels


def resize(crop: Pixels, size: int) -> Pixels:
    """One gray crop to [size, size], bicubic with antialiasing."""
    if crop.shape == (size, size):
        return crop
    picture = Image.fromarray(crop).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.uint8)


def wedge_mask(images: Pixels) -> npt.NDArray[np.bool_]:
    """True for pictures with an alignment wedge.

    A wedge is exactly black, reaches a border and fills at least 2 % of the picture; photographs
    hold sensor noise and so have no such region. images: uint8 [N, H, W, 1] or [N, H, W].
    """
    flat = images.reshape(len(images), images.shape[1], images.shape[2])
    black = flat <= 1
    border = np.zeros(flat.shape[1:], bool)
    border[[0, -1], :] = border[:, [0, -1]] = True
    enough = black.mean(axis=(1, 2)) >= 0.02
    return enough & ((black & border).sum(axis=(1, 2)) >= 3)


def wedge_free(split: Split) -> Split:
    """The pictures of a split that show no wedge, of both classes."""
    return split.take(np.flatnonzero(~wedge_mask(split.images)))


def photo_negatives(count: int, size: int, rng: np.random.Generator) -> Pixels:
    """Crops without people and without wedges, uint8 [count, size, size].

    Random scale, rotation by up to 45 degrees and mirroring; the crop is cut from a larger one so
    that the rotation never leaves the photograph.
    """
    sources = photos.people_free("train")
    out = np.empty((count, size, size), np.uint8)
    for i in range(count):
        source = sources[int(rng.integers(len(sources)))]
        height, width = source.shape[:2]
        # a square of side s rotated by 45 degrees needs s * sqrt(2)
        side = int(rng.uniform(30, min(height, width) / 1.5))
        outer = int(np.ceil(side * np.sqrt(2.0)))
        top, left = int(rng.integers(height - outer + 1)), int(rng.integers(width - outer + 1))
        crop = Image.fromarray(source[top : top + outer, left : left + outer]).convert("L")
        crop = crop.rotate(float(rng.uniform(-45, 45)), Image.Resampling.BILINEAR)
        inset = (outer - side) // 2
        crop = crop.crop((inset, inset, inset + side, inset + side))
        pixels = np.asarray(crop.resize((size, size), Image.Resampling.BICUBIC), np.float64)
        # the bundled negatives range from near black to blown out: so do these
        pixels = 255.0 * (pixels / 255.0) ** rng.uniform(0.6, 2.2) * rng.uniform(0.25, 1.1)
        out[i] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        if rng.random() < 0.5:
            out[i] = out[i, :, ::-1]
    return out


def _orders(seed: int) -> list[npt.NDArray[np.int64]]:
    """Shuffled indices of negatives and of positives in the bundled array."""
    rng = np.random.default_rng([seed, 0xFACE])
    positives = rng.permutation(PER_CLASS).astype(np.int64)
    negatives = rng.permutation(PER_CLASS).astype(np.int64) + PER_CLASS
    return [negatives, positives]


def load(
    *,
    seed: int = 0,
    size: int = 32,
    channels: int = 1,
    fold: int | None = None,
    extra_negatives: int = 0,
) -> Dataset:
    """Load the faces.

    Args:
        seed: of the split and of the extra negatives.
        size: side in pixels; the crops are 25x25 and are resized.
        channels: 1; the source is gray.
        fold: None keeps 40 test pictures (20 a class) and 20 for validation aside; 0…4 takes that
            fifth of all 200 as the test split (stratified) and the rest for training; no
            validation.
        extra_negatives: so many photo_negatives() join the training split.

    Raises:
        DataError: a bad option, or the pictures are missing.
    """
    if channels != 1:
        raise DataError("faces is gray", found=f"channels={channels}", remedy="use channels=1")
    if fold is not None and not 0 <= fold < FOLDS:
        raise DataError("faces has five folds", found=f"fold={fold}", remedy="use fold=0 … fold=4")
    if size < 8 or extra_negatives < 0:
        raise DataError(
            "faces cannot be made so",
            found=f"size={size}, extra_negatives={extra_negatives}",
            remedy="use size >= 8 and extra_negatives >= 0",
        )
    crops, labels = _subset()
    pixels = np.stack([resize(crop, size) for crop in crops])[..., None]

    train: list[int] = []
    val: list[int] = []
    test: list[int] = []
    for order in _orders(seed):
        if fold is None:
            test += [int(i) for i in order[:TEST_PER_CLASS]]
            val += [int(i) for i in order[TEST_PER_CLASS : TEST_PER_CLASS + VAL_PER_CLASS]]
            train += [int(i) for i in order[TEST_PER_CLASS + VAL_PER_CLASS :]]
        else:
            test += [int(i) for i in order[fold::FOLDS]]
            train += [int(i) for k, i in enumerate(order) if k % FOLDS != fold]

    def split(indices: list[int]) -> Split:
        index = np.array(sorted(indices), dtype=np.int64)
        return Split(pixels[index], labels[index], tuple(f"lfw{i:03d}" for i in index))

    training = split(train)
    if extra_negatives:
        extra = photo_negatives(extra_negatives, size, np.random.default_rng([seed, 0xBAC]))
        training = Split(
            np.concatenate([training.images, extra[..., None]]),
            np.concatenate([training.labels, np.zeros(extra_negatives, np.int64)]),
            training.names + tuple(f"photo{i:04d}" for i in range(extra_negatives)),
        )
    return Dataset(
        name="faces",
        label_names=LABELS,
        train=training,
        val=split(val),
        test=split(test),
        seed=seed,
        synthetic=False,
        note="LFW subset bundled with scikit-image, real photographs; "
        + ("fixed split" if fold is None else f"fold {fold} of {FOLDS}, stratified"),
        options={"size": size, "fold": fold, "extra_negatives": extra_negatives},
    )
