"""The serial client against a scripted board: noise, partial lines, damage, faults, death."""

from __future__ import annotations

import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.errors import BoardError
from kit.link import faults, replies
from kit.link.device import Device, DeviceError
from kit.link.wire import LONGEST_LINE, LinkLostError, LinkTimeoutError, Wire


def connect(board) -> Device:
    device = Device(board.url)
    device.synchronise(6)
    return device


@pytest.mark.parametrize(
    "plan", [{}, {"noise": b"\xff\x00"}, {"noise": b"#?\n"}, {"dribble": True}]
)
def test_a_picture_goes_in_and_every_byte_comes_out(fake, plan) -> None:
    board = fake(**plan)
    frame = bytes(range(16))
    with connect(board) as device:
        info = device.info()
        assert [t.name for t in info.outputs] == ["probabilities", "words"]
        assert (info.unit, info.labels, info.input_bytes) == (
            "instructions", ["other", "person"], 16)  # fmt: skip
        run = device.infer(frame, layers=True)
        rows = device.layers()
    assert board.frame == frame
    share = np.float32(sum(frame) / (255 * 16))
    np.testing.assert_array_equal(info.outputs[0].array(run.outputs[0])[1], share)
    np.testing.assert_array_equal(info.outputs[1].array(run.outputs[1]), np.arange(20))
    assert (run.total, run.layers) == (1003, {0: 100, 1: 900})
    assert run.results == (0.971, 0.029)
    assert (rows[1].kind, rows[1].macs, rows[1].name) == ("binary", 512, "conv, 1")


def test_memory_is_read(fake) -> None:
    with connect(fake()) as device:
        assert device.memory() == {
            "arena": 512, "stack_used": 300, "stack_size": 4096, "flash": 9000, "ram": 1500,
        }  # fmt: skip


def test_half_a_command_in_the_boards_buffer_spoils_nothing(fake) -> None:
    board = fake(stale=b"db 00")
    with connect(board) as device:
        assert device.command("name") == ["m-name-dut-[bitwake]"]
        assert device.command("p-mem")[0] == "p-mem-arena-512"
    assert board.commands[0] == "db 00name"


def test_a_damaged_transfer_is_repeated_and_given_up_in_the_end(fake) -> None:
    board = fake(bad_crcs=2)
    with connect(board) as device:
        device.load(bytes(16))
        assert board.frames == 3
        board.bad_crcs = 100
        with pytest.raises(BoardError, match="damaged 4 times"):
            device.load(bytes(16))


def test_a_damaged_reply_is_asked_for_again_once(fake) -> None:
    with connect(fake(drop_tail=1)) as device:
        assert len(device.run().outputs[1]) == 80
    with (
        connect(fake(drop_tail=2)) as device,
        pytest.raises(replies.GarbledError, match="not whole"),
    ):
        device.run()


@pytest.mark.parametrize(
    ("command", "lost", "ask"),
    [
        ("p-run", "p-layer-1-900", Device.run),
        ("p-mem", "p-mem-stack-used-300", Device.memory),
        ("p-mem", "p-mem-arena-512", Device.memory),
    ],
)
def test_a_figure_that_got_lost_is_asked_for_again_and_never_nought(
    fake, command: str, lost: str, ask
) -> None:
    """The last layer's line is one that its neighbours do not miss."""
    board = fake()
    whole = board._answer(command)
    replies_left = [[line for line in whole if line != lost], whole]
    assert len(replies_left[0]) == len(whole) - 1
    board.extra[command] = lambda: replies_left.pop(0) if len(replies_left) > 1 else whole
    with connect(board) as device:
        answer = ask(device)
        assert (answer if command == "p-mem" else answer.layers) == (
            replies.memory(whole) if command == "p-mem" else {0: 100, 1: 900}
        )
    board.extra[command] = lambda: [line for line in whole if line != lost]
    with connect(board) as device, pytest.raises(replies.GarbledError, match="not whole"):
        ask(device)


def test_a_plain_mlperf_board_gets_db(fake) -> None:
    board = fake(mlperf_only=True)
    frame = bytes(range(100, 116))
    with connect(board) as device:
        device.load(frame)
        device.load(frame)
    assert board.frame == frame
    assert sum(command.startswith("p-frame") for command in board.commands) == 1


def test_a_refusal_carries_the_boards_words(fake) -> None:
    with connect(fake()) as device:
        with pytest.raises(DeviceError, match="refused") as caught:
            device.load(bytes(15))
        assert caught.value.text == "frame: 16 bytes expected"
        assert device.command("name") == ["m-name-dut-[bitwake]"], "the reply was left half-read"


