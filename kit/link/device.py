"""A board that speaks BitWake's serial protocol (or plain MLPerf Tiny's), as an object."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from convert.errors import BoardError
from kit.link import replies
from kit.link.dialogue import READY, SILENCE_SECONDS, DeviceError, Dialogue

__all__ = ["Device", "DeviceError"]
T = TypeVar("T")
PROTOCOL = "2"
RUN_SECONDS = 300.0  # an emulated network may take minutes on a busy machine
FRAME_TRIES = 4
DB_BYTES = 26  # a `db` command takes 31; MLPerf's runner sends 26 through a power manager


class Device(Dialogue):
    """A connected board and what it runs; arguments and errors as Dialogue's."""

    def __init__(
        self, url: str, baud: int = 115200, board: str = "the board", elf: Path | None = None
    ) -> None:
        super().__init__(url, baud, board, elf)
        self._info: replies.Info | None = None
        self._rows: list[replies.LayerRow] | None = None
        self._picture: bytes | None = None
        self._frames = True  # until the device says that it does not know p-frame

    def info(self) -> replies.Info:
        """What runs there: board, unit, build, model, tensors. Asked once."""
        if self._info is None:
            info = self.ask("p-info", replies.info)
            spoken = info.fields.get("protocol", "1")
            if spoken != PROTOCOL:
                raise BoardError(
                    "the firmware speaks another version of the serial protocol",
                    where=self.url,
                    found=f"version {spoken}, not {PROTOCOL}",
                    remedy="`kit flash` of this checkout renews the firmware",
                )
            self._info = info
        return self._info

    def layers(self) -> list[replies.LayerRow]:
        """The layer table. Asked once."""
        if self._rows is None:
            self._rows = self.ask("p-layers", replies.layers)
        return self._rows

    def memory(self) -> dict[str, int]:
        """Bytes by name: arena, stack_used, stack_size, flash, ram."""
        return self.ask("p-mem", replies.whole_memory)

    def load(self, frame: bytes) -> None:
        """Sends one frame: all inputs, one after the other in the order of `info().inputs`.

        A transfer whose CRC fails is repeated. A device without `p-frame` gets MLPerf's `db`.

        Raises:
            BoardError: refused, or damaged FRAME_TRIES times.
        """
        self._picture = frame
        if self._info is not None and self._info.by_rows:
            return None  # it goes with the run
        if not self._frames:
            return self._load_db(frame)
        try:
            return self._until_whole(lambda: self._load_frame(frame))
        except DeviceError as error:
            if error.text.startswith("frame"):
                raise
        self._frames = False
        return self._load_db(frame)

    def _until_whole(self, send: Callable[[], T]) -> T:
        """What `send` gives, which takes a picture along; at most FRAME_TRIES times.

        Raises:
            BoardError: picture or reply were damaged every time.
        """
        last: BoardError | None = None
        for _ in range(FRAME_TRIES):
            try:
                return send()
            except DeviceError as error:
                if not error.text.startswith(("frame: crc", "frame: timeout")):
                    raise
                last = error
            except replies.GarbledError as error:
                last = error
            self._recover()  # a byte too many in a picture is the first of the next command
        assert last is not None
        raise BoardError(
            f"a picture or the answer to it arrived damaged {FRAME_TRIES} times",
            where=self.url,
            found=last.text if isinstance(last, DeviceError) else last.found,
            remedy="check the cable, or lower the baud rate",
        ) from last

    def _load_frame(self, frame: bytes) -> None:
        text = f"p-frame {len(frame)}"
        if "p-frame-ok" not in self._send(text, frame, SILENCE_SECONDS):
            raise replies.garbled("p-frame-ok", "no such line")

    def _send(self, text: str, frame: bytes, seconds: float) -> list[str]:
        """A command that takes a picture when it says p-go; the lines of its reply."""
        self._wire.write(text.encode() + b"%")
        lines = self._read(SILENCE_SECONDS, go="p-go-")
        if lines[-1] != READY:
            self._wire.write(frame + struct.pack("<I", zlib.crc32(frame)))
            lines += self._read(seconds)
        return self._judge(text, lines)

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

        def ask() -> replies.Run:
            if expected.by_rows:
                assert self._picture is not None
                lines = self._send(name, self._picture, seconds)
            else:
                lines = self.command(name, seconds)
            return replies.run(lines, expected, timed)

        if expected.by_rows:
            if self._picture is None:
                raise BoardError("no picture was loaded", where=self.url, found=name)
            return self._until_whole(ask)
        try:
            return ask()
        except replies.GarbledError:
            self._recover()
            if self._picture is not None:
                self.load(self._picture)  # a board that was reset unnoticed has lost it
            return ask()

    def infer(self, frame: bytes, layers: bool = False) -> replies.Run:
        """Loads a frame and runs it."""
        self.info()  # whether it takes frames by rows, and that it tells checksums
        self.load(frame)
        return self.run(layers)
