"""Lines over a serial port or a socket: bounded, timed, tolerant of noise and partial reads."""

from __future__ import annotations

import queue
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from convert.errors import BoardError

LONGEST_LINE = 4096  # bytes; the protocol's longest is far shorter, what exceeds it is noise
POLL_SECONDS = 0.1
WRITE_SECONDS = 60.0  # an emulated UART takes 5-40 KB/s


class LinkLostError(BoardError):
    """The line is gone: the cable was pulled, the emulator died. Worth opening again."""


class LinkTimeoutError(LinkLostError):
    """The board said nothing for too long."""


class Wire:
    """A byte pipe cut into lines.

    Args:
        url: what pyserial's serial_for_url takes: /dev/ttyACM0, socket://127.0.0.1:5555.
        baud: bits a second on a real line; ignored by sockets.

    Raises:
        LinkLostError: the port cannot be opened.
    """

    def __init__(self, url: str, baud: int = 115200) -> None:
        import serial

        self.url = url
        self._broken: tuple[type[BaseException], ...] = (
            serial.SerialException,
            OSError,
            queue.Full,  # loop:// with nobody who reads
        )
        self._buffer = bytearray()
        self._discarding = False
        self.dropped = 0  # bytes of over-long lines, for the curious
        try:
            if url.startswith("socket://") and urlsplit(url).port is None:
                raise ValueError("a socket without a port number: socket://HOST:PORT")
            self._port: Any = serial.serial_for_url(
                url,
                baud,
                do_not_open=True,
                # Two programs on one line would each get half of the replies.
                exclusive=None if "://" in url else True,
                timeout=POLL_SECONDS,
                write_timeout=WRITE_SECONDS,
            )
            if url.startswith("socket://"):
                # pyserial throws away what a socket holds when it opens: the boot banner.
                self._port.reset_input_buffer = lambda: None  # type: ignore[method-assign]
            self._port.open()
            self._socket: socket.socket | None = getattr(self._port, "_socket", None)
            if self._socket is not None:
                # Short commands must not wait for the acknowledgement of the last one.
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except ValueError as error:
            raise BoardError(
                "this is no serial port", where=url, found=str(error), remedy=_remedy(url)
            ) from error
        except self._broken as error:
            raise LinkLostError(
                "the serial port cannot be opened", where=url, found=str(error), remedy=_remedy(url)
            ) from error

    def close(self) -> None:
        """Closes the port; a port that is already gone is fine."""
        try:
            self._port.close()
        except self._broken:
            pass
        if self._socket is not None:
            self._socket.close()  # pyserial leaves it open when the peer went first

    def write(self, content: bytes) -> None:
        """Sends all of `content`.

        Raises:
            LinkLostError: the line is gone or the board takes no bytes.
        """
        try:
            self._port.write(content)
            self._port.flush()
        except self._broken as error:
            raise self._lost(error) from error

    def read_line(self, seconds: float) -> str:
        """The next line without its end; bytes that no line of the protocol holds are dropped.

        Raises:
            LinkTimeoutError: no whole line within `seconds`.
            LinkLostError: the line is gone.
        """
        deadline = time.monotonic() + seconds
        while True:
            line = self._take_line()
            if line is not None:
                return line
            if time.monotonic() >= deadline:
                got = bytes(self._buffer[:60]).decode("ascii", "replace")
                raise LinkTimeoutError(
                    f"the board said nothing for {seconds:g} s",
                    where=self.url,
                    found=f"the beginning of a line: {got!r}" if got else "silence",
                    remedy="is this the right port, and is BitWake's firmware on the board?",
                )
            self._buffer += self._read_some()

    def read_text(self) -> str:
        """Whatever has come, not cut into lines; '' when nothing comes for a moment."""
        content = bytes(self._buffer) or self._read_some()
        self._buffer.clear()
        return content.decode("ascii", "replace")

    def _take_line(self) -> str | None:
        while True:
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) > LONGEST_LINE:
                    self.dropped += len(self._buffer)
                    self._buffer.clear()
                    self._discarding = True
                return None
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._discarding or len(line) > LONGEST_LINE:
                self.dropped += len(line)
                self._discarding = False
                continue
            return "".join(chr(byte) for byte in line if 32 <= byte < 127)

    def _read_some(self) -> bytes:
        """One byte, or more if more is there; empty after POLL_SECONDS of silence."""
        try:
            first: bytes = self._port.read(1)
        except self._broken as error:
            raise self._lost(error) from error
        try:
            waiting = self._port.in_waiting if first else 0
            return first + self._port.read(waiting) if waiting else first
        except self._broken:
            return first  # a closed socket counts as readable; the next read will tell

    def _lost(self, error: BaseException) -> LinkLostError:
        return LinkLostError(
            "the serial line broke",
            where=self.url,
            found=str(error) or "it takes no more bytes",
            remedy="check the cable, or whether the emulator was stopped",
        )


def _remedy(url: str) -> str:
    if "://" in url:
        return "is the board running? `kit flash --board …` starts an emulated one"
    return "is the board plugged in, is no other program on the port, are you in group dialout?"
