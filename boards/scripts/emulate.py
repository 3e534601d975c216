"""What `pio run -t upload` and `-t poweroff` call for a board that is a process of this machine.

The process stays behind and waits at the project's monitor_port, so that `pio device monitor`
finds it; `kit monitor` finds it too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from convert.errors import BitWakeError, BoardError
from kit import boards, emulator


def port_of(url: str) -> int:
    """The port in socket://127.0.0.1:5405.

    Raises:
        BoardError: there is none.
    """
    try:
        port = urlsplit(url).port
    except ValueError:
        port = None
    if not url.startswith("socket://") or not port:
        raise BoardError(
            "the emulated board's serial line needs a port of this machine",
            where="monitor_port in platformio.ini",
            found=url or "nothing",
            remedy="monitor_port = socket://127.0.0.1:5405",
        )
    return port


def start(board: boards.Board, url: str, program: Path) -> None:
    """Starts the board in the place of one that runs already."""
    emulator.stop_running(board.id)
    log = program.with_name("emulator.log")
    process = emulator.Emulator(board, program.resolve(), port_of(url), keep=True, log=log)
    try:
        process.start()
        state = process.detach("")
    except BaseException:
        process.stop()
        raise
    print(f"{board.id} waits at {state.url} (process {state.pid}); it boots when the monitor comes")


def main() -> int:
    """`start` or `stop`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("start", "stop"))
    parser.add_argument("--board", required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--program", type=Path)
    args = parser.parse_args()
    try:
        board = boards.find(args.board)
        if args.verb == "start":
            start(board, args.url, args.program)
        else:
            stopped = emulator.stop_running(board.id)
            print(f"{board.id} {'stopped' if stopped else 'was not running'}")
    except BitWakeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
