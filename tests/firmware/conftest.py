"""Firmware built by PlatformIO around hand-written networks, and raw lines to it.

A build is made once for all test processes: it lies beside their temporary folders.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit import boards, build, emulator
from kit.files import ROOT, lock

FIXTURE = Path(__file__).parent / "fixture_model"
FRAME = 32 * 32  # bytes of the fixture model's input
BANNER = b"m-init-done\r\nm-ready\r\n"


def checked(command: bytes, reply: bytes) -> bytes:
    """The whole reply to a private command: its lines, their checksum, the end."""
    return reply + b"p-crc-%08x\r\nm-ready\r\n" % zlib.crc32(command + reply)


def objects_of(folder: Path) -> Path:
    """Where object files are shared; as in a fresh clone, the build makes its parent."""
    return folder.parent / "shared" / "objects"


def pio(
    environment: str, folder: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess:
    """`pio run` for an environment of mcu/platformio.ini; the network is in folder/model.

    Objects are shared within the test run only: one from elsewhere would come without its warnings.
    """
    board = boards.find(environment.removesuffix("_sanitized"))
    objects = {"BITWAKE_OBJECTS": str(objects_of(folder))}
    line = [sys.executable, "-m", "platformio", "run", "-d", str(ROOT / "mcu"), "-e", environment]
    return subprocess.run(
        [*line, *words],
        env={**build.environment(board, folder), "BITWAKE_COMMIT": "test", **objects, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def compile_firmware(environment: str, network: Path, folder: Path) -> Path:
    """The ELF of the firmware, built once; a warning fails every test that asks for it."""
    with lock(folder / "lock", f"waiting for {folder.name}"):
        log = folder / "log"
        if not log.is_file():
            shutil.copytree(network, folder / "model", dirs_exist_ok=True)
            result = pio(environment, folder)
            log.write_text(result.stderr + ("" if result.returncode == 0 else result.stdout))
    assert not log.read_text(), log.read_text()[:4000]
    return folder / "pio" / "build" / environment / "firmware.elf"


@pytest.fixture(scope="session")
def firmware(tmp_path_factory) -> Callable[..., Path]:
    """firmware("netduino2plus") is the ELF with the fixture model."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make(environment: str, network: Path = FIXTURE) -> Path:
        return compile_firmware(environment, network, base / f"{environment}-{network.name}")

    return make


class Line:
    """Bytes to and from a firmware over TCP, exactly as they come."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def until(self, end: bytes) -> bytes:
        """What comes, up to and with `end`."""
        content = b""
        while not content.endswith(end):
            byte = self._socket.recv(1)
            assert byte, f"the line broke after {content[-200:]!r}"
            content += byte
        return content

    def ask(self, command: bytes) -> bytes:
        """The reply to one command, with its last line."""
        self.send(command + b"%")
        return self.until(b"m-ready\r\n")


@pytest.fixture
def opened(firmware) -> Iterator[Callable[..., Line]]:
    """opened("host") boots the firmware and gives the line behind the banner."""
    running: list[tuple[emulator.Emulator, Line]] = []

    def boot(name: str, network: Path = FIXTURE) -> Line:
        process = emulator.Emulator(boards.find(name), firmware(name, network))
        process.start()
        line = Line(process.port)
        line.exit_status = lambda: wait_for_end(process)  # type: ignore[attr-defined]
        running.append((process, line))
        assert line.until(b"m-ready\r\n") == BANNER
        return line

    yield boot
    for process, line in running:
        line.close()
        process.stop()


def wait_for_end(process: emulator.Emulator, seconds: float = 20.0) -> int | None:
    """The status with which the board's process ends by itself; None when it does not."""
    deadline = time.monotonic() + seconds
    while process.exit_status() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return process.exit_status()
