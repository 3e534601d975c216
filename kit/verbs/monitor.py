"""Shows a board's serial line, each line with its time; a typed line is sent with % appended.

The emulated board that `kit flash` left running is found by itself. Ctrl-C ends; the board stays.

Examples:
  python -m kit monitor --board netduino2plus
  python -m kit monitor --once p-info
  python -m kit monitor --port /dev/ttyACM0 --log serial.log
  echo p-mem | python -m kit monitor
"""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from convert.errors import BitWakeError
from kit import boards, console, emulator
from kit.files import write_json
from kit.link.device import Device
from kit.link.wire import Wire
from kit.verbs import shared

IDLE_SECONDS = 3.0  # after the end of piped commands, silence for so long ends the monitor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --port, --baud, --log, --once."""
    shared.board_argument(parser)
    shared.port_argument(parser)
    parser.add_argument("--baud", type=shared.positive, help="bits a second (default: the board's)")
    parser.add_argument("--log", metavar="FILE", help="append every line to this file too")
    parser.add_argument("--once", metavar="CMD", help="send one command, print its reply, end")


def run(args: argparse.Namespace) -> int:
    """Talks until Ctrl-C, until standard input has ended and the board is silent, or once."""
    board = boards.find(args.board)
    url = args.port or emulator.must_run(board).url
    baud = args.baud or board.baud
    if args.once is not None:
        command = args.once.strip().removesuffix("%")
        if not (command and command.isascii() and command.isprintable()) or "%" in command:
            raise BitWakeError(
                "--once takes one command of printable ASCII",
                found=repr(args.once),
                remedy="several commands, one a line: printf 'name\\np-info\\n' | kit monitor",
            )
        with Device(url, baud, board.id) as device:
            device.synchronise()
            lines = device.command(command)
        for line in lines:
            console.say(line)
        if args.json:
            write_json(args.json, {"board": board.id, "command": args.once, "lines": lines})
        return 0
    console.say(f"{board.id} on {url}; a line and Enter sends it with %, Ctrl-C ends")
    wire = Wire(url, baud)
    lines = []
    told: dict[str, object] = {"board": board.id, "lines": lines}
    try:
        with log_file(args.log) as log:
            for line in stream(wire):
                now = clock(time.time())
                console.say(f"{now}  {line}")
                if args.json:
                    lines.append(line)
                if log is not None:
                    log.write(f"{now}  {line}\n")
                    log.flush()
    except KeyboardInterrupt:
        console.say("")
    except BitWakeError as error:
        told["error"] = error.as_dict()  # beside the lines, in one document
        error.reported = True  # type: ignore[attr-defined]
        raise
    finally:
        wire.close()
        if args.json:
            write_json(args.json, told)
    return 0


def clock(seconds: float) -> str:
    """Local time of day with milliseconds, of seconds since 1970."""
    whole, rest = divmod(int(seconds * 1000), 1000)
    return time.strftime("%H:%M:%S", time.localtime(whole)) + f".{rest:03d}"


@contextlib.contextmanager
def log_file(name: str | None) -> Iterator[TextIO | None]:
    """The log, opened for appending."""
    if name is None:
        yield None
        return
    try:
        handle = open(Path(name), "a", encoding="utf-8")
    except OSError as error:
        raise BitWakeError(
            "the log cannot be opened", where=name, found=error.strerror or str(error)
        ) from error
    with handle:
        yield handle


def stream(wire: Wire) -> Iterator[str]:
    """Lines of the board; meanwhile sends what comes on standard input.

    After the end of standard input it goes on until the board is silent for IDLE_SECONDS.
    """
    typed = Typed()
    pending = ""
    heard = time.monotonic()
    while typed.open or time.monotonic() - heard < IDLE_SECONDS:
        for command in typed.commands():
            wire.write(command.encode("ascii", "replace") + b"%")
            heard = time.monotonic()
        text = wire.read_text()
        if text:
            heard = time.monotonic()
            *whole, pending = (pending + text).replace("\r", "").split("\n")
            yield from whole
    if pending:
        yield pending


class Typed:
    """Commands from standard input, read without waiting: a terminal, a pipe or a file."""

    def __init__(self) -> None:
        self.open = True
        self._rest = b""
        self._selector: selectors.BaseSelector | None = selectors.DefaultSelector()
        try:
            self._handle = sys.stdin.fileno()
            self._selector.register(self._handle, selectors.EVENT_READ)
        except PermissionError:  # a plain file cannot be waited for; it never makes us wait
            self._selector = None
        except (ValueError, OSError, AttributeError):
            self.open = False

    def commands(self) -> list[str]:
        """The commands that have come in whole, without %."""
        if not self.open or (self._selector is not None and not self._selector.select(0)):
            return []
        content = os.read(self._handle, 4096)
        self.open = bool(content)
        *whole, self._rest = (self._rest + content + (b"" if content else b"\n")).split(b"\n")
        texts = (line.decode("utf-8", "replace").strip().removesuffix("%") for line in whole)
        return [text for text in texts if text]
