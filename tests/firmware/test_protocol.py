"""The serial protocol on a running firmware, byte for byte: this machine and the emulated board."""

from __future__ import annotations

import re
import struct
import subprocess
import zlib

import pytest

from kit.files import ROOT

from .conftest import FRAME, checked

READY = b"m-ready\r\n"
BOARDS = [
    pytest.param("host", marks=pytest.mark.host_c),
    pytest.param("netduino2plus", marks=pytest.mark.emulator),
]
DARK, BRIGHT = bytes(FRAME), b"\xff" * FRAME
# 17 dark columns: 480 of 900 windows are mostly dark, so the logits are +-(0.02 * 480 - 9).
HALF = (bytes(17) + b"\xff" * 15) * 32
NOISE = bytes((i * i * 31 + i * 7) >> 3 & 255 for i in range(FRAME))


def logits(picture: bytes) -> tuple[float, float]:
    """The fixture model, computed here: how many 3x3 windows hold more than four dark pixels."""
    rows = [[pixel < 128 for pixel in picture[32 * y : 32 * y + 32]] for y in range(32)]
    count = sum(
        sum(rows[y + i][x + j] for i in range(3) for j in range(3)) > 4
        for y in range(30)
        for x in range(30)
    )
    single = struct.unpack("<2f", struct.pack("<2f", 2 * count * 0.01 - 9, 9 - 2 * count * 0.01))
    return single[1], single[0]


def load(line, picture: bytes, crc: int | None = None) -> bytes:
    """Sends a picture by p-frame; gives the board's last words on it."""
    command, go = b"p-frame %d" % len(picture), b"p-go-%d\r\n" % len(picture)
    line.send(command + b"%")
    assert line.until(b"\r\n") == go
    line.send(picture + (zlib.crc32(picture) if crc is None else crc).to_bytes(4, "little"))
    words = line.until(b"\r\n")
    assert go + words + line.until(READY) == checked(command, go + words)
    return words


def output(line) -> bytes:
    """The line p-out-0 of one inference."""
    reply = line.ask(b"p-infer")
    return next(row for row in reply.split(b"\r\n") if row.startswith(b"p-out-0-"))


@pytest.mark.parametrize("board", BOARDS)
def test_mlperf_commands_byte_for_byte(board: str, opened) -> None:
    line = opened(board)
    assert line.ask(b"name") == b"m-name-dut-[bitwake]\r\n" + READY
    assert line.ask(b"profile") == b"m-profile-[bitwake]\r\nm-model-[fixture]\r\n" + READY
    assert line.ask(b"results") == b"e-[results: nothing has been inferred yet]\r\n" + READY
    assert line.ask(b"db load 1024") == b"m-[Expecting 1024 bytes]\r\n" + READY
    for start in range(0, FRAME, 31):
        piece = HALF[start : start + 31]
        done = b"m-load-done\r\n" if start + len(piece) == FRAME else b""
        assert line.ask(b"db " + piece.hex().encode()) == done + READY
    unit = b"" if board == "host" else rb"p-lap-unit-\[instructions\]\r\n"
    assert re.fullmatch(
        rb"m-warmup-start-1\r\nm-warmup-done\r\nm-infer-start-3\r\n"
        + unit
        + rb"m-lap-us-(\d+)\r\nm-lap-us-(\d+)\r\nm-infer-done\r\n"
        + rb"m-results-\[0\.231,0\.769\]\r\n"
        + READY,
        line.ask(b"infer 3 1"),
    )
    assert line.ask(b"results") == b"m-results-[0.231,0.769]\r\n" + READY
    first, second = (
        int(re.search(rb"m-lap-us-(\d+)", line.ask(b"timestamp")).group(1)) for _ in range(2)
    )
    assert first < second


@pytest.mark.parametrize("board", BOARDS)
def test_db_and_frame_load_the_same_picture(board: str, opened) -> None:
    line = opened(board)
    outputs = {}
    for name, picture in {"dark": DARK, "bright": BRIGHT, "half": HALF, "noise": NOISE}.items():
        assert load(line, picture) == b"p-frame-ok\r\n"
        by_frame = output(line)
        assert load(line, bytes(255 - pixel for pixel in picture)) == b"p-frame-ok\r\n"
        assert output(line) != by_frame
        line.ask(b"db load 1024")
        # Pieces of every length, in both cases of hexadecimal digits.
        start, length = 0, 0
        while start < FRAME:
            length = length % 31 + 1
            piece = picture[start : start + length].hex()
            line.ask(b"db " + (piece.upper() if length % 2 else piece).encode())
            start += length
        assert output(line) == by_frame
        outputs[name] = struct.unpack("<2f", bytes.fromhex(by_frame[8:].decode()))
        assert outputs[name] == pytest.approx(logits(picture), abs=1e-5)
    assert len(set(outputs.values())) == 4


