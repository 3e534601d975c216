"""The same scenes seen through other exposures and gammas: for robustness, never for training.

A scene is drawn once and exposed many times, from the linear light on: noise, saturation and the
converter act as in a capture, which multiplying bytes would not reproduce.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.data.dataset import Labels
from train.data.scenes import sensor
from train.data.scenes.loader import CHUNK, labels_of
from train.data.scenes.render import SIZE, lit, noise_of

Setting = tuple[float | None, float | None]  # exposure in stops, gamma; None draws as usual


def expose(
    seed: int,
    split: str,
    index: int,
    settings: Sequence[Setting],
    *,
    size: int = SIZE,
    channels: int = 1,
    rule: str = "vww",
    ev_range: tuple[float, float] = (-3.0, 3.0),
) -> npt.NDArray[np.uint8]:
    """One scene, uint8 [len(settings), size, size, channels].

    Picture k has the bytes of `render.render(..., ev=settings[k][0], gamma=settings[k][1])`: the
    scene and the noise's random stream are the same for all of them.
    """
    light, _, _ = lit(seed, split, index, size=size, rule=rule)
    shots = []
    for ev, gamma in settings:
        noise = noise_of(seed, split, index)
        camera = sensor.random_sensor(noise, ev_range, ev, gamma)
        shots.append(sensor.capture(light, camera, noise, channels))
    return np.stack(shots)


Job = tuple[int, str, int, int, tuple[Setting, ...], int, int, str]


def _chunk(job: Job) -> npt.NDArray[np.uint8]:
    seed, split, start, stop, settings, size, channels, rule = job
    rows = [
        expose(seed, split, i, settings, size=size, channels=channels, rule=rule)
        for i in range(start, stop)
    ]
    return np.stack(rows, axis=1)


def exposures(
    seed: int,
    count: int,
    settings: Sequence[Setting],
    *,
    split: str = "test",
    size: int = SIZE,
    channels: int = 1,
    rule: str = "vww",
    processes: int = 1,
) -> tuple[npt.NDArray[np.uint8], Labels]:
    """The first `count` scenes of a split under every setting.

    Args:
        seed, split: of the scenes, as in `scenes.load`.
        settings: (ev, gamma) pairs; None draws that one as a capture of the dataset does.
        processes: that render at once; the pictures do not depend on it.

    Returns:
        uint8 [len(settings), count, size, size, channels] and int64 [count].
    """
    jobs = [
        (seed, split, at, min(at + CHUNK, count), tuple(settings), size, channels, rule)
        for at in range(0, count, CHUNK)
    ]
    if processes <= 1 or len(jobs) < 2:
        parts = [_chunk(job) for job in jobs]
    else:
        # "spawn" leaves threads of libraries that are already loaded (TensorFlow) alone
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            parts = list(pool.imap(_chunk, jobs))
    return np.concatenate(parts, axis=1), labels_of(count)
