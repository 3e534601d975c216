"""Dithering: thresholds that depend on the place, so that neighbours tell apart what one cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import ModelError
from train.backend import exporting, keras, tf

FULL_SCALE = 255.0
PATTERNS = ("ordered", "random")
TILES = (2, 4, 8, 16)
MOST_LIMITS = 4832  # of a tile: see convert.builtin_rules.MAX_REAL_DEPTHWISE


def ordered(tile: int) -> npt.NDArray[np.int64]:
    """Bayer's matrix [tile, tile] of 0 … tile² - 1; tile is a power of two."""
    matrix = np.zeros((1, 1), np.int64)
    while len(matrix) < tile:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return matrix


def ranks(pattern: str, tile: int, seed: int) -> npt.NDArray[np.int64]:
    """The order of the places in a tile, [tile, tile]: Bayer's, or a fixed random permutation."""
    if pattern == "ordered":
        return ordered(tile)
    return np.random.default_rng([seed, 0xD1]).permutation(tile * tile).reshape(tile, tile)


@keras.utils.register_keras_serializable("bitwake")
class Dither(keras.layers.Layer):
    """Bytes [N, H, W, C] as float32 0..255 -> ±1 [N, H, W, C·M], channel c·M + m.

    Bit m is +1 where x >= T_m + d(y mod P, x mod P) with the linear ramp
    T_m = floor(255 (m + 1) / (M + 1)) + 1/2 and whole offsets
    d = round(a g ((r + 1/2) / P² - 1/2)), g = 255 / (M + 1) the ramp's step and r the place's rank.
    All are halves of whole numbers: exact in float32.

    In export mode: SPACE_TO_DEPTH, a depthwise convolution with ones whose biases are the
    thresholds of each place, DEPTH_TO_SPACE.

    Args:
        planes: M; a tile of all channels has at most 4832 thresholds, P²·C·M.
        pattern: "ordered" (Bayer's matrix) or "random" (a permutation drawn from `seed`).
        tile: P, a power of two from 2 to 16 that divides height and width.
        amplitude: a, in steps of the ramp.
    """

    def __init__(
        self,
        planes: int,
        *,
        pattern: str = "ordered",
        tile: int = 4,
        amplitude: float = 1.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        known = pattern in PATTERNS and tile in TILES
        if planes < 1 or not known or not np.isfinite(amplitude):
            raise ModelError(
                "there is no such dither",
                found=f"planes={planes}, pattern={pattern!r}, tile={tile}, amplitude={amplitude}",
                remedy=f"planes of at least 1; pattern: {', '.join(PATTERNS)}; tile: "
                f"{', '.join(map(str, TILES))}",
            )
        self.planes, self.pattern, self.tile = planes, pattern, tile
        self.amplitude, self.seed = amplitude, seed
        step = FULL_SCALE / (planes + 1)
        place = (ranks(pattern, tile, seed) + 0.5) / tile**2 - 0.5
        ramp = np.floor(FULL_SCALE * np.arange(1, planes + 1) / (planes + 1)) + 0.5
        offset = np.rint(amplitude * step * place)
        self.limits = (ramp + offset[..., None]).astype(np.float32)  # [P, P, M]

    def build(self, input_shape: Any) -> None:
        height, width = int(input_shape[1]), int(input_shape[2])
        if height % self.tile or width % self.tile:
            raise ModelError(
                "a dither repeats in tiles that must fill the picture",
                where=f"layer {self.name}",
                found=f"{height}x{width} pixels, tiles of {self.tile}",
                remedy="choose a picture size that is a multiple of the tile, or a smaller tile",
            )
        limits = self.tile**2 * int(input_shape[3]) * self.planes
        if limits > MOST_LIMITS:
            raise ModelError(
                "TFLite's interpreter cannot run a dither of so many thresholds in a tile",
                where=f"layer {self.name}",
                found=f"{limits} thresholds: tiles of {self.tile}, {input_shape[3]} channels, "
                f"{self.planes} planes",
                remedy=f"use a smaller tile or fewer planes: at most {MOST_LIMITS} thresholds",
            )
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        _, height, width, channels = x.shape
        if exporting():
            apart = tf.nn.space_to_depth(x, self.tile)
            ones = tf.ones((1, 1, self.tile**2 * channels, self.planes))
            spread = tf.nn.depthwise_conv2d(apart, ones, [1, 1, 1, 1], "VALID")
            limits = np.repeat(self.limits[:, :, None], channels, axis=2).reshape(-1)
            return tf.nn.depth_to_space(tf.nn.bias_add(spread, -limits), self.tile)
        reps = (height // self.tile, width // self.tile, 1)
        limits = np.tile(self.limits, reps)[:, :, None]  # [H, W, 1, M]
        bits = tf.where(x[..., None] >= limits, 1.0, -1.0)
        return tf.reshape(bits, [-1, height, width, channels * self.planes])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "planes": self.planes,
            "pattern": self.pattern,
            "tile": self.tile,
            "amplitude": self.amplitude,
            "seed": self.seed,
        }
