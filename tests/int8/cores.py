"""Compiled models on emulated cores: what they answer, and how many instructions they take."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convert.compile import Compiled
from tests.int8.batch import MCU, renamed

HERE = Path(__file__).parent / "firmware"
NS = 128  # of virtual time an instruction: -icount shift=7


@dataclass(frozen=True)
class Core:
    """An emulated board. `mhz` is SysTick's clock, `ram` a memory of 2 MB."""

    flags: tuple[str, ...]
    machine: str
    mhz: int
    ram: int


CORES = {
    # A Cortex-M3 executes every instruction of a Cortex-M0, and counts the same.
    "m0": Core(("-mcpu=cortex-m0",), "mps2-an385", 25, 0x20000000),
    "m3": Core(("-mcpu=cortex-m3",), "mps2-an385", 25, 0x20000000),
    "m4": Core(("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"), "mps2-an386", 25,
               0x20000000),
    "m7": Core(("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"), "mps2-an500", 25,
               0x20000000),
    "m55": Core(("-mcpu=cortex-m55", "-mfloat-abi=hard"), "mps3-an547", 32, 0x31000000),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Instructions of one run, and a hash of its outputs."""

    instructions: int
    hash: int


def write(models: Sequence[Compiled], folder: Path, *, binary: bool = False) -> list[Path]:
    """Sources of a program that runs the models; `binary`: with kernels of bits."""
    head = ['#include "bitwake/bw_model.h"', f"#define MODELS {len(models)}u"]
    head += [f"extern const bw_model bw_linked_model__{k};" for k in range(len(models))]
    names = ",".join(f"&bw_linked_model__{k}" for k in range(len(models)))
    head.append(f"static const bw_model *const all_models[] = {{{names}}};")
    (folder / "models.h").write_text(
        "#ifndef MODELS_H\n#define MODELS_H\n" + "\n".join(head) + "\n#endif\n"
    )
    unit = folder / "models.c"
    text = [renamed(m.emitted.source, k) for k, m in enumerate(models)]
    unit.write_text("\n".join(['#include "bitwake/bw_model.h"', *text]))
    parts = ("int8", "real", *((".", "level", "planar", "stream") if binary else ()))
    kernels = [f for d in parts for f in sorted((MCU / "kernels" / d).glob("*.[cS]"))]
    return [unit, HERE / "main.c", *kernels]


def _build(line: Sequence[str], folder: Path, sources: Sequence[Path], program: str) -> Path:
    include = [f"-I{MCU / 'include'}", f"-I{folder}"]
    flags = ["-std=c11", "-ffp-contract=off", "-w"]
    out = folder / program
    done = subprocess.run(
        [*line, *flags, *include, *map(str, sources), "-o", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[:4000]
    return out


def _runs(text: str, mhz: int) -> list[Run]:
    rows = [line.split() for line in text.splitlines() if line.count(" ") == 2]
    return [Run(round(int(t) * 1000 / (mhz * NS)), int(h)) for _, t, h in rows]


def on_host(folder: Path, sources: Sequence[Path]) -> list[Run]:
    """With the portable kernels of this machine; instructions are 0."""
    program = _build(["gcc", "-O1"], folder, [*sources], "host")
    return _runs(subprocess.run([str(program)], capture_output=True, text=True).stdout, 1)


def on_core(name: str, folder: Path, sources: Sequence[Path]) -> list[Run]:
    """With the fast kernels of an emulated core, built as firmware is."""
    core = CORES[name]
    link = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections",
            f"-Wl,--defsym=ram_origin={core.ram}", f"-T{HERE / 'link.ld'}"]  # fmt: skip
    line = ["arm-none-eabi-gcc", *core.flags, "-mthumb", "-O2", *link]
    program = _build(line, folder, [HERE / "start.c", *sources], f"{name}.elf")
    emulator = ["qemu-system-arm", "-M", core.machine, "-nographic", "-monitor", "none",
                "-serial", "none", "-semihosting-config", "enable=on,target=native",
                "-icount", "shift=7,sleep=off", "-kernel", str(program)]  # fmt: skip
    done = subprocess.run(emulator, capture_output=True, text=True, timeout=200, check=False)
    assert "fault" not in done.stderr + done.stdout, done.stderr[:2000]
    return _runs(done.stderr + done.stdout, core.mhz)