def test_a_fault_is_explained(fake) -> None:
    line = (
        "p-fault-[usage pc=08001234 lr=08000101 cfsr=00010000 hfsr=40000000 addr=0 xpsr=21000000]"
    )
    with connect(fake(fault=line)) as device, pytest.raises(faults.FaultError) as caught:
        device.run()
    assert "crashed: usage" in str(caught.value)
    assert "pc 0x08001234" in caught.value.where
    assert "UNDEFINSTR" in caught.value.found
    assert "FORCED" in caught.value.found


def test_an_old_fault_in_the_banner_is_no_new_one(fake) -> None:
    board = fake()
    board.extra["name"] = lambda: ["p-fault-[bus pc=1]", "e-[fault]", "m-ready", "m-name-dut-[x]"]
    with connect(board) as device:
        assert "p-fault-[bus pc=1]" in device.banner


def test_death_in_mid_transfer_is_a_lost_line_and_not_a_hang(fake) -> None:
    board = fake(die_at=1)
    with connect(board) as device, pytest.raises(LinkLostError):
        device.load(bytes(16))


def test_silence_and_closed_ports_are_told(fake) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with Device(url) as device, pytest.raises(LinkTimeoutError, match="said nothing"):
            device.command("name", 0.2)
    with pytest.raises(LinkLostError, match="cannot be opened"):
        Device(url)
    with pytest.raises(BoardError):
        Device("/dev/no-such-port")


def serve_bytes(content: bytes) -> tuple[str, threading.Thread]:
    server = socket.create_server(("127.0.0.1", 0))

    def send() -> None:
        with server, server.accept()[0] as connection:
            connection.sendall(content)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return f"socket://127.0.0.1:{server.getsockname()[1]}", thread


def test_lines_are_bounded() -> None:
    url, thread = serve_bytes(b"x" * (3 * LONGEST_LINE) + b"\nm-ready\r\n")
    wire = Wire(url)
    assert wire.read_line(5) == "m-ready"
    assert wire.dropped >= 3 * LONGEST_LINE
    wire.close()
    thread.join(5)


TEXTS = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(["p-out-", "p-layer-", "p-total-", "p-input-0-["]).flatmap(
            lambda head: st.text("0123456789abcdefx-,[]u", max_size=30).map(lambda t: head + t)
        ),
    ),
    max_size=12,
)


@given(TEXTS)
def test_no_reply_whatever_breaks_the_readers(lines: list[str]) -> None:
    expected = replies.info(["p-input-0-[a,u8,1,1]", "p-output-0-[b,u8,4,4]"])
    for read in (replies.info, replies.layers, lambda text: replies.run(text, expected)):
        try:
            read(lines)
        except replies.GarbledError:
            pass
    replies.memory(lines)
    faults.parse("".join(lines))


@given(st.binary(min_size=1, max_size=200), st.data())
def test_outputs_survive_any_cutting_into_lines(content: bytes, data: st.DataObject) -> None:
    expected = replies.info(
        ["p-input-0-[a,u8,1,1]", f"p-output-0-[b,u8,{len(content)},{len(content)}]"]
    )
    lines, start = ["p-total-1"], 0
    while start < len(content):
        end = start + data.draw(st.integers(1, 64))
        lines.append(f"p-out-0-{start}-{content[start:end].hex()}")
        start = end
    shuffled = data.draw(st.permutations(lines))
    assert replies.run(shuffled, expected).outputs == {0: content}
    if len(lines) > 1:
        with pytest.raises(replies.GarbledError):
            replies.run(lines[:-1], expected)


def test_fault_registers_without_all_fields() -> None:
    fault = faults.parse("noise p-fault-[assert pc=0x10")
    assert fault is not None
    assert (fault.name, fault.registers) == ("assert", {"pc": 16})
    assert faults.parse("m-ready") is None
    assert struct.calcsize("<I") == 4


def test_a_loop_that_nobody_reads_is_a_line_that_broke() -> None:
    """loop:// says it with an exception of Python's own queues."""
    wire = Wire("loop://")
    with pytest.raises(LinkLostError, match="takes no more bytes"):
        wire.write(bytes(1 << 16))
    wire.close()


@pytest.mark.parametrize("url", ["socket://127.0.0.1", "socket://127.0.0.1:x", "socket://"])
def test_a_socket_without_a_port_number_is_no_serial_port(url: str) -> None:
    with pytest.raises(BoardError, match="no serial port"):
        Wire(url)
