"""The board registry: boards/<id>/board.json, PlatformIO's manifest with a `bitwake` section."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.errors import BoardError, did_you_mean
from kit.files import ROOT, shown

BOARDS = ROOT / "boards"
DEFAULT = "netduino2plus"
QEMU = "qemu-system-arm"


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes:
        id: the folder's name, PlatformIO's environment.
        name: for people.
        core: cortex-m4, …; `native` for the host.
        flash_bytes, ram_bytes: limits; 0 where there is none (host).
        stack_bytes: of RAM, reserved by the linker script; 0 when it reserves none.
        emulator: `qemu`, `process` (the firmware is a program of this machine) or ''.
        machine: QEMU's name of the board.
        icount: QEMU's rule for the guest's clock; a fixed shift makes runs repeat exactly.
        emulator_args: further arguments of the emulator.
        serial: how the serial line is reached on silicon, for people.
        baud: bits a second.
        camera: what camera it has, for people.
        silicon: what was tried on the real part, for people.
        toolchain: which compiler.
        notes: anything else worth a line.
        protocols: ways of upload that PlatformIO knows for it.
    """

    id: str
    name: str
    core: str
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    emulator: str
    machine: str
    icount: str
    emulator_args: tuple[str, ...]
    serial: str
    baud: int
    camera: str
    silicon: str
    toolchain: str
    notes: str
    protocols: tuple[str, ...]

    @property
    def emulated(self) -> bool:
        """Whether a process stands in for it."""
        return bool(self.emulator)

    @property
    def emulator_name(self) -> str:
        """For people."""
        return {"qemu": f"QEMU {self.machine}", "process": "this machine"}.get(self.emulator, "–")

    def emulator_command(self, program: Path, port: int) -> list[str]:
        """The command that runs `program` with its serial line on a TCP port; [] when none does."""
        if self.emulator == "process":
            return [str(program), "--port", str(port), *self.emulator_args]
        if self.emulator != "qemu":
            return []
        return [
            QEMU,
            *("-M", self.machine),
            *("-nodefaults", "-display", "none", "-monitor", "none"),
            *(("-icount", self.icount) if self.icount else ()),
            *("-semihosting-config", "enable=on,target=native"),
            "-chardev",
            f"socket,id=line,host=127.0.0.1,port={port},server=on,wait=on,nodelay=on",
            *("-serial", "chardev:line"),
            *self.emulator_args,
            *("-kernel", str(program)),
        ]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def all_boards() -> list[Board]:
    """Every board, sorted by id.

    Raises:
        BoardError: a board.json is damaged.
    """
    return [read(path) for path in sorted(BOARDS.glob("*/board.json"))]


def find(name: str) -> Board:
    """The board of that id.

    Raises:
        BoardError: there is none, with those that exist and the closest name.
    """
    path = BOARDS / name / "board.json"
    if name and "/" not in name and path.is_file():
        return read(path)
    known = sorted(path.parent.name for path in BOARDS.glob("*/board.json"))
    hint = did_you_mean(name, known, cutoff=0.4)
    raise BoardError(
        "there is no such board",
        found=name or "an empty name",
        remedy=f"{hint}there are: {', '.join(known)}; docs/porting-a-board.md tells how to add one",
    )


def read(path: Path) -> Board:
    """A board from its manifest.

    Raises:
        BoardError: no JSON, a field is missing or of the wrong type, or a core that is not known.
    """
    try:
        manifest = json.loads(path.read_text("utf-8"))
        return _board(path.parent.name, manifest)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    except KeyError as error:
        raise _damaged(path, f"no field {error}") from error
    except (TypeError, AttributeError) as error:
        raise _damaged(path, f"a field of the wrong type ({error})") from error


def _damaged(path: Path, found: str) -> BoardError:
    return BoardError(
        "a board's description is damaged",
        where=shown(path),
        found=found,
        remedy="compare it with boards/netduino2plus/board.json",
    )


def _core(name: str) -> str:
    """The name itself. Another than these would be compiled for as if it were a Cortex-M4."""
    from convert.select import CORES  # brings numpy

    if name != "native" and name not in CORES:
        known = ", ".join(sorted(CORES))
        raise ValueError(f"bitwake.core {name!r}; known are {known} and native: take the nearest")
    return name


def _board(name: str, manifest: dict[str, Any]) -> Board:
    ours = manifest["bitwake"]
    upload = manifest.get("upload", {})
    emulator = ours.get("emulator") or {}
    serial = ours.get("serial") or {}
    return Board(
        id=name,
        name=manifest["name"],
        core=_core(ours["core"]),
        flash_bytes=int(upload.get("maximum_size") or 0),
        ram_bytes=int(upload.get("maximum_ram_size") or 0),
        stack_bytes=int(manifest.get("build", {}).get("memory", {}).get("stack_size") or 0),
        emulator=str(emulator.get("kind", "")),
        machine=str(emulator.get("machine", "")),
        icount=str(emulator.get("icount", "")),
        emulator_args=tuple(str(word) for word in emulator.get("args", ())),
        serial=str(serial.get("port", "")),
        baud=int(serial.get("baud", 115200)),
        camera=str(ours.get("camera") or "none"),
        silicon=str(ours.get("silicon") or ""),
        toolchain=str(ours.get("toolchain") or ""),
        notes=str(ours.get("notes") or ""),
        protocols=tuple(str(name) for name in upload.get("protocols", ())),
    )
