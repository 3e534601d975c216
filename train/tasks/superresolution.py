"""Super-resolution ×2: output [N, 2H, 2W, C] in grey levels, targets the pictures as they were."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from convert.errors import DataError
from train.backend import tf
from train.data import Split
from train.data.dataset import Pixels
from train.fields import check_fields
from train.recipes.recipe import Augment
from train.tasks.changes import mirrored, mirrored_pictures
from train.tasks.task import Predict

BORDER = 2  # pixels left out on each side, as many as the scale, as the benchmarks do


def as_bytes(pictures: npt.NDArray[Any]) -> Pixels:
    """Grey levels rounded and cut to 0 … 255."""
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


def enlarged(pictures: Pixels) -> Pixels:
    """Bicubic ×2 of uint8 [N, H, W, C]: what a network has to exceed."""
    _, h, w, c = pictures.shape
    rows = []
    for picture in pictures:
        image = Image.fromarray(picture[..., 0] if c == 1 else picture)
        large = image.resize((2 * w, 2 * h), Image.Resampling.BICUBIC)
        rows.append(np.asarray(large).reshape(2 * h, 2 * w, c))
    return np.stack(rows)


def psnr(picture: Pixels, truth: Pixels) -> float:
    """Peak signal-to-noise ratio in dB, peak 255; infinite for equal pictures."""
    error = float(np.mean((picture.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def ssim(picture: Pixels, truth: Pixels) -> float:
    """Structural similarity by scikit-image, with the weights of the original paper (Gaussian,
    σ = 1.5, population covariance)."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            truth,
            picture,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=-1,
        )
    )


def quality(pictures: Pixels, truth: Pixels) -> tuple[float, float]:
    """Mean PSNR and mean SSIM over pictures [N, H, W, C], without their borders."""
    inner = slice(BORDER, -BORDER)
    pairs = [(p[inner, inner], t[inner, inner]) for p, t in zip(pictures, truth, strict=True)]
    return (
        float(np.mean([psnr(p, t) for p, t in pairs])),
        float(np.mean([ssim(p, t) for p, t in pairs])),
    )


@dataclass(frozen=True)
class SuperResolution:
    """Pictures uint8 [N, 2H, 2W, C]."""

    name: str = "super-resolution"
    metric: str = "PSNR"

    def __post_init__(self) -> None:
        check_fields(self, "a task", DataError)

    def answers(self, height: int, width: int, channels: int) -> tuple[int, ...]:
        return (2 * height, 2 * width, channels)

    def loss(self, target: Any, output: Any) -> Any:
        """Mean absolute error in grey levels, EDSR's (arXiv 1707.02921)."""
        return tf.reduce_mean(tf.abs(tf.cast(target, output.dtype) - output))

    def distill(self, teacher: Any, student: Any) -> Any:
        """Mean absolute difference from the teacher's picture, in grey levels."""
        return tf.reduce_mean(tf.abs(tf.stop_gradient(teacher) - student))

    def score(self, split: Split, predict: Predict) -> dict[str, float]:
        """`PSNR` in dB and `SSIM`, means over pictures, and the same of bicubic enlargement."""
        assert split.targets is not None
        mine = quality(as_bytes(predict(split.images)), split.targets)
        plain = quality(enlarged(np.asarray(split.images)), split.targets)
        names = ("PSNR", "SSIM", "bicubic_PSNR", "bicubic_SSIM")
        return dict(zip(names, (*mine, *plain), strict=True))

    def augment(
        self, images: Pixels, targets: Any, how: Augment, rng: np.random.Generator
    ) -> tuple[Pixels, Any]:
        """Mirrored only: light that changes the small picture would have to change the large.

        Raises:
            DataError: the recipe asks for anything else.
        """
        others = [f.name for f in fields(how) if f.name != "flip" and getattr(how, f.name)]
        if others:
            raise DataError(
                "super-resolution mirrors pictures and changes nothing else of them",
                where=f"task {self.name}",
                found=", ".join(others),
                remedy="leave it out of the recipe's augment",
            )
        return mirrored(images, targets, how, rng, mirrored_pictures)
