"""From linear light to the bytes a small camera delivers.

Exposure, vignetting, photon shot noise, read noise, saturation, an 8- to 12-bit converter, an
optional Bayer mosaic with the plain bilinear reconstruction, and a gamma. A scene of reflectance
0.18 exposed at 0 EV lands at 0.18 of full scale, as a light meter would set it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve

from train.data.dataset import Pixels
from train.data.scenes.texture import Field

SPREAD = 0.9  # stops, standard deviation of exposures around what a meter sets
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709, linear light


@dataclass(frozen=True)
class Sensor:
    """One capture's settings.

    Attributes:
        ev: exposure in stops; light is multiplied by 2**ev.
        gamma: output = signal ** (1 / gamma); 1 is a linear converter.
        full_well: electrons at full scale; shot noise is Poisson in electrons.
        read_noise: electrons, normal.
        bits: of the converter, 8..12; the output is scaled to 8 bits.
        vignette: light lost in the corners, 0..1.
        bayer: sample one colour a pixel (RGGB) and interpolate; RGB output only.
    """

    ev: float = 0.0
    gamma: float = 1.0
    full_well: float = 4000.0
    read_noise: float = 8.0
    bits: int = 10
    vignette: float = 0.2
    bayer: bool = False


def random_sensor(
    rng: np.random.Generator,
    ev_range: tuple[float, float] = (-3.0, 3.0),
    ev: float | None = None,
    gamma: float | None = None,
    even: bool = False,
) -> Sensor:
    """Draw a capture. Exposure is normal around 0 (SPREAD) cut to ev_range, unless given.

    With `even` it is uniform over ev_range, a monotone function of the same draw: the rest of the
    capture stays what it is without.
    """
    drawn = rng.normal(0.0, SPREAD)
    if even:
        share = 0.5 * (1.0 + math.erf(drawn / (SPREAD * math.sqrt(2.0))))  # the normal's own
        drawn = ev_range[0] + share * (ev_range[1] - ev_range[0])
    drawn_gamma = float(rng.choice([1.0, rng.uniform(1.0, 2.4), 2.2]))
    return Sensor(
        ev=float(np.clip(drawn, *ev_range)) if ev is None else ev,
        gamma=drawn_gamma if gamma is None else gamma,
        full_well=float(np.exp(rng.uniform(np.log(2000.0), np.log(20000.0)))),
        read_noise=float(rng.uniform(2.0, 14.0)),
        bits=int(rng.integers(8, 13)),
        vignette=float(rng.uniform(0.0, 0.5)),
        bayer=bool(rng.random() < 0.5),
    )


def _mosaic(light: Field) -> Field:
    """RGGB samples interpolated bilinearly: what colour a real sensor's picture has."""
    h, w, _ = light.shape
    keep = np.zeros((h, w, 3), np.float32)
    keep[0::2, 0::2, 0] = 1
    keep[0::2, 1::2, 1] = keep[1::2, 0::2, 1] = 1
    keep[1::2, 1::2, 2] = 1
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)
    out = np.empty_like(light)
    for c in range(3):
        weight = convolve(keep[..., c], kernel, mode="constant")
        out[..., c] = convolve(light[..., c] * keep[..., c], kernel, mode="constant") / weight
    return out


def _bytes(steps: int, gamma: float) -> Pixels:
    """The byte of each code 0..steps of the converter.

    In float64: the last bit of a power is each processor's own, and in float32 one picture in 600
    showed it.
    """
    codes: npt.NDArray[np.float64] = np.arange(steps + 1) / steps
    return np.rint(255.0 * codes ** (1.0 / gamma)).astype(np.uint8)


def capture(light: Field, sensor: Sensor, rng: np.random.Generator, channels: int) -> Pixels:
    """Expose, read out and convert.

    Args:
        light: linear, [H, W, 3], 1 = white at 0 EV.
        sensor: the settings.
        rng: of the noise.
        channels: 1 (a monochrome sensor) or 3.

    Returns:
        uint8 [H, W, channels], rounded to nearest, saturated at 255.
    """
    h, w, _ = light.shape
    signal = light
    if channels == 1:
        # written out: a matrix product takes its terms in an order that depends on the processor
        signal = light[..., :1] * LUMA[0] + light[..., 1:2] * LUMA[1] + light[..., 2:] * LUMA[2]
    y = np.linspace(-1, 1, h, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, w, dtype=np.float32)[None, :, None]
    falloff = 1.0 - sensor.vignette * (x * x + y * y) / 2.0
    electrons = np.clip(signal, 0, None) * falloff * (2.0**sensor.ev) * sensor.full_well
    # a normal of the same variance stands in for Poisson above a few electrons and is much faster
    noisy = electrons + rng.standard_normal(electrons.shape, dtype=np.float32) * np.sqrt(
        electrons + np.float32(sensor.read_noise**2)
    )
    level = np.clip(noisy / sensor.full_well, 0.0, 1.0)
    if channels == 3 and sensor.bayer:
        level = np.clip(_mosaic(level.astype(np.float32)), 0.0, 1.0)
    steps = 2**sensor.bits - 1
    return _bytes(steps, sensor.gamma)[np.rint(level * steps).astype(np.intp)]
