"""Fault lines of the firmware, explained: register bits by name, addresses by function.

Bit names and meanings: Armv7-M Architecture Reference Manual, B3.2.15 (CFSR) and B3.2.16 (HFSR).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from convert.errors import BoardError

CFSR_BITS = {
    0: "IACCVIOL: instruction fetched from a forbidden region",
    1: "DACCVIOL: data access to a forbidden region",
    3: "MUNSTKERR: memory fault while returning from an exception",
    4: "MSTKERR: memory fault while entering an exception (stack overflow?)",
    5: "MLSPERR: memory fault while saving floating-point registers",
    7: "MMARVALID: the address is known",
    8: "IBUSERR: instruction fetched from where there is no memory",
    9: "PRECISERR: data access to where there is no memory",
    10: "IMPRECISERR: an earlier data access went to where there is no memory",
    11: "UNSTKERR: bus fault while returning from an exception",
    12: "STKERR: bus fault while entering an exception (stack overflow?)",
    13: "LSPERR: bus fault while saving floating-point registers",
    15: "BFARVALID: the address is known",
    16: "UNDEFINSTR: undefined instruction",
    17: "INVSTATE: jump to an address without the Thumb bit",
    18: "INVPC: bad return from an exception",
    19: "NOCP: the coprocessor (floating-point unit) is switched off",
    20: "STKOF: stack limit exceeded",
    24: "UNALIGNED: unaligned access",
    25: "DIVBYZERO: division by zero",
}
HFSR_BITS = {
    1: "VECTTBL: the vector table could not be read",
    30: "FORCED: a configurable fault escalated",
    31: "DEBUGEVT: a breakpoint without a debugger",
}
LINE = re.compile(r"p-fault-\[([^\]]*)\]?")
REGISTER = re.compile(r"\b([a-z0-9]+)=(?:0x)?([0-9a-fA-F]{1,16})\b")


@dataclass(frozen=True)
class Fault:
    """One fault as the firmware printed it; registers are unsigned integers."""

    name: str
    registers: dict[str, int] = field(default_factory=dict)

    def reasons(self) -> list[str]:
        """What CFSR and HFSR say, one sentence a bit."""
        out = []
        for register, bits in (("cfsr", CFSR_BITS), ("hfsr", HFSR_BITS)):
            value = self.registers.get(register, 0)
            out += [text for bit, text in bits.items() if value >> bit & 1]
        return out


class FaultError(BoardError):
    """The firmware crashed and told where."""


def parse(line: str) -> Fault | None:
    """The fault in a line, or None when the line holds none."""
    match = LINE.search(line)
    if match is None:
        return None
    text = match.group(1)
    registers = {name: int(value, 16) for name, value in REGISTER.findall(text)}
    name = REGISTER.split(text, maxsplit=1)[0].strip() or "fault"
    return Fault(name, registers)


def symbol_of(elf: Path, address: int) -> str:
    """`function+0x12` for an address in code, or '' when no function holds it."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    address &= ~1  # bit 0 of a Thumb address is the instruction set
    try:
        with open(elf, "rb") as stream:
            table = ELFFile(stream).get_section_by_name(".symtab")
            for symbol in table.iter_symbols() if table else ():
                if symbol["st_info"]["type"] != "STT_FUNC":
                    continue
                start = symbol["st_value"] & ~1
                if start <= address < start + max(symbol["st_size"], 1):
                    return f"{symbol.name}+0x{address - start:x}"
    except (OSError, ELFError):
        pass
    return ""


def line_of(elf: Path, address: int) -> str:
    """`file.c:123` by addr2line, or '' when the program or the line information is missing."""
    tool = shutil.which("arm-none-eabi-addr2line") or shutil.which("addr2line")
    if tool is None:
        return ""
    try:
        result = subprocess.run(
            [tool, "-e", str(elf), hex(address & ~1)], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    place = result.stdout.strip()
    return "" if result.returncode or place.startswith("?") else place


def describe(fault: Fault, board: str, elf: Path | None) -> FaultError:
    """The message for people: what, where in the source, which bits."""
    places = []
    for name in ("pc", "lr"):
        if name in fault.registers:
            address = fault.registers[name]
            text = f"{name} 0x{address:08x}"
            if elf is not None:
                known = [part for part in (symbol_of(elf, address), line_of(elf, address)) if part]
                text += f" ({', '.join(known)})" if known else ""
            places.append(text)
    reasons = fault.reasons()
    if reasons and "addr" in fault.registers and any("VALID" in reason for reason in reasons):
        reasons.append(f"address 0x{fault.registers['addr']:08x}")
    cfsr = fault.registers.get("cfsr")
    found = "; ".join(reasons) or (f"cfsr 0x{cfsr:08x}" if cfsr is not None else fault.name)
    return FaultError(
        f"the firmware on {board} crashed: {fault.name}",
        where=", ".join(places),
        found=found,
        remedy="a crash is a bug of the firmware; please report it with the model and these lines",
    )
