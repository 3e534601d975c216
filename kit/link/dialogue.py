"""The rhythm of the serial protocol: a question, its whole reply, checked; and again when lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from convert.errors import BoardError
from kit.link import faults, replies
from kit.link.wire import LinkLostError, LinkTimeoutError, Wire

T = TypeVar("T")
Self = TypeVar("Self", bound="Dialogue")
READY = "m-ready"
BOOTED = "m-init-done"
KINDS = ("m-", "p-", "e-[")  # how lines of the protocol begin; all else is noise
SILENCE_SECONDS = 30.0  # between two lines of a reply that computes nothing
END_SECONDS = 5.0  # between a reply's checksum and its m-ready
# More than a picture and its check; without a %, so that the rest is one command, which is refused.
FILLER = bytes(1 << 15) + b"%"
OLD_REFUSALS = 8  # that may still come behind the answer to `name`
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


class Dialogue:
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
        self._checks = False  # until it has told a checksum; from then on none may lack

    def __enter__(self: Self) -> Self:
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
            self.banner += self._read(seconds, booting=True)[:-1]
        self._find_name(seconds)
        question = b"profile%"
        for _ in range(OLD_REFUSALS):
            try:
                self._ask(question, "profile", seconds, "m-profile-")
                return
            except DeviceError:
                question = b""  # that was an old refusal; the answer is still to come
        raise LinkTimeoutError("the board only refuses", where=self.url, found="profile")

    def _find_name(self, seconds: float) -> None:
        last: BoardError | None = None
        for share, before, refusals in (
            (0.1, b"", 1),
            (0.1, b"", 1),
            (0.3, FILLER, 4),
            (0.5, b"", 4),  # a slow board refuses the filler only now
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
        return self._judge(text, self._read(seconds, wanted))

    def _read(
        self, seconds: float, wanted: str = "", go: str = "", booting: bool = False
    ) -> list[str]:
        """The lines of the protocol up to `m-ready`, or up to one that begins as `go` does.

        Args:
            seconds: longest silence.
            wanted: a line that begins so, or a refusal, comes before the end; what comes before
                such a line is of an earlier reply.
            go: what else ends it.
            booting: the banner is expected.

        Raises:
            FaultError: the firmware crashed. LinkTimeoutError: silence.
            LinkLostError: the line broke, or the board was reset.
            GarbledError: the end is missing behind the checksum.
        """
        lines: list[str] = []
        seen, refused, line = not wanted, False, ""
        silence = time.monotonic() + seconds
        for _ in range(MOST_LINES):
            try:
                line = self._wire.read_line(max(0.0, silence - time.monotonic()))
            except LinkTimeoutError as error:
                if seen and lines and replies.CHECK.match(lines[-1]):
                    raise replies.garbled("m-ready", "no such line behind p-crc") from error
                raise
            ours = line.startswith(KINDS)
            # The banner after a crash tells the fault again; by then the board is well.
            fault = faults.parse(line) if seen else None
            if fault is not None:
                raise faults.describe(fault, self.board, self.elf)
            if line == BOOTED and seen and not booting:
                raise self._reset()
            if wanted and line.startswith(wanted):
                seen, refused, lines = True, False, []
            refused |= line.startswith("e-[")
            if ours:
                lines.append(line)
                if not seen:
                    self.banner.append(line)
            if (line == READY or (go and line.startswith(go))) and (seen or refused):
                return lines
            if seen or ours:
                silence = time.monotonic() + seconds
            if seen and replies.CHECK.match(line):
                silence = time.monotonic() + min(seconds, END_SECONDS)
        raise BoardError("the board does not stop talking", where=self.url, found=line[:80])

    def _judge(self, text: str, lines: list[str]) -> list[str]:
        """The lines of a whole reply to command `text`, without checksum and `m-ready`.

        Raises:
            GarbledError: what arrived is not what the board sent, or it understood another command.
            DeviceError: a refusal.
        """
        lines = lines[:-1]
        refusals = [line for line in lines if line.startswith("e-[")]
        if text.startswith("p-"):
            whole = replies.checked(text, lines)
            if whole is not None:
                self._checks, lines = True, whole
            elif self._checks or not refusals:  # a device that knows no p- refuses without
                raise replies.garbled(f"{text}, p-crc", "no such line")
        if refusals:
            raise DeviceError(refusals[-1][3:].removesuffix("]"), text, self.url)
        return lines

    def _reset(self) -> LinkLostError:
        return LinkLostError(
            f"{self.board} was reset",
            where=self.url,
            found=f"{BOOTED} in the middle of the work",
            remedy="check its power; the picture in it and its figures are lost",
        )

    def _recover(self) -> None:
        """Finds the protocol's rhythm again behind a damaged reply.

        Raises:
            LinkLostError: the board was reset meanwhile.
        """
        boots = self.banner.count(BOOTED)
        self.synchronise()
        if self.banner.count(BOOTED) != boots:
            raise self._reset()

    def ask(self, text: str, read: Callable[[list[str]], T], seconds: float = SILENCE_SECONDS) -> T:
        """What `read` makes of the reply to a command that may be given twice.

        Where the first reply was damaged it is given once more.

        Args:
            text: the command.
            read: raises GarbledError where lines are missing.
            seconds: longest silence between two lines.

        Raises:
            GarbledError: the second reply was damaged, too. Otherwise as `command`.
        """
        try:
            return read(self.command(text, seconds))
        except replies.GarbledError:
            self._recover()
            return read(self.command(text, seconds))
