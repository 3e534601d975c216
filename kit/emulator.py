"""Processes that stand in for boards: QEMU, or the firmware built for this machine.

Each listens on a TCP port of the loopback that carries the serial line. A process started for one
verb dies with it, whatever happens; one started by `flash` stays, and a state file under build/
says where it is.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from convert.errors import BoardError, DependencyError
from kit.boards import Board
from kit.files import ROOT, shown, write_whole

HOST = "127.0.0.1"
START_SECONDS = 20.0
PORT_TRIES = 5
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Running:
    """An emulated board that `flash` left running."""

    board: str
    pid: int
    born: int  # start time in clock ticks since boot: tells the process from a later namesake
    port: int
    program: str
    model: str

    @property
    def url(self) -> str:
        """For pyserial."""
        return f"socket://{HOST}:{self.port}"


def without_emulator(board: Board) -> BoardError:
    """A board that is reached by a serial port alone, where none was named."""
    return BoardError(
        "this board has no emulator",
        where=board.id,
        remedy="plug it in, `kit flash` it and name its serial port: --port /dev/ttyACM0",
    )


def command_line(board: Board, program: Path, port: int) -> list[str]:
    """The command that runs `program` as the board, its serial line on `port`.

    Raises:
        DependencyError: the emulator is not installed.
        BoardError: the board has none.
    """
    line = board.emulator_command(program, port)
    if not line:
        raise without_emulator(board)
    if "/" not in line[0] and shutil.which(line[0]) is None:
        raise DependencyError(
            f"the emulator of {board.id} is not installed",
            found=f"no {line[0]} on PATH",
            remedy="sudo apt-get install qemu-system-arm",
        )
    return line


def free_port() -> int:
    """A TCP port of the loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def check_port(port: int) -> None:
    """Refuses a port that somebody listens on.

    Raises:
        BoardError: with the owner's process where the system tells it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BoardError(
                "the port is busy",
                where=f"{HOST}:{port}",
                found=owner_of(port) or (error.strerror or str(error)),
                remedy="stop that process, or leave --tcp-port out: a free one is taken then",
            ) from error


def owner_of(port: int) -> str:
    """`process 123 (name)` that listens on a TCP port, or '' when the system does not tell."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            for row in Path(table).read_text("ascii").splitlines()[1:]:
                cells = row.split()
                if cells[3] == "0A" and int(cells[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{cells[9]}]")
    if not inodes:
        return ""
    for process in sorted(Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(OSError):
            for entry in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(entry) in inodes:
                        name = (process / "comm").read_text("utf-8", "replace").strip()
                        return f"process {process.name} ({name})"
    return ""


def born(pid: int) -> int | None:
    """Start time of a living process in clock ticks since boot; None when there is none."""
    try:
        cells = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if cells[0] in ("Z", "X") else int(cells[19])


def _die_with_parent() -> Callable[[], None]:
    """What the child calls before exec: the kernel kills it when the starting thread ends."""
    libc = ctypes.CDLL(None, use_errno=True)

    def set_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return set_signal


class Emulator:
    """One board's process, from `with` to the end of the block.

    It runs in a group of its own, so that Ctrl-C reaches us and not it. It is stopped at the end
    of the block, at exit, and by the kernel when the thread that started it ends by force.

    Args:
        board: which.
        program: the firmware.
        port: TCP port of the loopback; None takes a free one.
        keep: leave it running after this process (for `flash`); what it prints goes to `log`.
        log: file for what the process prints; None keeps it in memory for the error message.
    """

    def __init__(
        self,
        board: Board,
        program: Path,
        port: int | None = None,
        keep: bool = False,
        log: Path | None = None,
    ) -> None:
        self.board = board
        self.program = program
        self.port = 0
        self._wanted = port
        self._keep = keep
        self._log = log
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the serial line is, for pyserial."""
        return f"socket://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the process and waits until it listens.

        Raises:
            BoardError: the port is busy, or the process ended at once, with what it said.
            DependencyError: the emulator is not installed.
        """
        if self._wanted is not None:
            check_port(self._wanted)
        for left in reversed(range(PORT_TRIES)):
            self.port = self._wanted or free_port()
            self._spawn(command_line(self.board, self.program, self.port))
            try:
                return self._wait_for_port()
            except BoardError as error:
                self.stop()
                taken = "address already in use" in error.found.lower()
                if self._wanted is not None or not taken or left == 0:
                    raise

    def _spawn(self, line: list[str]) -> None:
        if self._log is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._output = open(self._log, "w+b")
        else:
            self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=None if self._keep else _die_with_parent(),
        )
        if not self._keep:
            atexit.register(self.stop)

    def _wait_for_port(self) -> None:
        """Looks into the system's table instead of connecting: one host is all that it takes."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if listens(self.port):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        status = self._process.poll()
        ended = "no port" if status is None else f"exit status {status}"
        raise BoardError(
            f"the emulator of {self.board.id} did not start",
            where=" ".join(command_line(self.board, self.program, self.port)[:4]) + " …",
            found=" / ".join(filter(None, (self.said(), ended))),
            remedy="run that command by hand to see more",
        )

    def said(self) -> str:
        """The last lines that the process printed."""
        if self._output is None:
            return ""
        self._output.seek(0)
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return " / ".join(lines[-3:])[:300]

    def exit_status(self) -> int | None:
        """None while it runs; otherwise its status, negative for a signal."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        """Ends the process; calling it again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.stop)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if self._output is not None:
            self._output.close()
            self._output = None

    def detach(self, model: str) -> Running:
        """Leaves the process running and writes the state file that `running` reads."""
        assert self._process is not None
        pid = self._process.pid
        running = Running(self.board.id, pid, born(pid) or 0, self.port, str(self.program), model)
        write_whole(state_file(self.board.id), json.dumps(asdict(running)).encode())
        # The child outlives us on purpose; without this Popen warns about it.
        self._process.returncode = 0
        self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None
        return running


def listens(port: int) -> bool:
    """Whether somebody listens on a TCP port of this machine."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for row in Path(table).read_text("ascii").splitlines()[1:]:
                cells = row.split()
                if cells[3] == "0A" and int(cells[1].rpartition(":")[2], 16) == port:
                    return True
    return False


def state_file(board: str) -> Path:
    """Where `flash` remembers the process."""
    return ROOT / "build" / board / "running.json"


def running(board: str) -> Running | None:
    """The emulated board that `flash` left running, if it still does."""
    try:
        state = Running(**json.loads(state_file(board).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return state if born(state.pid) == state.born else None


def stop_running(board: str) -> Running | None:
    """Ends the board that `flash` left running; None when there was none."""
    state = running(board)
    if state is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(state.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5.0
        while born(state.pid) == state.born and time.monotonic() < deadline:
            time.sleep(0.02)
    with contextlib.suppress(OSError):
        state_file(board).unlink()
    return state


def must_run(board: Board) -> Running:
    """The running emulated board.

    Raises:
        BoardError: it does not run, or has no emulator.
    """
    if not board.emulated:
        raise without_emulator(board)
    state = running(board.id)
    if state is None:
        raise BoardError(
            "no such board is running",
            where=board.id,
            found=f"no live process in {shown(state_file(board.id))}",
            remedy=f"start it: kit flash --board {board.id} --model MODEL",
        )
    return state
