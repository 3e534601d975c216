"""Compiles the case runner for this machine or an emulated core, and runs it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.planar.cases import Case, write

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent / "firmware"
KERNELS = ROOT / "mcu" / "kernels" / "planar"
WARN = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{ROOT / 'mcu/include'}")
# Core → flags and the QEMU machine that runs its instructions.
CORES = {
    "m4": (("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"), "mps2-an386"),
    "m7": (("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=soft"), "mps2-an500"),
    "m3": (("-mcpu=cortex-m3", "-mthumb"), "mps2-an385"),
    "m55": (("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"), "mps3-an547"),
    # A Cortex-M3 executes every instruction of a Cortex-M0+, and counts the same.
    "m0plus": (("-mcpu=cortex-m0plus", "-mthumb"), "mps2-an385"),
}


@dataclass(frozen=True)
class Outcome:
    """What the runner says about one case."""

    mismatches: int
    instructions: int


def sources() -> list[str]:
    """The kernels under test, and the part of the runner that calls them."""
    found = sorted([*KERNELS.glob("*.c"), *KERNELS.glob("*.S")])
    return [str(file) for file in [*found, HERE / "kinds.c"]]


def compile_host(folder: Path) -> Path:
    """The runner for this machine, with address and undefined-behaviour sanitizers."""
    program = folder / "runner"
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    files = [file for file in sources() if not file.endswith(".S")]
    command = ["gcc", *WARN, *flags, *files, str(HERE / "host.c"), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def parse(output: str, count: int) -> list[Outcome]:
    """The runner's lines; every case must have answered."""
    rows = re.findall(r"^case (\d+) (\d+) (\d+)$", output, re.M)
    assert [int(n) for n, _, _ in rows] == list(range(count)), output[-2000:]
    return [Outcome(int(wrong), int(instructions)) for _, wrong, instructions in rows]


def run_host(program: Path, cases: Sequence[Case], folder: Path) -> list[Outcome]:
    """Runs cases on this machine; any finding of a sanitizer is an error."""
    file = folder / "cases.bin"
    file.write_bytes(write(cases))
    done = subprocess.run([program, file], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return parse(done.stdout + done.stderr, len(cases))


def run_core(
    core: str, cases: Sequence[Case], folder: Path, optimize: str = "-O2"
) -> list[Outcome]:
    """Links cases into firmware for a core and runs it on the emulator."""
    flags, machine = CORES[core]
    data = folder / "cases.bin"
    data.write_bytes(write(cases))
    blob = folder / "cases.S"
    blob.write_text(f'.section .rodata\n.balign 8\n.global bw_cases\nbw_cases:\n.incbin "{data}"\n')
    image = folder / f"{core}.elf"
    script = HERE / ("link_an547.ld" if machine == "mps3-an547" else "link.ld")
    link = (
        "-nostartfiles",
        "--specs=nano.specs",
        "--specs=nosys.specs",
        "-T",
        str(script),
    )
    command = ["arm-none-eabi-gcc", *flags, *WARN, optimize, "-ffunction-sections", *sources()]
    command += [str(HERE / "target.c"), str(blob), *link, "-Wl,--gc-sections", "-o", str(image)]
    subprocess.run(command, check=True)
    emulator = [
        "qemu-system-arm",
        "-M",
        machine,
        "-nographic",
        "-monitor",
        "none",
        "-serial",
        "none",
    ]
    emulator += ["-semihosting-config", "enable=on,target=native", "-icount", "shift=10,sleep=off"]
    done = subprocess.run(
        [*emulator, "-kernel", str(image)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return parse(done.stdout + done.stderr, len(cases))
