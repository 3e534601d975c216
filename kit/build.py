"""From a flatbuffer to a linked firmware: compile to C, run PlatformIO, read the sizes.

Everything lies in build/<board>/<model>-<digest>/: `model/` the generated C, `pio/` PlatformIO's
workspace, `build.log`, `stamp.json`. When no input has changed, nothing is run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convert.arrange import Options
from convert.errors import BitWakeError, BoardError, DependencyError, ModelError
from convert.select import CORES
from kit import console, sizes
from kit.boards import Board
from kit.files import ROOT, commit, lock, sha256, shown, tree_digest, write_whole
from kit.models import Model, labels_of

BUILD_DIGITS = 12  # of a digest, in the firmware
LOG_LINES = 12  # of a failed build, on the screen
NO_ROOM = "No space left on device"
LEAST_ROOM = 1 << 16  # bytes; below it the reason has found no room in the log either
NOISE = ("Verbose mode", "CONFIGURATION:", "LDF:", "Found ", "Scanning", "No dependencies")


@dataclass(frozen=True)
class Firmware:
    """A linked firmware.

    Attributes:
        board: for which board.
        model: of which model.
        folder: build/<board>/<model>-<digest>.
        elf: the ELF file (the program itself on the host board).
        sizes: of the ELF file.
        arena_bytes: of the model, in RAM.
        weights_bytes: of the model, in flash.
        build: digest of the sources, as `p-build` tells it.
    """

    board: Board
    model: Model
    folder: Path
    elf: Path
    sizes: sizes.Sizes
    arena_bytes: int
    weights_bytes: int
    build: str


def build(board: Board, model: Model) -> Firmware:
    """Builds the firmware of `model` for `board`, or finds it built, and checks that it fits.

    Raises:
        ModelError: the model does not compile, with the first reason.
        BoardError: it does not fit, or the build failed.
        DependencyError: PlatformIO or the cross compiler is missing.
    """
    folder = ROOT / "build" / board.id / model.key
    waiting = f"another build of {model.name} for {board.id} is running; waiting for it"
    with lock(folder / "build.lock", waiting):
        report = compile_to_c(model, folder / "model", board.core)
        arena, weights = int(report.arena_bytes), int(report.weights_bytes)
        stamp = _stamp(board, folder)
        elf = _built(folder, stamp)
        if elf is None:
            check_toolchain(board)
            (folder / "stamp.json").unlink(missing_ok=True)
            text = f"building {model.name} for {board.id} (log: {shown(folder)}/build.log)"
            with console.working(text):
                _run_platformio(board, folder, arena, weights)
            elf = _find_elf(board, folder)
            known = {"stamp": stamp, "elf": str(elf.relative_to(folder))}
            write_whole(folder / "stamp.json", json.dumps(known).encode())
    measured = sizes.measure(elf)
    made_of = sources(folder)[:BUILD_DIGITS]
    firmware = Firmware(board, model, folder, elf, measured, arena, weights, made_of)
    sizes.check(board, measured, arena, weights)
    return firmware


def check_toolchain(board: Board) -> None:
    """Refuses before PlatformIO spends a minute asking the network for a compiler.

    Raises:
        DependencyError: the board's compiler is missing, with the command that installs it.
        BoardError: the checkout lies where PlatformIO dies of the folder's name.
    """
    from kit.setup import programs

    check_place(ROOT)
    missing = programs.missing(["host-gcc" if board.emulator == "process" else "arm"])
    if missing:
        raise programs.by_hand(missing, f"what builds for {board.id} is not installed")


def check_place(root: Path) -> None:
    """Refuses a checkout whose path PlatformIO cannot write down.

    Raises:
        BoardError: a byte of the path belongs to no character.
    """
    try:
        str(root).encode()
    except UnicodeEncodeError as error:
        raise BoardError(
            "PlatformIO takes no folder whose name is not UTF-8",
            where=str(os.fsencode(root))[2:-1],
            found=str(os.fsencode(error.object[error.start : error.end]))[2:-1],
            remedy="rename that folder, or move the checkout to another",
        ) from error


def compile_to_c(model: Model, folder: Path, core: str) -> Any:
    """The compiler's report; the C is in `folder` afterwards.

    Files that did not change keep their time, so that the build finds them unchanged.

    Raises:
        ModelError: refused, with the first reason and the command that lists all.
    """
    from convert.compile import compile_model

    fresh = folder.with_name("model.new")
    shutil.rmtree(fresh, ignore_errors=True)
    labels = labels_of(model)
    extra: dict[str, Any] = {"labels": labels} if labels else {}
    options = replace(model.options, core=core)
    report = compile_model(model.path, fresh, name=model.name, options=options, **extra)
    if not report.ok:
        shutil.rmtree(fresh, ignore_errors=True)
        raise refused(model, report, core)
    folder.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in fresh.iterdir()}
    for old in folder.iterdir():
        if old.name not in names:
            old.unlink()
    for path in sorted(fresh.iterdir()):
        target = folder / path.name
        if not target.is_file() or target.read_bytes() != path.read_bytes():
            os.replace(path, target)
    shutil.rmtree(fresh, ignore_errors=True)
    return report


def refused(model: Model, report: Any, core: str) -> ModelError:
    """A model that does not compile for a core, as one message."""
    errors = list(report.as_dict()["errors"])
    first: Mapping[str, str] = errors[0] if errors else {}
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    for_core = f" --core {core}" if core in CORES and core != Options.core else ""
    return ModelError(
        f"{model.name} cannot be compiled: {first.get('rule', 'no reason given')}{more}",
        where=f"{shown(model.path)}, layer {first.get('layer', '')}",
        found=str(first.get("found", "")),
        remedy=f"{first.get('remedy', '')}; all reasons: kit compile {model.typed}{for_core}",
    )


def environment(board: Board, folder: Path) -> dict[str, str]:
    """What PlatformIO is told: our folders, no telemetry, no question to any server."""
    pio = folder / "pio"
    return {
        **os.environ,
        "BITWAKE_MODEL_DIR": str(folder / "model"),
        "BITWAKE_COMMIT": commit(),
        "BITWAKE_BUILD": sources(folder)[:BUILD_DIGITS],
        "PLATFORMIO_CORE_DIR": str(ROOT / ".platformio"),
        "PLATFORMIO_WORKSPACE_DIR": str(pio),
        "PLATFORMIO_BUILD_DIR": str(pio / "build"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_DISABLE_PROGRESSBAR": "true",
        "PLATFORMIO_NO_ANSI": "true",
        # The board's program may be found beside this interpreter (scons, cppcheck).
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def platformio(board: Board) -> list[str]:
    """`pio run` for the board, in the virtual environment that runs us."""
    return [sys.executable, "-m", "platformio", "run", "-d", str(ROOT / "mcu"), "-e", board.id]


def upload_command(firmware: Firmware, protocol: str) -> tuple[list[str], dict[str, str]]:
    """`pio run -t upload` over another protocol than the project's own, and its environment.

    Through the environment, because PlatformIO throws a build away when its configuration changes:
    what is written is the very file that was measured.
    """
    variables = environment(firmware.board, firmware.folder)
    command = [*platformio(firmware.board), "-t", "upload"]
    return command, {**variables, "BITWAKE_UPLOAD_PROTOCOL": protocol}


def _run_platformio(board: Board, folder: Path, arena: int, weights: int) -> None:
    log = folder / "build.log"
    line = platformio(board)
    with open(log, "w", encoding="utf-8") as stream:
        stream.write("$ " + " ".join(line) + "\n")
        stream.flush()
        try:
            process = subprocess.Popen(
                line,
                cwd=ROOT,
                env=environment(board, folder),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise BoardError("PlatformIO cannot be started", found=str(error)) from error
        try:
            status = process.wait()
        except BaseException:  # Ctrl-C: the compilers must not go on behind our back
            process.terminate()
            process.wait()
            raise
    if status:
        raise failed(board, log, arena, weights)


def failed(board: Board, log: Path, arena: int, weights: int) -> BitWakeError:
    """A failed build, told by what its log says."""
    text = log.read_text("utf-8", "replace")
    too_big = sizes.from_linker(board, text, arena, weights)
    if too_big is not None:
        return too_big
    if "No module named platformio" in text:
        return DependencyError(
            "PlatformIO is not installed", where=sys.executable, remedy="make boards sets it up"
        )
    if "UnknownEnvNamesError" in text:
        return BoardError(
            "PlatformIO does not know the board",
            where="mcu/platformio.ini",
            found=f"no section [env:{board.id}]",
            remedy="add it as docs/porting-a-board.md, section 5, shows",
        )
    if NO_ROOM in text or shutil.disk_usage(log.parent).free < LEAST_ROOM:
        return BoardError(
            f"the firmware for {board.id} could not be built: the disk is full",
            where=shown(log.parent),
            found=NO_ROOM,
            remedy="free some space there and in the folder of temporary files, then run the "
            "command again",
        )
    return BoardError(
        f"the firmware for {board.id} could not be built",
        where=shown(log),
        found="\n         ".join(relevant(text)),
        remedy="the log has everything; if a generated file is named there, it is a bug of the kit",
    )


def relevant(text: str) -> list[str]:
    """The lines of a build log that say why: errors first, otherwise its end."""
    rows = [row for row in text.splitlines() if row.strip() and not row.startswith(NOISE)]
    telling = [row for row in rows if "error" in row.lower() or "undefined reference" in row]
    return [row[:160] for row in (telling[:LOG_LINES] or rows[-LOG_LINES:])]


def sources(folder: Path) -> str:
    """Digest of the sources of a firmware: its own, those of the boards, the network's in `folder`.

    Not the checkout's commit: what else changes there changes no firmware.
    """
    return tree_digest([ROOT / "mcu", ROOT / "boards", folder / "model"])


def _stamp(board: Board, folder: Path) -> str:
    """Digest of everything that the firmware is made of."""
    import platformio as package

    parts = [sources(folder), str(package.VERSION), sys.executable, commit(), str(folder), board.id]
    return sha256(os.fsencode("\n".join(parts)))


def _built(folder: Path, stamp: str) -> Path | None:
    """The ELF of an earlier build from the same inputs."""
    try:
        known = json.loads((folder / "stamp.json").read_text("utf-8"))
        elf = folder / known["elf"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return elf if known.get("stamp") == stamp and elf.is_file() else None


def _find_elf(board: Board, folder: Path) -> Path:
    built = folder / "pio" / "build" / board.id
    for name in ("firmware.elf", "program"):
        if (built / name).is_file():
            return built / name
    raise BoardError(
        "PlatformIO built no firmware",
        where=shown(built),
        found=", ".join(sorted(path.name for path in built.glob("*"))) or "nothing",
        remedy=f"see {shown(folder / 'build.log')}",
    )
