"""A board that speaks BitWake's serial protocol (or plain MLPerf Tiny's), as an object."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from convert.errors import BoardError
from kit.link import faults, replies
from kit.link.wire import LinkTimeoutError, Wire

T = TypeVar("T")
READY = "m-ready"
SILENCE_SECONDS = 30.0  # between two lines of a reply that computes nothing
RUN_SECONDS = 300.0  # an emulated network may take minutes on a busy machine
FRAME_TRIES = 4
# More than a picture and its check; without a %, so that the rest is one command, which is refused.
FILLER = bytes(1 << 15) + b"%"
DB_BYTES = 26  # a `db` command takes 31; MLPerf's runner sends 26 through a power manager
MOST_LINES = 100_000  # of one reply; a board that babbles for ever is not listened to for ever


class DeviceError(BoardError):
    """The board answered with `e-[…]`."""

    def __init__(self, text: str, command: str, url: str) -> None:
        super().__init__(
            "the board refused a command",
            where=f"{url}, command {command[:60]!r}",
            found=text,
            remedy="does the firmware come from this checkout? `kit flash` renews it",
        )
        self.text = text


class Device:
    """One connection.

    Args:
        url: serial port or socket, see Wire.
        baud: bits a second on a real line.
        board: the board's name in messages.
        elf: the firmware's ELF file, to turn fault addresses into functions; None when unknown.

    Raises:
        LinkLostError: the port cannot be opened.
    """

    def __init__(
        self, url: str, baud: int = 115200, board: str = "the board", elf: Path | None = None
    ) -> None:
        self.url = url
        self.board = board
        self.elf = elf
        self.banner: list[str] = []
        self._wire = Wire(url, baud)
        self._info: replies.Info | None = None
        self._rows: list[replies.LayerRow] | None = None
        self._picture: bytes | None = None
        self._frames = True  # until the device says that it does not know p-frame

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the line."""
        self._wire.close()

    def synchronise(self, seconds: float = 20.0, booting: bool = False) -> None:
        """Finds the protocol's rhythm: whatever the line held, afterwards the next reply is ours.

        Asks for the name and skips everything up to its answer: the boot banner, noise, the end of
        an older reply. Half a command that lay in the board's buffer spoils the first question
        only, so the question is put again. A board that waits for the rest of a picture, an
        emulated one for ever, takes questions for pixels: before the third it is given FILLER, and
        refuses that picture. Answers to earlier questions may still come: a last, different one is
        put once, and what precedes its answer is skipped too.

        Args:
            seconds: for all of it.
            booting: the board starts just now: its banner comes first, and what is sent before it
                has ended is lost.

        Raises:
            LinkTimeoutError: no answer. LinkLostError: the line broke.
        """
        if booting:
            self.banner += self._reply("boot", seconds)
        self._find_name(seconds)
        question = b"profile%"
        while True:
            try:
                self._ask(question, "profile", seconds, "m-profile-")
                return
            except DeviceError:
                question = b""  # that was an old refusal; the answer is still to come

    def _find_name(self, seconds: float) -> None:
        last: BoardError | None = None
        for share, before, refusals in (
            (0.1, b"", 1),
            (0.1, b"", 1),
            (0.3, FILLER, 4),
            (0.5, b"", 1),
        ):
            question = before + b"name%"
            for _ in range(refusals):  # behind the filler: of the picture and of the filler's rest
                try:
                    self._ask(question, "name", seconds * share, "m-name-dut-")
                    return
                except DeviceError as error:
                    last, question = error, b""
                except LinkTimeoutError as error:
                    last = error
                    break
        assert last is not None
        raise last

    def command(self, text: str, seconds: float = SILENCE_SECONDS) -> list[str]:
        """Sends a command (without its %) and returns the reply's lines without `m-ready`.

        Args:
            text: the command.
            seconds: longest silence between two lines.

        Raises:
            DeviceError: the board answered e-[…]. FaultError: it crashed.
            LinkTimeoutError, LinkLostError: no answer.
        """
        return self._ask(text.encode("ascii") + b"%", text, seconds)

    def _ask(self, content: bytes, text: str, seconds: float, wanted: str = "") -> list[str]:
        self._wire.write(content)
        return self._reply(text, seconds, wanted)

    def _reply(self, text: str, seconds: float, wanted: str = "") -> list[str]:
        """Lines up to `m-ready`; with `wanted`, up to the first one after a line that begins so."""
        lines: list[str] = []
        seen = not wanted
        error: str | None = None
        silence = time.monotonic() + seconds
        while len(lines) < MOST_LINES:
            line = self._wire.read_line(max(0.0, silence - time.monotonic()))
            # The banner after a crash tells the fault again; by then the board is well.
            fault = faults.parse(line) if seen else None
            if fault is not None:
                raise faults.describe(fault, self.board, self.elf)
            if wanted and line.startswith(wanted):
                seen, error = True, None
            if line.startswith("e-["):
                error = line[3:].removesuffix("]")
            if line == READY and (seen or error is not None):
                if error is not None:
                    raise DeviceError(error, text, self.url)
                return lines
            if line != READY:
                lines.append(line)
                if not seen and line.startswith(("p-", "m-", "e-")):
                    self.banner.append(line)
            if seen or line.startswith(("m-", "p-", "e-")):
                silence = time.monotonic() + seconds
        raise BoardError("the board does not stop talking", where=self.url, found=lines[-1][:80])

    def info(self) -> replies.Info:
        """What runs there: board, unit, build, model, tensors. Asked once."""
        if self._info is None:
            self._info = self._again(lambda: replies.info(self.command("p-info")))
        return self._info

    def layers(self) -> list[replies.LayerRow]:
        """The layer table. Asked once."""
        if self._rows is None:
            self._rows = self._again(lambda: replies.layers(self.command("p-layers")))
        return self._rows

    def memory(self) -> dict[str, int]:
        """Bytes by name: arena, stack_used, stack_size, flash, ram."""
        return self._again(lambda: replies.whole_memory(self.command("p-mem")))

    def load(self, frame: bytes) -> None:
        """Sends one frame: all inputs, one after the other in the order of `info().inputs`.

        A transfer whose CRC fails is repeated. A device without `p-frame` gets MLPerf's `db`.

        Raises:
            BoardError: refused, or damaged FRAME_TRIES times.
        """
        if self._info is not None and self._info.by_rows:
            self._picture = frame  # it goes with the run
            return None
        if not self._frames:
            return self._load_db(frame)
        last: DeviceError | None = None
        for _ in range(FRAME_TRIES):
            try:
                return self._load_frame(frame)
            except DeviceError as error:
                if error.text.startswith("frame: crc") or error.text.startswith("frame: timeout"):
                    last = error
                elif error.text.startswith("frame"):
                    raise
                else:
                    self._frames = False
                    return self._load_db(frame)
        assert last is not None
        raise BoardError(
            f"a picture arrived damaged {FRAME_TRIES} times",
            where=self.url,
            found=last.text,
            remedy="check the cable, or lower the baud rate",
        ) from last

    def _load_frame(self, frame: bytes) -> None:
        text = f"p-frame {len(frame)}"
        lines = self._send(text, frame, SILENCE_SECONDS)
        if "p-frame-ok" not in lines:
            raise DeviceError("frame: crc (no acknowledgement)", text, self.url)

    def _send(self, text: str, frame: bytes, seconds: float) -> list[str]:
        """A command that takes a picture when it says p-go; the lines of its reply."""
        self._wire.write(text.encode() + b"%")
        while True:
            line = self._wire.read_line(SILENCE_SECONDS)
            if line.startswith("p-go-"):
                break
            if line.startswith("e-["):
                self._reply(text, SILENCE_SECONDS)  # its m-ready
                raise DeviceError(line[3:].removesuffix("]"), text, self.url)
            fault = faults.parse(line)
            if fault is not None:
                raise faults.describe(fault, self.board, self.elf)
        self._wire.write(frame + struct.pack("<I", zlib.crc32(frame)))
        return self._reply(text, seconds)

    def _load_db(self, frame: bytes) -> None:
        self.command(f"db load {len(frame)}")
        lines: list[str] = []
        for start in range(0, len(frame), DB_BYTES):
            lines = self.command("db " + frame[start : start + DB_BYTES].hex())
        if "m-load-done" not in lines:
            raise BoardError(
                "the board did not take the picture",
                where=f"{self.url}, `db` after {len(frame)} bytes",
                found=", ".join(lines) or "no m-load-done",
            )

    def run(self, layers: bool = True, seconds: float = RUN_SECONDS) -> replies.Run:
        """One inference on the loaded frame.

        Args:
            layers: with a tick count for each layer (the probe itself costs a little).
            seconds: longest silence.
        """
        expected = self.info()
        name = "p-run" if layers else "p-infer"
        timed = len(self.layers()) if layers else 0
        if expected.by_rows:
            return self._run_by_rows(name, seconds, expected, timed)
        return self._again(lambda: replies.run(self.command(name, seconds), expected, timed))

    def _run_by_rows(
        self, name: str, seconds: float, expected: replies.Info, timed: int
    ) -> replies.Run:
        """A run that takes the loaded picture over the line as it goes; damaged ones are repeated.

        Raises:
            BoardError: damaged FRAME_TRIES times.
        """
        last = DeviceError("no picture was loaded", name, self.url)
        for _ in range(FRAME_TRIES if self._picture is not None else 0):
            try:
                picture = self._picture or b""
                return replies.run(self._send(name, picture, seconds), expected, timed)
            except DeviceError as error:
                if not error.text.startswith("frame: "):
                    raise
                last = error
        raise BoardError("the picture did not arrive", where=self.url, found=last.text)

    def infer(self, frame: bytes, layers: bool = False) -> replies.Run:
        """Loads a frame and runs it."""
        self.load(frame)
        return self.run(layers)

    @staticmethod
    def _again(ask: Callable[[], T]) -> T:
        """Asks a second time when the first reply was damaged; inference keeps its inputs."""
        try:
            return ask()
        except replies.GarbledError:
            return ask()
