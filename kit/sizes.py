"""How much flash and RAM a firmware takes, read from its ELF file, against what the board has.

The lines are in PlatformIO's shape, because people know it:
`RAM:   [==        ]  15.9% (used 52244 bytes from 327680 bytes)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from convert.errors import BoardError
from kit.boards import Board

SHF_WRITE = 0x1
SHF_ALLOC = 0x2
SHF_TLS = 0x400
BAR = 10  # characters between the brackets
LARGEST_SYMBOLS = 3
# GNU ld: `region `RAM' overflowed by 1234 bytes`, and the section that did it.
OVERFLOW = re.compile(r"region [`'\"]?(\w+)[`'\"]? overflowed by (\d+) bytes")
WILL_NOT_FIT = re.compile(r"section [`'\"]?([.\w]+)[`'\"]? will not fit in region [`'\"]?(\w+)")
TOO_BIG = re.compile(r"program size \((\d+) bytes\) is greater than maximum allowed \((\d+) bytes")
RAM_REGION = re.compile(r"ram|dtcm|data", re.IGNORECASE)


@dataclass(frozen=True)
class Sizes:
    """Bytes of a linked firmware.

    Attributes:
        flash: code, constants and the initial values of variables.
        ram: variables, arena, and what the linker script reserves for stack and heap.
        sections: allocated sections, name to size.
        parts: the largest objects in RAM, name to size, largest first.
    """

    flash: int
    ram: int
    sections: dict[str, int] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)


def measure(elf: Path) -> Sizes:
    """Reads the sizes from an ELF file.

    Raises:
        BoardError: the file is no ELF.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    flash = ram = 0
    sections: dict[str, int] = {}
    objects: list[tuple[int, str]] = []
    try:
        with open(elf, "rb") as stream:
            file = ELFFile(stream)
            in_ram = set()
            for index, section in enumerate(file.iter_sections()):
                flags, size = section["sh_flags"], section["sh_size"]
                if not flags & SHF_ALLOC or not size:
                    continue
                sections[section.name] = size
                loaded = section["sh_type"] != "SHT_NOBITS"
                if flags & SHF_WRITE or not loaded:
                    ram += size
                    in_ram.add(index)
                if loaded:
                    flash += size
            table = file.get_section_by_name(".symtab")
            for symbol in table.iter_symbols() if table else ():
                if symbol["st_shndx"] in in_ram and symbol["st_info"]["type"] == "STT_OBJECT":
                    objects.append((symbol["st_size"], symbol.name))
    except (OSError, ELFError) as error:
        raise BoardError("the firmware is no ELF file", where=str(elf), found=str(error)) from error
    largest = sorted(objects, key=lambda item: (-item[0], item[1]))[:LARGEST_SYMBOLS]
    parts = {name: size for size, name in largest}
    parts.update({name: sections[name] for name in sections if "stack" in name or "heap" in name})
    return Sizes(flash, ram, sections, parts)


def bar(label: str, used: int, limit: int) -> str:
    """One line in PlatformIO's shape; without a limit just the number."""
    if limit <= 0:
        return f"{label + ':':<7}used {used} bytes"
    share = used / limit
    filled = min(BAR, round(share * BAR))
    gauge = "=" * filled + " " * (BAR - filled)
    return f"{label + ':':<7}[{gauge}] {share:6.1%} (used {used} bytes from {limit} bytes)"


def lines(board: Board, sizes: Sizes) -> list[str]:
    """The two lines for people."""
    return [bar("RAM", sizes.ram, board.ram_bytes), bar("Flash", sizes.flash, board.flash_bytes)]


def check(board: Board, sizes: Sizes, arena: int = 0, weights: int = 0) -> None:
    """Refuses a firmware that the board cannot hold.

    Raises:
        BoardError: with needed and available bytes, and what takes them.
    """
    for name, used, limit in (
        ("RAM", sizes.ram, board.ram_bytes),
        ("flash", sizes.flash, board.flash_bytes),
    ):
        if limit and used > limit:
            raise does_not_fit(board, name, used, limit, arena, weights, sizes.parts)


def from_linker(board: Board, log: str, arena: int, weights: int) -> BoardError | None:
    """The linker's or PlatformIO's complaint about size in numbers, or None when it has none.

    Args:
        board: the board.
        log: everything the build printed.
        arena: the model's arena, bytes of RAM.
        weights: the model's constants, bytes of flash.
    """
    overflows: dict[str, int] = {}
    for region, text in OVERFLOW.findall(log):
        overflows[region] = max(overflows.get(region, 0), int(text))
    for region in sorted(overflows, key=lambda name: -overflows[name]):
        in_ram = bool(RAM_REGION.search(region))
        limit = board.ram_bytes if in_ram else board.flash_bytes
        name = "RAM" if in_ram else "flash"
        return does_not_fit(board, name, limit + overflows[region], limit, arena, weights, {})
    match = TOO_BIG.search(log)
    if match:
        used, limit = int(match.group(1)), int(match.group(2))
        return does_not_fit(board, "flash", used, limit, arena, weights, {})
    return None


def does_not_fit(
    board: Board,
    memory: str,
    used: int,
    limit: int,
    arena: int,
    weights: int,
    parts: dict[str, int],
) -> BoardError:
    """The refusal with its numbers."""
    shares: list[str] = []
    if memory == "RAM":
        if arena:
            shares.append(f"the model's arena {arena:,}")
        if board.stack_bytes:
            shares.append(f"the stack {board.stack_bytes:,}")
    elif weights:
        shares.append(f"the model's weights {weights:,}")
    if not shares:
        shares = [f"{name} {size:,}" for name, size in parts.items()]
    known = (arena + board.stack_bytes) if memory == "RAM" else weights
    if known and used > known:
        shares.append(f"the rest {used - known:,}")
    what = "a smaller arena (smaller input, fewer channels)" if memory == "RAM" else "fewer weights"
    first = ""
    if memory == "RAM" and arena and limit > used - arena:
        first = f"--max-ram {limit - (used - arena)}, with --rows if that is not enough; or "
    taken = f": {', '.join(shares)}" if shares else ""
    larger = roomy(used, memory) or "`kit boards` lists them"
    return BoardError(
        f"the model does not fit into the {memory} of {board.id}; nothing was written to the board",
        where=f"{board.id}: {limit:,} bytes of {memory}",
        found=f"{used:,} bytes needed, {used - limit:,} too many{taken}",
        remedy=f"{first}take a model with {what}, or a larger board: {larger}",
    )


def roomy(needed: int, memory: str) -> str:
    """Boards with at least `needed` bytes of that memory, by name."""
    from kit import boards

    found: Iterable[Board] = boards.all_boards()
    fits = [
        board.id
        for board in found
        if (board.ram_bytes if memory == "RAM" else board.flash_bytes) >= needed
    ]
    return ", ".join(fits)
