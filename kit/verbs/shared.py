"""Arguments and steps that several verbs have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from convert.arrange import AUTO, Options
from convert.errors import BitWakeError, BoardError, DependencyError
from convert.layout import LAYOUTS
from convert.level_choice import TABLE
from convert.memory import FUSED
from kit import boards, build, console, emulator, models, sizes
from kit.boards import Board
from kit.build import Firmware
from kit.files import ROOT
from kit.link.device import Device
from kit.link.replies import Info
from kit.models import Model
from kit.session import Session

UNKNOWN = "unknown"  # of a firmware that PlatformIO built without the kit
UNFINISHED = "unfinished.json"  # what a run that was stopped had so far
# What ends a run early: an error, Ctrl-C, or SIGTERM, which kit.__main__ makes an exception.
STOPS = (BitWakeError, KeyboardInterrupt, SystemExit)


def board_argument(parser: argparse.ArgumentParser) -> None:
    """--board."""
    parser.add_argument(
        "--board", default=boards.DEFAULT, metavar="ID", help=f"default {boards.DEFAULT}"
    )


def model_argument(parser: argparse.ArgumentParser) -> None:
    """--model."""
    parser.add_argument("--model", metavar="MODEL", help="a name in models/, or a .tflite")
    compile_arguments(parser)


def compile_arguments(parser: argparse.ArgumentParser) -> None:
    """--layout, --max-ram, --rows: how a model is compiled."""
    parser.add_argument(
        "--layout",
        metavar="WHAT",
        action="append",
        default=[],
        help="auto (default), packed, planar, table, LAYER=packed|planar|table or POOL=fused; may "
        "be repeated",
    )
    parser.add_argument(
        "--max-ram", type=positive, metavar="BYTES", help="of the arena; trades instructions for it"
    )
    parser.add_argument(
        "--rows",
        action="store_true",
        help="feed the picture by rows while the network runs; it is never stored as a whole",
    )


def compile_options(args: argparse.Namespace) -> Options:
    """The options that compile_arguments() added."""
    layout, layouts = AUTO, {}
    for text in args.layout:
        name, equals, value = text.rpartition("=")
        if equals:
            layouts[name] = value
        else:
            layout = value
        if value not in (*LAYOUTS, AUTO, TABLE, *([FUSED] if equals else [])):
            raise BitWakeError(
                "there is no such layout",
                found=text,
                remedy="auto, packed, planar, table, or LAYER=packed, LAYER=planar, LAYER=table, "
                "POOL=fused",
            )
    return Options(layout=layout, layouts=layouts, max_ram=args.max_ram, rows=args.rows)


def model_of(args: argparse.Namespace) -> Model:
    """The model that --model names, with its options."""
    return replace(models.only_or_named(args.model), options=compile_options(args))


def port_argument(parser: argparse.ArgumentParser) -> None:
    """--port."""
    parser.add_argument(
        "--port",
        metavar="URL",
        help="serial port of a board that runs already (/dev/ttyACM0, socket://host:port)",
    )


def positive(text: str) -> int:
    """An argument that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def seed(text: str) -> int:
    """An argument that noise is made from."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is no seed: 0, 1, 2 …")
    return value


def tcp_port(text: str) -> int:
    """An argument that is a port to listen on."""
    value = int(text)
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 1 to 65535")
    return value


def built(board: Board, model: Model) -> Firmware:
    """Builds the firmware and prints its sizes, before anything is written anywhere."""
    firmware = build.build(board, model)
    for line in sizes.lines(board, firmware.sizes):
        console.say(line)
    return firmware


def open_session(board: Board, firmware: Firmware, port: str | None) -> Session:
    """A session on the emulated board, or on the real one at `port`.

    Raises:
        BoardError: a board without emulator and no port named.
    """
    if port is None and not board.emulated:
        raise emulator.without_emulator(board)
    return Session(board, firmware.elf, port)


def check_identity(info: Info, model: Model, board: Board) -> None:
    """Refuses to measure one board or model and report another.

    Raises:
        BoardError: the firmware was made for another board, or from another file.
    """
    told = info.fields.get("board", "")
    if told and told != board.id:
        raise BoardError(
            "another board answers on this port",
            where=board.id,
            found=f"the firmware of {told}",
            remedy=f"--board {told}, or the port of {board.id}",
        )
    on_board = info.fields.get("sha256", "")
    if on_board and on_board != model.sha256:
        raise BoardError(
            "another model runs on the board",
            where=board.id,
            found=f"{info.fields.get('model', '?')} {on_board[:12]}, not {model.name} "
            f"{model.sha256[:12]}",
            remedy=_flash(info, board, model),
        )


def _flash(info: Info, board: Board, model: Model) -> str:
    """The command that renews the firmware of the board that answers, emulated or real."""
    real = info.fields.get("emulated") == "0" and board.emulator != "process"
    return f"kit flash --board {board.id} --model {model.typed}" + (" --silicon" if real else "")


def check_build(info: Info, memory: Mapping[str, int], firmware: Firmware) -> None:
    """Refuses to measure one build of a model and report the sizes and options of another.

    What the firmware is made of decides, not the commit: a change elsewhere in the checkout, or
    one that was committed since, changes no firmware.

    Args:
        info: what the board tells of itself.
        memory: the same, in bytes; flash is 0 where it cannot tell.

    Raises:
        BoardError: the firmware on the board was compiled with other options, of other sources or
            by another compiler.
    """
    told = info.fields.get("build", UNKNOWN)
    there = (memory["arena"], memory["flash"] or firmware.sizes.flash)
    here = (firmware.arena_bytes, firmware.sizes.flash)
    if there == here and told in (firmware.build, UNKNOWN):
        return
    raise BoardError(
        "another build of this model runs on the board",
        where=firmware.board.id,
        found=f"arena {there[0]:,} bytes, flash {there[1]:,} bytes, sources {told}, commit "
        f"{info.fields.get('commit', UNKNOWN)}; as asked for here arena {here[0]:,}, flash "
        f"{here[1]:,}, sources {firmware.build}",
        remedy="give the --layout, --max-ram and --rows that it was flashed with; or flash what is "
        "asked for: " + _flash(info, firmware.board, firmware.model),
    )


def memory_behind(session: Session, run: Callable[[Device], object]) -> dict[str, int]:
    """What p-mem says behind inferences: a board that was started anew has used no stack yet.

    Args:
        session: in which the network has run.
        run: runs it once more.
    """
    before = session.restarts

    def ask(device: Device) -> dict[str, int]:
        if session.restarts != before:
            run(device)
        return device.memory()

    return session.attempt(ask)


def provenance(board: Board, info: Info, model: Model) -> dict[str, str]:
    """Where figures come from: the fields that every figure carries."""
    get: Mapping[str, str] = info.fields
    return {
        "board": board.id,
        "core": get.get("core", board.core),
        "unit": info.unit,
        "compiler": get.get("compiler", "unknown"),
        "flags": get.get("flags", "unknown"),
        "commit": get.get("commit", "unknown"),
        "model": model.name,
        "model_sha256": model.sha256,
    }


def say_provenance(fields: Mapping[str, str]) -> None:
    """The same for people."""
    console.say(
        f"board {fields['board']} ({fields['core']}), unit {fields['unit']}, "
        f"{fields['compiler']}\nflags {fields['flags']}\n"
        f"commit {fields['commit']}, model {fields['model']} sha256 {fields['model_sha256'][:16]}…"
    )


def full_set(verb: str) -> DependencyError:
    """What a verb says that needs TensorFlow or LCE where only the small set is installed."""
    return DependencyError(
        f"`kit {verb}` needs the full dependency set (TensorFlow, Larq, LCE)",
        found="only the small set is installed",
        remedy=f"make {verb} …, or make test: either installs it into .venv",
    )


def run_folder(kind: str, board: Board, model: Model) -> Path:
    """runs/<kind>/<board>-<model>; where another model of that name has its figures, with ten
    digits of this one's digest."""
    more = model.key.removeprefix(f"{model.name}-{model.sha256[:10]}")
    usual = ROOT / "runs" / kind / f"{board.id}-{model.name}{more}"
    for name in (f"{kind}.json", UNFINISHED):
        try:
            other = json.loads((usual / name).read_text("utf-8"))["model_sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if other != model.sha256:
            return usual.with_name(f"{usual.name}-{model.sha256[:10]}")
    return usual
