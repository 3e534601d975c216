"""Keras to C: networks trained a step in Larq, converted by LCE, compiled, run on this machine.

Outputs and every intermediate map equal LCE's interpreter bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convert.compile import Compiled, compile_bytes, compile_model
from convert.oracle import Oracle
from kit import cli
from tests.convert.test_operators import compiled, differences
from tests.host_c import HostModels, layer_map
from tests.networks import Network, make

pytestmark = [pytest.mark.keras, pytest.mark.host_c]

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Network], HostModels]:
    networks = {f"net{seed}": make(seed) for seed in SEEDS}
    models = {name: compiled(n.converted.content, name) for name, n in networks.items()}
    return networks, HostModels(tmp_path_factory.mktemp("road"), models)


def test_keras_and_lce_agree(road: tuple[dict[str, Network], HostModels]) -> None:
    for network in road[0].values():
        told = network.converted.agreement
        assert told.agreeing >= 0.98 * told.pictures
        assert network.converted.operators["LceBconv2d"] == network.converted.binary_layers == 6
        floats = {"CONV_2D", "MAX_POOL_2D", "MUL", "DIV"}  # a sign's window is for training alone
        assert not floats & set(network.converted.operators)


def test_outputs_equal(road: tuple[dict[str, Network], HostModels]) -> None:
    networks, host = road
    for name, network in networks.items():
        oracle = Oracle(network.converted.content)
        inputs = [{"image": p[None]} for p in network.pictures]
        answers = host.run([(name, i, False) for i in inputs])
        wanted = [oracle.predict(i) for i in inputs]
        found = [differences(dict(a.outputs), w) for a, w in zip(answers, wanted, strict=True)]
        assert found == [0] * len(inputs), name
        assert len({w["logits"].tobytes() for w in wanted}) > len(inputs) // 2


def test_every_map_equals(road: tuple[dict[str, Network], HostModels]) -> None:
    """Layer by layer, so that two mistakes cannot cancel."""
    networks, host = road
    for name, network in networks.items():
        whole = host.models[name]
        oracle = Oracle(network.converted.content, maps=True)
        compared = 0
        for picture in network.pictures[:6]:
            maps = oracle.maps({"image": picture[None]})
            (answer,) = host.run([(name, {"image": picture[None]}, True)])
            for layer in range(len(whole.emitted.layers)):
                tensor, got = layer_map(whole, answer, layer)
                if tensor in maps:
                    assert differences({"m": got}, {"m": maps[tensor]}) == 0, (name, tensor)
                    compared += 1
        assert compared >= 6 * 8


def test_layers_have_the_names_of_keras(road: tuple[dict[str, Network], HostModels]) -> None:
    for whole in road[1].models.values():
        names = [row["name"] for row in whole.emitted.layers]
        for wanted in ("bconv1", "bconv2", "bconv3", "bconv4", "bconv5", "head"):
            assert wanted in names
        assert re.search(r"/\* layer \d+: \w*conv\w*_(bits|u8), bconv1\n", whole.emitted.source)


def test_same_bytes_twice(road: tuple[dict[str, Network], HostModels], tmp_path: Path) -> None:
    """In another process with another hash seed, too."""
    content = road[0]["net1"].converted.content
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    code = (
        "import sys; from convert.compile import compile_model;"
        "compile_model(sys.argv[1], sys.argv[2], name='same')"
    )
    digests = set()
    for seed in ("0", "1", "99"):
        out = tmp_path / seed
        line = [sys.executable, "-c", code, str(path), str(out)]
        subprocess.run(line, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        digests.add(hashlib.sha256((out / "model.c").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_files_come_whole_or_not_at_all(
    road: tuple[dict[str, Network], HostModels], tmp_path: Path
) -> None:
    network = road[0]["net1"]
    path = tmp_path / "m.tflite"
    path.write_bytes(network.converted.content)
    report = compile_model(path, tmp_path / "out", name="whole")
    assert report.ok
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["model.c", "model.h"]
    assert report.arena_bytes == network.converted.arena_bytes >= report.arena_lower_bound
    rows = report.as_dict()["layers"]
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert report.weights_bytes == sum(row["weights_bytes"] for row in rows)
    before = (tmp_path / "out" / "model.c").read_bytes()
    from convert.metadata import with_metadata

    damaged = with_metadata(network.converted.content, {"input_scale": "much"})
    path.write_bytes(damaged)
    with pytest.raises(Exception, match="scale"):
        compile_model(path, tmp_path / "out", name="whole")
    assert (tmp_path / "out" / "model.c").read_bytes() == before


@pytest.mark.slow
def test_a_megabit_compiles_in_two_seconds() -> None:
    """Processor time after imports, on a network with just under 1 Mbit of weights."""
    from tests.convert.flat import Flat

    rng = np.random.default_rng(0)
    f = Flat()
    x = f.input("x", (1, 12, 12, 8), "int32")
    y = x
    for _ in range(2):
        bits = rng.integers(0, 2, (208, 3, 3, 256 if y == x else 208), dtype=np.uint8)
        y = f.bconv(y, bits, bits.shape[3], thresholds=np.full(208, 1000))
    bits = rng.integers(0, 2, (120, 1, 1, 208), dtype=np.uint8)
    f.output("y", f.bconv(y, bits, 208, thresholds=np.full(120, 100)))
    content = f.finish()
    began = time.process_time()
    result = compile_bytes(content, name="megabit")
    took = time.process_time() - began
    assert isinstance(result, Compiled)
    assert 850_000 < 8 * result.emitted.weights_bytes < 1_050_000
    assert took < 2.0


def test_the_graph_is_printed_between_passes(
    road: tuple[dict[str, Network], HostModels],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(road[0]["net1"].converted.content)
    report = tmp_path / "r.json"
    line = ["compile", str(path), "--out", str(tmp_path / "c"), "--dump", "--json", str(report)]
    assert cli.main(line) == 0
    said = capsys.readouterr().out
    places = [
        said.index(f"== {step}") for step in ("as read", "after encode_input", "after bconv2d")
    ]
    assert places == sorted(places)
    first, last = said[places[0] : places[1]], said[places[2] :]
    assert "= LceBconv2d(" in first
    assert "= LceBconv2d(" not in last
    assert json.loads(report.read_text())["ok"]
