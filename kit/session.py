"""A board at work: the process behind it, the connection to it, and both again when they break."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from convert.errors import BoardError
from kit import console
from kit.boards import Board
from kit.emulator import Emulator
from kit.link.device import Device
from kit.link.wire import LinkLostError

T = TypeVar("T")
RESTARTS = 3
SYNCHRONISE_SECONDS = 45.0
REOPEN_SECONDS = 2.0


class Session:
    """A connected board, from `with` to the end of the block.

    Args:
        board: which.
        program: the firmware's ELF; started when the board is emulated, and used to explain
            crashes. None only with `url`.
        url: serial port of a board that runs already; None starts the emulator.
        announce: called with a line of text when something is restarted.
    """

    def __init__(
        self,
        board: Board,
        program: Path | None,
        url: str | None = None,
        announce: Callable[[str], None] = console.say,
    ) -> None:
        self.board = board
        self.restarts = 0
        self._program = program
        self._url = url
        self._announce = announce
        self._emulator: Emulator | None = None
        self._device: Device | None = None

    def __enter__(self) -> Session:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def device(self) -> Device:
        """The connection as it is now; do not keep it over a call of `attempt`."""
        assert self._device is not None
        return self._device

    @property
    def emulator(self) -> Emulator | None:
        """The process behind the board, if we started one."""
        return self._emulator

    def open(self) -> None:
        """Starts what must be started and connects.

        Raises:
            BoardError: the board does not start or does not answer.
        """
        try:
            url, booting = self._url, self._url is None
            if url is None:
                assert self._program is not None
                self._emulator = Emulator(self.board, self._program)
                self._emulator.start()
                url = self._emulator.url
            self._device = Device(url, self.board.baud, self.board.id, self._program)
            self._device.synchronise(SYNCHRONISE_SECONDS, booting)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnects and stops what was started."""
        if self._device is not None:
            self._device.close()
            self._device = None
        if self._emulator is not None:
            self._emulator.stop()
            self._emulator = None

    def attempt(self, work: Callable[[Device], T]) -> T:
        """Does `work` with the device; when the line breaks, opens it again and repeats the work.

        At most RESTARTS times in the life of a session. A crash of the firmware is not repeated:
        it would come again.

        Raises:
            LinkLostError: the line broke once too often.
        """
        while True:
            try:
                return work(self.device)
            except LinkLostError as error:
                self._restart(error)

    def _restart(self, error: LinkLostError) -> None:
        reason: BoardError = error
        while self.restarts < RESTARTS:
            self.restarts += 1
            status = self._emulator.exit_status() if self._emulator else None
            ended = f" (the emulator ended with status {status})" if status is not None else ""
            action = "opening the port again" if self._url else "restarting the emulator"
            self._announce(
                f"{self.board.id}: {reason.what}{ended}; {action}, "
                f"attempt {self.restarts} of {RESTARTS}"
            )
            self.close()
            if self._url is not None:
                time.sleep(REOPEN_SECONDS)  # a USB port comes back after a reset, not at once
            try:
                return self.open()
            except BoardError as again:
                reason = again
        raise LinkLostError(
            f"the line to {self.board.id} broke {RESTARTS + 1} times",
            where=error.where,
            found=reason.found or reason.what,
            remedy="check power and cable; for an emulated board, what kills the emulator?",
        ) from error
