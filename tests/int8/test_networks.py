"""Whole networks through TFLite's post-training quantization, compiled and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled
from tests.int8 import batch, flat_networks

pytestmark = [pytest.mark.host_c, pytest.mark.keras, pytest.mark.slow]

FLOAT_PORTS = "many_ports, float ports, one scale a filter"
CONVERTED = ("ds_cnn", FLOAT_PORTS)
DIRECT = (*flat_networks.NETWORKS, "resnet_8, one scale a filter")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: Any) -> dict[str, tuple[bytes, Compiled, Any, Any]]:
    from tests.int8 import networks

    contents = {
        "ds_cnn": networks.quantized(networks.ds_cnn()),
        FLOAT_PORTS: networks.quantized(networks.many_ports(), per_tensor=True, io="float32"),
    }
    for k, name in enumerate(DIRECT):
        net = flat_networks.Net(k, per_tensor="," in name)
        contents[name] = flat_networks.NETWORKS[name.split(",")[0]](net)
    models = [batch.compiled_model(content) for content in contents.values()]
    rng = np.random.default_rng(2)
    inputs = [batch.random_inputs(c, rng, 4) for c in models]
    answers = batch.Program(models, tmp_path_factory.mktemp("networks")).answers(inputs)
    rows = zip(contents.items(), models, inputs, answers, strict=True)
    return {name: (content, c, i, a) for (name, content), c, i, a in rows}


@pytest.mark.parametrize("name", [*CONVERTED, *DIRECT])
def test_equals_the_reference(name: str, answered: dict[str, Any]) -> None:
    content, compiled, inputs, answers = answered[name]
    reference = batch.Reference(content, compiled)
    seen = set()
    for given, found in zip(inputs, answers, strict=True):
        for expected, got in zip(reference.answer(given), found, strict=True):
            assert got.tobytes() == expected.tobytes()
            seen |= set(np.unique(got).tolist())
    assert len(seen) > 3, "the network hardly answers anything"


def test_ports_keep_their_names_and_types(answered: dict[str, Any]) -> None:
    compiled = answered[FLOAT_PORTS][1]
    ins, outs = batch.ports(compiled, "inputs"), batch.ports(compiled, "outputs")
    assert sorted(ins.names) == ["left", "right"]
    shapes = dict(zip(outs.names, outs.shapes, strict=True))
    assert shapes == {"blocks": (1, 18, 12, 5), "mask": (1, 12, 12, 1), "scores": (1, 5)}
    assert {*ins.dtypes, *outs.dtypes} == {"float32"}


def test_only_the_ports_are_float(answered: dict[str, Any]) -> None:
    """The report lists float layers: none in an int8 network, the conversions where ports are."""
    layers = {name: row[1].emitted.layers for name, row in answered.items()}
    assert not any(row["float"] for row in layers["mobilenet"])
    floats = [r["op"] for r in layers[FLOAT_PORTS] if r["float"]]
    assert floats == ["quantize_f32_i8"] * 2 + ["dequantize_i8_f32"] * 3
