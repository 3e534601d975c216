"""Residual blocks from Keras to firmware, each answer equal to the converter's interpreter.

Blocks of a kind are chained, so that few conversions cover all of them: those that pass bits, those
with real skips, the 8-bit stem with INT4 sums, and the twin with real weights as int8.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.compile import Compiled, compile_model
from convert.metadata import with_metadata
from convert.oracle import Oracle
from kit import boards
from kit.session import Session
from tests.blocks import converted, disturbed
from tests.convert.test_operators import compiled, differences
from tests.host_c import HostModels
from tests.networks import pictures

pytestmark = [pytest.mark.keras, pytest.mark.host_c]

PICTURES = 10


@dataclass(frozen=True)
class Chain:
    """Blocks one after the other, the first with the stride."""

    links: tuple[Any, ...]

    @property
    def bits(self) -> bool:
        return bool(self.links[0].bits)

    def enter(self, x: Any, name: str) -> Any:
        return self.links[0].enter(x, name)

    def __call__(self, x: Any, channels: int, stride: int, name: str) -> Any:
        for k, link in enumerate(self.links):
            x = link(x, channels, stride if k == 0 else 1, f"{name}_{k}")
        return x


def networks() -> dict[str, tuple[Any, bool]]:
    """Backbone and whether its ports are int8, by name."""
    from train.models.backbone import Backbone
    from train.models.blocks import XNOR, BiNeal, BiReal, Compact, ReActNet

    base = Backbone(
        input_shape=(12, 14, 1), widths=(32, 64), blocks=(1, 1), strides=(1, 2), planes=4
    )
    bits = Chain((BiNeal(), Compact("mor"), BiNeal("NCKK", skip_kernel=3), Compact("mux")))
    real = Chain((ReActNet(), XNOR(), BiReal(), XNOR("learned")))
    int4 = BiNeal("N", add="int4")
    return {
        "bits": (replace(base, block=bits), False),
        "real": (replace(base, block=real, widths=(12, 24)), False),
        "int8 stem": (replace(base, block=int4, stem="int8", multiplier=1.25), True),
    }


@dataclass(frozen=True)
class Road:
    """Flatbuffers, models and pictures by name; what the interpreter answers."""

    contents: dict[str, bytes]
    models: dict[str, Compiled]
    inputs: dict[str, list[Any]]
    wanted: dict[str, list[Any]]
    host: HostModels


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    from train.compare import quantize

    contents = {}
    shape = (12, 14, 1)
    for name, (net, int8) in networks().items():
        contents[name] = converted(net, 5, PICTURES, int8=int8).converted.content
        if name == "bits":
            twin = replace(net, widths=(12, 24)).twin().build()
            weights = disturbed(twin, 6)
            twin.set_weights(weights)
            contents["int8 twin"] = with_metadata(quantize(twin, pictures(7, 24, shape)), {})
    models = {name: compiled(content, name.replace(" ", "_")) for name, content in contents.items()}
    shots = pictures(5, PICTURES, shape)
    inputs, wanted = {}, {}
    for name, content in contents.items():
        oracle = Oracle(content)
        port = oracle.graph.inputs[0].name
        inputs[name] = [{port: shot[None]} for shot in shots]
        wanted[name] = [oracle.predict(given) for given in inputs[name]]
    host = HostModels(tmp_path_factory.mktemp("blocks"), models)
    return Road(contents, models, inputs, wanted, host)


@pytest.mark.slow
def test_this_machine_answers_as_the_interpreter(road: Road) -> None:
    for name in road.models:
        given = road.inputs[name]
        port = road.models[name].graph.inputs[0]
        if road.models[name].graph.tensors[port.tensor].dtype == "int8":
            given = [{k: (v ^ 0x80).view(np.int8) for k, v in row.items()} for row in given]
        answers = road.host.run([(name, row, False) for row in given])
        found = [
            differences(dict(a.outputs), w) for a, w in zip(answers, road.wanted[name], strict=True)
        ]
        assert found == [0] * PICTURES, name
        distinct = {next(iter(w.values())).tobytes() for w in road.wanted[name]}
        assert len(distinct) > PICTURES // 2, name


def test_no_convolution_is_float_and_no_number_lies_between_bits(road: Road) -> None:
    for name, whole in road.models.items():
        rows = whole.emitted.layers
        ops = [row["op"] for row in rows]
        assert not any("conv2d_f32" in op and "bconv" not in op for op in ops), (name, ops)
        if name != "real":  # of which skips and scales are float, and the report says so
            floats = [row["name"] for row in rows if row["float"]]
            assert floats == (["head"] if name == "bits" else []), (name, floats)
    graph = road.models["bits"].graph
    made = {graph.tensors[o].dtype for op in graph.ops for o in op.outputs}
    assert made <= {"bits", "planes", "uint8", "float32"}
    assert any(row["float"] for row in road.models["real"].emitted.layers)


@pytest.mark.slow
@pytest.mark.emulator
@pytest.mark.parametrize("name", ["bits", "real"])
def test_the_emulated_board_answers_as_the_interpreter(
    name: str, road: Road, firmware: Any, tmp_path: Path
) -> None:
    flatbuffer = tmp_path / "model.tflite"
    flatbuffer.write_bytes(road.contents[name])
    folder = tmp_path / f"blocks-{name}"  # the fixture keeps firmware by the folder's name
    assert compile_model(flatbuffer, folder, name="blocks").ok
    board = boards.find("netduino2plus")
    with Session(board, firmware("netduino2plus", folder)) as session:
        device = session.device
        outputs = device.info().outputs
        for given, right in zip(road.inputs[name], road.wanted[name], strict=True):
            (picture,) = given.values()
            device.load(picture.tobytes())
            run = device.run(layers=False)
            for tensor in outputs:
                got = tensor.array(run.outputs[tensor.index])
                assert got.tobytes() == right[tensor.name].tobytes()
