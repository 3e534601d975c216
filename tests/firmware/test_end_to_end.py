"""Keras to firmware: a random network, trained a step, converted, compiled, linked by PlatformIO.

On this machine and on emulated boards every output byte equals the converter's interpreter.
"""

from __future__ import annotations

import pytest

from convert.compile import compile_model
from convert.oracle import Oracle
from kit import boards
from kit.session import Session
from tests.networks import make

pytestmark = [pytest.mark.keras, pytest.mark.host_c, pytest.mark.emulator]

SEED, BOARDS, PICTURES = 1, ("host", "netduino2plus", "mps3_an547"), 16


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """Folder of generated C, network, and what the interpreter answers."""
    network = make(SEED, PICTURES)
    folder = tmp_path_factory.mktemp("road")
    flatbuffer = folder / "model.tflite"
    flatbuffer.write_bytes(network.converted.content)
    assert compile_model(flatbuffer, folder / "random", name="random").ok
    oracle = Oracle(network.converted.content)
    wanted = [oracle.predict({"image": picture[None]}) for picture in network.pictures]
    return folder / "random", network, wanted


def test_every_board_answers_as_the_interpreter(road, firmware) -> None:
    generated, network, wanted = road
    answers = {}
    for name in BOARDS:
        board = boards.find(name)
        with Session(board, firmware(name, generated)) as session:
            device = session.device
            info = device.info()
            assert info.fields["emulated"] == str(int(board.emulator == "qemu"))
            assert [tensor.shape for tensor in info.inputs] == [network.pictures.shape[1:]]
            answers[name] = []
            for picture in network.pictures:
                device.load(picture.tobytes())
                run = device.run()
                again = device.run(layers=False)
                assert again.outputs == run.outputs
                answers[name].append({t.name: t.array(run.outputs[t.index]) for t in info.outputs})
    assert len({w["logits"].tobytes() for w in wanted}) > PICTURES // 2
    for name, rows in answers.items():
        for i, (row, right) in enumerate(zip(rows, wanted, strict=True)):
            assert row.keys() == right.keys()
            for tensor, values in row.items():
                assert values.tobytes() == right[tensor].tobytes(), (name, i, tensor)
