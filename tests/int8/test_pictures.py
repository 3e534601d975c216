"""A float input that is fed from bytes: its QUANTIZE becomes a table over all byte values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from convert import lce
from convert.oracle import Oracle
from tests.int8 import batch
from tests.int8.build import Graph, T

pytestmark = [pytest.mark.host_c, pytest.mark.keras]


def _model(scale: float, zero: int, metadata: dict[str, float] | None) -> bytes:
    """QUANTIZE and a RELU behind it, which joins the table."""
    g = Graph()
    x, q, y = (
        g.tensor(t)
        for t in (
            T((1, 16, 16, 1), "float32"),
            T((1, 16, 16, 1), "int8", scale, zero),
            T((1, 16, 16, 1), "int8", scale * 0.7, -128),
        )
    )
    g.op("QUANTIZE", [x], [q])
    g.op("RELU", [q], [y])
    if metadata is not None:
        buffer, entry = g.s.BufferT(), g.s.MetadataT()
        buffer.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
        entry.name, entry.buffer = "bitwake", len(g.model.buffers)
        g.model.buffers.append(buffer)
        g.model.metadata = [entry]
    return g.content([x], [y])


@pytest.mark.parametrize(
    ("scale", "zero", "offset"), [(1 / 127.5, 0, -1.0), (0.003921569, -128, 0.0), (0.01, 5, -0.4)]
)
def test_equals_the_interpreter_on_every_byte(
    scale: float, zero: int, offset: float, tmp_path: Any
) -> None:
    content = _model(scale, zero, {"input_scale": 1 / 127.5, "input_offset": offset})
    compiled = batch.compiled_model(content)
    assert [row["op"] for row in compiled.emitted.layers] == ["table_u8_i8"]
    assert batch.ports(compiled, "inputs").dtypes == ("uint8",)
    assert not any(row["float"] for row in compiled.emitted.layers)
    picture = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    found = batch.Program([compiled], tmp_path).answers([[[picture]]])[0][0][0]
    port = compiled.graph.inputs[0].name
    (expected,) = Oracle(content).predict({port: picture}).values()
    assert found.tobytes() == expected.tobytes()
    assert len(np.unique(found)) > 50


def test_without_metadata_the_input_stays_float(tmp_path: Any) -> None:
    content = _model(0.02, 3, None)
    assert lce.unpacked(content).metadata is None
    compiled = batch.compiled_model(content)
    assert batch.ports(compiled, "inputs").dtypes == ("float32",)
    assert [r["op"] for r in compiled.emitted.layers] == ["quantize_f32_i8", "table_i8"]
