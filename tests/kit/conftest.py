"""A scripted board on a socket: speaks the protocol, and misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from kit import boards

INFO = (
    "p-protocol-[2]", "p-board-[fake]", "p-core-[cortex-m4]", "p-emulated-[1]",
    "p-unit-[instructions]",
    "p-compiler-[gcc 12.2]", "p-flags-[-O3]", "p-commit-[0123456789ab]", "p-model-[toy]",
    "p-sha256-[" + "ab" * 32 + "]", "p-weights-[64]", "p-runtime-[1]",
    "p-input-0-[image,u8,4x4x1,16]", "p-output-0-[probabilities,f32,2,8]",
    "p-output-1-[words,i32,20,80]", "p-labels-[other,person]",
)  # fmt: skip

MANIFEST = {
    "name": "A board for tests",
    "build": {"memory": {"stack_size": 8192}},
    "upload": {"maximum_size": 1 << 20, "maximum_ram_size": 128 << 10},
    "bitwake": {
        "core": "cortex-m4",
        "emulator": {"kind": "qemu", "machine": "netduinoplus2"},
        "serial": {"baud": 115200},
        "camera": "none",
    },
}


@dataclass
class FakeBoard:
    """Serves one connection after the other in a thread; `plan` holds the misbehaviours.

    Attributes:
        noise: bytes put before every line.
        dribble: send one byte at a time.
        bad_crcs: this many transfers are answered with a CRC error although they arrived well.
        drop_tail: damaged replies: this many p-run replies lack their last p-out line.
        die_at: close the connection when this many frames have begun.
        mlperf_only: knows no private command.
        fault: p-run answers with this line and hangs up.
        extra: command -> reply lines, tried first.
    """

    noise: bytes = b""
    dribble: bool = False
    bad_crcs: int = 0
    drop_tail: int = 0
    die_at: int = 0
    mlperf_only: bool = False
    fault: str = ""
    stale: bytes = b""
    extra: dict[str, Callable[[], list[str]]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    frames: int = 0
    connections: int = 0
    frame: bytes = b""

    def __post_init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # shutdown wakes the thread out of accept; close alone does not.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                try:
                    self._talk(connection)
                except (ConnectionError, EOFError):
                    continue

    def _send(self, connection: socket.socket, *lines: str) -> None:
        for line in lines:
            content = self.noise + line.encode() + b"\r\n"
            pieces = [bytes([byte]) for byte in content] if self.dribble else [content]
            for piece in pieces:
                connection.sendall(piece)

    def _reply(self, connection: socket.socket, command: str, lines: list[str]) -> None:
        """All of a reply; with the checksum of a private command."""
        if command.startswith("p-") and not self.mlperf_only:
            content = command + "".join(f"{line}\r\n" for line in lines)
            lines = [*lines, f"p-crc-{zlib.crc32(content.encode()):08x}"]
        gone = lines[:1] if lines[:1] == ["p-go-16"] else []  # was sent before the picture came
        self._send(connection, *lines[len(gone) :], "m-ready")

    def _talk(self, connection: socket.socket) -> None:
        self._send(connection, "p-boot-[fake]", "m-timestamp-mode-performance", "m-ready")
        text = self.stale
        while True:
            byte = connection.recv(1)
            if not byte:
                raise EOFError
            if byte in b"\r\n":
                continue
            if byte != b"%":
                text += byte
                continue
            command, text = text.decode(), b""
            self.commands.append(command)
            if command.startswith("p-frame ") and not self.mlperf_only:
                self._take_frame(connection, command)
            else:
                self._reply(connection, command, self._answer(command))
            if self.fault and command == "p-run":
                return

    def _take_frame(self, connection: socket.socket, command: str) -> None:
        size = int(command.split()[1])
        if size != 16:
            return self._reply(connection, command, ["e-[frame: 16 bytes expected]"])
        self.frames += 1
        go = f"p-go-{size}"
        self._send(connection, go)
        if self.die_at and self.frames == self.die_at:
            connection.recv(3)
            raise EOFError
        content = b""
        while len(content) < size + 4:
            piece = connection.recv(size + 4 - len(content))
            if not piece:
                raise EOFError
            content += piece
        frame, crc = content[:size], struct.unpack("<I", content[size:])[0]
        if self.bad_crcs or zlib.crc32(frame) != crc:
            self.bad_crcs = max(0, self.bad_crcs - 1)
            refusal = "e-[frame: crc 00000000 expected ffffffff]"
            return self._reply(connection, command, [go, refusal])
        self.frame = frame
        self._reply(connection, command, [go, "p-frame-ok"])

    def _answer(self, command: str) -> list[str]:
        if command in self.extra:
            return self.extra[command]()
        if command == "name":
            return ["m-name-dut-[bitwake]"]
        if command == "profile":
            return ["m-profile-[bitwake]", "m-model-[toy]"]
        if command.startswith("db load "):
            self.frame = b""
            return [f"m-[Expecting {command[8:]} bytes]"]
        if command.startswith("db "):
            try:
                self.frame += bytes.fromhex(command[3:])
            except ValueError:
                return ["e-[db: not a hexadecimal digit]"]
            return ["m-load-done"] if len(self.frame) >= 16 else []
        if self.mlperf_only or not command.startswith("p-"):
            return ["e-[unknown command]"]
        if command == "p-info":
            return list(INFO)
        if command == "p-layers":
            return ["p-layer-0-[glt,other,0,image]", "p-layer-1-[bconv2d_bits,binary,512,conv, 1]"]
        if command == "p-mem":
            return ["p-mem-arena-512", "p-mem-stack-used-300", "p-mem-stack-size-4096",
                    "p-mem-flash-9000", "p-mem-ram-1500"]  # fmt: skip
        if command in ("p-run", "p-infer"):
            return [self.fault] if self.fault else self._run()
        return ["e-[unknown command]"]

    def _run(self) -> list[str]:
        share = sum(self.frame) / (255 * 16)
        first = struct.pack("<2f", 1 - share, share).hex()
        words = struct.pack("<20i", *range(20)).hex()
        lines = ["p-layer-0-100", "p-layer-1-900", "p-total-1003", f"p-out-0-{first}"]
        lines += [f"p-out-1-0-{words[:128]}", f"p-out-1-64-{words[128:]}"]
        if self.drop_tail:
            self.drop_tail -= 1
            lines.pop()
        return [*lines, f"m-results-[{1 - share:.3f},{share:.3f}]"]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry of its own: `python`, an emulated board with the default board's memory."""
    folder = tmp_path / "boards"
    for name in ("python", "netduino2plus", "host"):
        (folder / name).mkdir(parents=True)
        (folder / name / "board.json").write_text(json.dumps(MANIFEST))
    monkeypatch.setattr(boards, "BOARDS", folder)
    return folder


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeBoard]]:
    """Makes fake boards and takes them down again."""
    made: list[FakeBoard] = []

    def make(**plan: object) -> FakeBoard:
        made.append(FakeBoard(**plan))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for board in made:
        board.close()
