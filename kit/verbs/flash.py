"""Builds the firmware of a model for a board, prints RAM and flash, and writes it to the board.

An emulated board is started and keeps running for `kit monitor`; flashing it again replaces it.
With --silicon the firmware goes to the real part through OpenOCD. That way was never tried on
silicon by the makers of BitWake.

Examples:
  python -m kit flash --board netduino2plus --model scenes-wake
  python -m kit flash --stop
  python -m kit flash --model scenes-wake --build-only --json sizes.json
  python -m kit flash --model scenes-wake --silicon
"""

from __future__ import annotations

import argparse
import subprocess

from convert.errors import BoardError, DependencyError
from kit import boards, build, console, emulator
from kit.boards import Board
from kit.build import Firmware
from kit.cli import typed
from kit.files import ROOT, shown, write_json
from kit.link.device import Device
from kit.session import SYNCHRONISE_SECONDS
from kit.verbs import shared

UNTRIED = "note: never tried on silicon by us; watch the first start"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--board, --model, --tcp-port, --stop, --build-only, --silicon."""
    shared.board_argument(parser)
    shared.model_argument(parser)
    parser.add_argument(
        "--tcp-port", type=shared.tcp_port, help="of the emulated serial line (default: a free one)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stop", action="store_true", help="stop the emulated board that runs")
    what.add_argument("--build-only", action="store_true", help="print the sizes, write nothing")
    what.add_argument("--silicon", action="store_true", help="write to the real part (OpenOCD)")


def run(args: argparse.Namespace) -> int:
    """Builds and writes."""
    board = boards.find(args.board)
    if args.tcp_port and (args.stop or args.build_only or args.silicon):
        raise BoardError(
            "--tcp-port is of the emulated board that is started",
            found="--stop" if args.stop else "--build-only" if args.build_only else "--silicon",
            remedy="leave one of the two out",
        )
    if args.stop:
        stopped = emulator.stop_running(board.id)
        console.say(f"{board.id}: {'stopped' if stopped else 'was not running'}")
        if args.json:
            write_json(args.json, {"board": board.id, "stopped": stopped is not None})
        return 0
    model = shared.model_of(args)
    if args.tcp_port:
        emulator.stop_running(board.id)
        emulator.check_port(args.tcp_port)
    if args.silicon:
        protocol(board)  # before a build that would be for nothing
    firmware = shared.built(board, model)
    result: dict[str, object] = {
        "board": board.id,
        "model": model.name,
        "model_sha256": model.sha256,
        "elf": str(firmware.elf),
        "flash_bytes": firmware.sizes.flash,
        "flash_limit": board.flash_bytes,
        "ram_bytes": firmware.sizes.ram,
        "ram_limit": board.ram_bytes,
        "arena_bytes": firmware.arena_bytes,
        "weights_bytes": firmware.weights_bytes,
    }
    if args.build_only:
        console.say(f"built {shown(firmware.elf)}; nothing was written to a board")
    elif args.silicon or not board.emulated:
        upload(firmware)
    else:
        state = start(firmware, args.tcp_port)
        result |= {"pid": state.pid, "url": state.url}
    if args.json:
        write_json(args.json, result)
    return 0


def start(firmware: Firmware, port: int | None) -> emulator.Running:
    """Starts the emulated board, waits until it answers, and leaves it running."""
    board = firmware.board
    if emulator.stop_running(board.id):
        console.say(f"stopped the {board.id} that ran before")
    log = firmware.folder / "emulator.log"
    process = emulator.Emulator(board, firmware.elf, port, keep=True, log=log)
    try:
        process.start()
        with Device(process.url, board.baud, board.id, firmware.elf) as device:
            device.synchronise(SYNCHRONISE_SECONDS, booting=True)
        state = process.detach(firmware.model.name)
    except BaseException:
        process.stop()
        raise
    console.say(
        f"{firmware.model.name} runs on the emulated {board.id} (process {state.pid}); "
        f"serial line {state.url}\n"
        + typed(
            f"watch it: kit monitor --board {board.id}\n"
            f"stop it:  kit flash --board {board.id} --stop"
        )
    )
    return state


def protocol(board: Board) -> str:
    """How the real part is written.

    Raises:
        BoardError: there is none.
    """
    hardware = [name for name in board.protocols if name != "emulator"]
    if not hardware:
        raise BoardError("this board is no hardware", where=board.id, remedy="leave --silicon out")
    return hardware[0]


def upload(firmware: Firmware) -> None:
    """Writes the firmware to the real part.

    Raises:
        BoardError: the upload failed, with its last lines.
    """
    board = firmware.board
    console.say(UNTRIED)
    log = firmware.folder / "upload.log"
    command, variables = build.upload_command(firmware, protocol(board))
    with open(log, "w", encoding="utf-8") as stream:
        status = subprocess.run(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        ).returncode
    if status and "HTTPClientError" in log.read_text("utf-8", "replace"):
        raise DependencyError(
            "PlatformIO could not load its own openocd, which it uploads with",
            where=shown(log),
            found="HTTPClientError",
            remedy="the first upload needs the network, or openocd: sudo apt-get install openocd; "
            "then run the same command again",
        )
    if status:
        raise BoardError(
            f"the upload to {board.id} failed",
            where=shown(log),
            found="\n         ".join(build.relevant(log.read_text("utf-8", "replace"))),
            remedy="is the probe (ST-Link) plugged in, and openocd installed? "
            "sudo apt-get install openocd",
        )
    console.say(typed(f"written to {board.id}; watch it: kit monitor --port /dev/ttyACM0"))
