"""The fast int8 kernels on the cores they are for: equal to the portable ones, and no dearer than
the best open kernels. Figures are executed instructions of an emulator, never time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.int8 import batch, cores, flat_networks
from tests.int8.cases import ARITHMETIC
from tests.int8.flat_networks import Net

pytestmark = [pytest.mark.emulator, pytest.mark.host_c]

KINDS = {"CONV_2D": 40, "CONV_2D of few channels": 60, "CONV_2D and ADD": 30,
         "DEPTHWISE_CONV_2D": 40, "FULLY_CONNECTED": 20,
         "ADD": 12, "SUB": 6, "TRANSPOSE_CONV": 4, "SOFTMAX": 3, "MEAN": 4,
         "QUANTIZE float32": 2}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: Any) -> tuple[Any, Any, list[cores.Run]]:
    """Random operators, and networks with odd sizes."""
    rng = np.random.default_rng(11)
    contents = [ARITHMETIC[kind](rng, k).content for kind, n in KINDS.items() for k in range(n)]
    contents += [flat_networks.NETWORKS[n](Net(3)) for n in ("deep_thin", "resnet_8")]
    folder = tmp_path_factory.mktemp("cores")
    sources = cores.write([batch.compiled_model(c) for c in contents], folder)
    return folder, sources, cores.on_host(folder, sources)


@pytest.mark.parametrize("core", list(cores.CORES))
def test_equal_to_the_portable_kernels(core: str, small: Any) -> None:
    folder, sources, expected = small
    found = cores.on_core(core, folder, sources)
    assert len(found) == len(expected) == sum(KINDS.values()) + 2
    assert [run.hash for run in found] == [run.hash for run in expected]
    assert len({run.hash for run in found}) > 100


def _conv(shape: tuple[int, int, int], n: int, k: int, stride: int = 1) -> bytes:
    net = Net(1)
    return net.content(net.conv(net.input((1, *shape)), n, k, stride))


def _depthwise(shape: tuple[int, int, int], stride: int = 1, times: int = 1) -> bytes:
    net = Net(1)
    return net.content(
        net.conv(net.input((1, *shape)), shape[2] * times, 3, stride, depthwise=True)
    )


def _dense(depth: int, n: int) -> bytes:
    net = Net(1)
    return net.content(net.dense(net.input((1, depth)), n))


def _sum(shape: tuple[int, int, int]) -> bytes:
    net = Net(1)
    return net.content(net.plus(net.input((1, *shape)), net.input((1, *shape))))


# Layer, and instructions of TensorFlow Lite Micro with CMSIS-NN (-O2) on the emulated Cortex-M4 and
# Cortex-M55, measured layer by layer on person_detect, vww_96 and resnet-8 of MLPerf Tiny.
LAYERS: dict[str, tuple[bytes, int, int]] = {
    "depthwise 96x96x1 -> 8": (_depthwise((96, 96, 1), 2, 8), 1_870_389, 1_000_604),
    "depthwise 48x48x8": (_depthwise((48, 48, 8)), 1_469_588, 897_787),
    "depthwise 24x24x32": (_depthwise((24, 24, 32)), 1_352_408, 455_423),
    "depthwise 6x6x128": (_depthwise((6, 6, 128)), 311_666, 97_894),
    "depthwise 3x3x256": (_depthwise((3, 3, 256)), 143_102, 49_893),
    "1x1 48x48x8 -> 16": (_conv((48, 48, 8), 16, 1), 1_955_221, 642_103),
    "1x1 24x24x32 -> 32": (_conv((24, 24, 32), 32, 1), 1_589_861, 365_911),
    "1x1 6x6x128 -> 128": (_conv((6, 6, 128), 128, 1), 1_079_621, 166_705),
    "3x3 96x96x3 -> 8, stride 2": (_conv((96, 96, 3), 8, 3, 2), 3_045_290, 1_050_462),
    "3x3 32x32x3 -> 16": (_conv((32, 32, 3), 16, 3), 2_110_347, 626_857),
    "3x3 16x16x32 -> 32": (_conv((16, 16, 32), 32, 3), 4_544_152, 604_265),
    "3x3 8x8x64 -> 64": (_conv((8, 8, 64), 64, 3), 4_156_016, 487_553),
    "sum of two 32x32x16": (_sum((32, 32, 16)), 1_332_430, 226_001),
    "dense 256 -> 2": (_dense(256, 2), 1_515, 949),
    "dense 64 -> 10": (_dense(64, 10), 2_155, 1_037),
}


@pytest.mark.parametrize(("core", "column", "most"), [("m4", 1, 1.25), ("m55", 2, 1.5)])
def test_instructions(core: str, column: int, most: float, tmp_path: Any) -> None:
    models = [batch.compiled_model(row[0]) for row in LAYERS.values()]
    found = cores.on_core(core, tmp_path, cores.write(models, tmp_path))
    assert len(found) == len(LAYERS)
    ratios = {
        name: run.instructions / int(row[column])  # type: ignore[arg-type]
        for (name, row), run in zip(LAYERS.items(), found, strict=True)
    }
    for name, ratio in ratios.items():
        print(f"{core} {name}: {ratio:.2f}")
    assert ratios["1x1 6x6x128 -> 128"] > 0.5, "the emulator's clock is not what it was"
    assert max(ratios.values()) <= most, ratios