@pytest.mark.parametrize("board", BOARDS)
def test_probabilities_are_not_negative_and_sum_to_one(board: str, opened) -> None:
    line = opened(board)
    for bright in range(0, 33, 4):
        assert load(line, bytes(32 * (32 - bright)) + b"\xff" * (32 * bright)) == b"p-frame-ok\r\n"
        match = re.search(rb"m-results-\[([^\]]*)\]", line.ask(b"p-run"))
        texts = match.group(1).decode().split(",")
        assert all(re.fullmatch(r"[01]\.\d{3}", text) for text in texts)
        assert sum(int(text.replace(".", "")) for text in texts) == 1000


@pytest.mark.parametrize("board", BOARDS)
def test_a_damaged_frame_leaves_the_picture_before(board: str, opened) -> None:
    line = opened(board)
    load(line, HALF)
    wanted = output(line)
    for position, bit in ((0, 1), (1023, 128)):
        damaged = bytearray(DARK)
        damaged[position] ^= bit
        computed, announced = zlib.crc32(damaged), zlib.crc32(DARK)
        assert load(line, bytes(damaged), announced) == (
            b"e-[frame: crc %08x of what came, announced %08x]\r\n" % (computed, announced)
        )
        assert output(line) == wanted
    assert load(line, DARK) == b"p-frame-ok\r\n"
    assert output(line) != wanted


@pytest.mark.host_c
@pytest.mark.emulator
def test_all_boards_compute_the_same_bytes(opened) -> None:
    lines = [opened("host"), opened("netduino2plus")]
    for picture in (DARK, BRIGHT, HALF, NOISE):
        answers = set()
        for line in lines:
            load(line, picture)
            reply = line.ask(b"p-run")
            answers.add(b"\n".join(row for row in reply.split(b"\r\n") if b"-out-" in row
                                   or b"results" in row))  # fmt: skip
        assert len(answers) == 1


@pytest.mark.host_c
def test_the_next_peer_finds_the_process_as_it_was_left(opened) -> None:
    line = opened("host")
    load(line, HALF)
    wanted = output(line)
    line.close()
    again = type(line)(line.port)
    assert output(again) == wanted
    again.close()


@pytest.mark.host_c
def test_a_pseudo_terminal_carries_the_line(firmware) -> None:
    import serial

    with subprocess.Popen([str(firmware("host")), "--pty"], stderr=subprocess.PIPE) as process:
        name = process.stderr.readline().split()[-1].decode()
        with serial.Serial(name, 115200, timeout=20) as port:
            port.write(b"name%")
            assert port.read_until(b"[bitwake]\r\nm-ready\r\n").endswith(b"m-ready\r\n")
            # All 256 values go through: a terminal that interprets bytes would eat some.
            port.write(b"p-frame 1024%")
            assert port.read_until(b"\n") == b"p-go-1024\r\n"
            picture = bytes(range(256)) * 4
            port.write(picture + zlib.crc32(picture).to_bytes(4, "little"))
            go = b"p-go-1024\r\n"
            assert go + port.read_until(READY) == checked(b"p-frame 1024", go + b"p-frame-ok\r\n")
            port.write(b"p-exit 3%")
            assert port.read_until(READY) == checked(b"p-exit 3", b"")
        assert process.wait(20) == 3


@pytest.mark.host_c
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--port", "65536"], "65536"),
        (["--port", "x"], "x"),
        (["--listen"], "--listen"),
        (["--pty", "1"], "--pty"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(words, found, firmware) -> None:
    result = subprocess.run([str(firmware("host")), *words], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith(f": {found}\n")


def test_the_page_names_every_command() -> None:
    page = (ROOT / "docs" / "serial-protocol.md").read_text("utf-8")
    words = re.findall(
        r'^    \{"([a-z-]+)", BW_CMD', (ROOT / "mcu/app/protocol.c").read_text(), re.M
    )
    assert len(words) >= 13
    for word in [*words, "db load"]:
        assert re.search(rf"^\| `{word}[ %]", page, re.M), f"{word} is not documented"
