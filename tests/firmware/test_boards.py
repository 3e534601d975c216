"""Every emulated board with the whole firmware: faults, memory, counted instructions, limits."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from elftools.elf.elffile import ELFFile

from kit import boards, build, sizes
from kit.files import ROOT
from kit.link import faults

from .conftest import FIXTURE, FRAME, checked, compile_firmware, objects_of, pio
from .test_protocol import BRIGHT, DARK, HALF, READY, load

EMULATED = [board.id for board in boards.all_boards() if board.emulator == "qemu"]
# Without fault status registers; its fault report has only pc and lr.
ARMV6M = ("cortex-m0", "cortex-m0plus", "cortex-m1")

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
        reason="needs qemu-system-arm and arm-none-eabi-gcc",
    ),
]


def numbers(reply: bytes, prefix: str) -> dict[str, int]:
    """p-mem-arena-12 -> {"arena": 12}"""
    found = re.findall(rf"^{prefix}(.*)-(\d+)\r$", reply.decode(), re.M)
    return {name: int(value) for name, value in found}


def symbols(elf: Path) -> dict[str, int]:
    """Names to addresses."""
    with open(elf, "rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def test_every_core_has_a_board_and_every_board_an_environment() -> None:
    found = {board.id: board.core for board in boards.all_boards()}
    ours = {
        "host": "native",
        "netduino2plus": "cortex-m4",
        "mps2_an385": "cortex-m3",
        "mps2_an386": "cortex-m4",
        "mps2_an500": "cortex-m7",
        "mps2_an505": "cortex-m33",
        "mps3_an547": "cortex-m55",
        "microbit": "cortex-m0",
    }
    assert found.items() >= ours.items()  # a board that somebody adds is no mistake
    environments = re.findall(r"^\[env:(\w+)\]", (ROOT / "mcu/platformio.ini").read_text(), re.M)
    assert set(found) == set(environments) - {"host_sanitized"}


@pytest.mark.parametrize("board", EMULATED)
def test_a_tick_is_an_instruction(board: str, opened) -> None:
    """Loops of known length, to the last instruction, wherever they fall on the timer's steps."""
    line = opened(board)
    rows = re.findall(rb"p-layer-(\d+)-\[loop,other,(\d+),", line.ask(b"p-layers"))
    times = {int(index): int(count) for index, count in rows}
    assert len(times) == 7
    assert max(times.values()) > 1_000_000
    overheads = set()
    for brightness in range(8):  # other pictures begin the loops at other phases of the timer
        load(line, bytes(128 * brightness) + b"\xff" * (FRAME - 128 * brightness))
        reply = line.ask(b"p-run")
        ticks = {int(i): int(n) for i, n in re.findall(rb"p-layer-(\d+)-(\d+)\r", reply)}
        # The first loop is entered from other code than the others.
        overheads |= {ticks[i] - 2 * times[i] for i in times if i > min(times)}
        assert len(ticks) == 10
        total = int(re.search(rb"p-total-(\d+)\r", reply).group(1))
        assert abs(total - sum(ticks.values())) < 200
    # Around every loop the same instructions: call, mark, reading the timer.
    assert len(overheads) == 1
    assert 0 < overheads.pop() < 200


@pytest.mark.parametrize("board", EMULATED)
def test_counts_repeat_and_layers_sum_up(board: str, opened) -> None:
    seen = set()
    for _ in range(2):
        line = opened(board)
        for picture in (DARK, HALF, DARK):
            assert load(line, picture) == b"p-frame-ok\r\n"
            reply = line.ask(b"p-run")
            layers = [int(value) for value in re.findall(rb"p-layer-\d-(\d+)", reply)]
            total = int(re.search(rb"p-total-(\d+)", reply).group(1))
            assert abs(sum(layers) - total) <= 0.01 * total
            seen.add((picture, reply))
    assert len(seen) == 2, "the same picture gave another reply"


@pytest.mark.parametrize("board", EMULATED)
def test_memory_is_what_the_linker_says(board: str, opened, firmware) -> None:
    line = opened(board)
    elf = firmware(board)
    at = symbols(elf)
    first = numbers(line.ask(b"p-mem"), "p-mem-")
    load(line, BRIGHT)
    line.ask(b"p-infer")
    memory = numbers(line.ask(b"p-mem"), "p-mem-")
    stack = boards.find(board).stack_bytes
    assert memory["stack-size"] == stack == at["__stack_top"] - at["__stack_bottom"]
    assert first["stack-used"] < memory["stack-used"] <= stack * 3 // 4
    measured = sizes.measure(elf)
    assert memory["flash"] == measured.flash
    # The report's own memory (.noinit) and padding lie between the stack and the variables.
    assert memory["ram"] == at["__bss_end"] - at["__data_start"]
    assert 0 <= measured.ram - stack - memory["ram"] <= 256
    assert 8192 < memory["arena"] < memory["ram"]
    # More stack is noticed, and a new boot forgets it.
    assert numbers(opened(board).ask(b"p-mem"), "p-mem-")["stack-used"] == first["stack-used"]


@pytest.mark.parametrize("board", EMULATED)
def test_bytes_that_come_meanwhile_do_not_disturb_the_count(board: str, opened) -> None:
    line = opened(board)
    load(line, HALF)
    alone = line.ask(b"p-infer")
    # Far more than the board's UART and ring hold waits while the first inference runs.
    line.send(b"p-infer%" * 8 + b"name%" * 200)
    assert [line.until(READY) for _ in range(8)] == [alone] * 8
    assert [line.until(READY) for _ in range(200)] == [b"m-name-dut-[bitwake]\r\n" + READY] * 200


# Kind, name of the fault on a core with status registers, bits that CFSR must show.
FAULTS = [
    (1, "usage-fault", ["UNDEFINSTR"]),
    (2, "bus-fault", ["PRECISERR", "BFARVALID"]),
    (3, "stack-overflow", []),
    (4, "assertion", []),
]


@pytest.mark.parametrize(("kind", "name", "bits"), FAULTS)
@pytest.mark.parametrize("board", EMULATED)
def test_a_fault_is_reported_and_ends_the_emulator(
    board: str, kind: int, name: str, bits: list[str], opened, firmware
) -> None:
    line = opened(board)
    line.send(b"p-fault %d%%" % kind)
    report, end = line.until(b"e-[fault]\r\n").decode().split("\r\n")[:2]
    assert end == "e-[fault]"
    fault = faults.parse(report)
    core = boards.find(board).core
    assert fault.name == ("hard-fault" if core in ARMV6M and kind < 3 else name)
    assert ("cfsr" in fault.registers) == (core not in ARMV6M)
    if core not in ARMV6M:
        told = " ".join(fault.reasons())
        assert all(bit in told for bit in bits)
        assert ("STKERR" in told) == (kind == 3)
    elf = firmware(board)
    where = "lr" if kind == 3 else "pc"  # an overflown stack keeps no pc
    wanted = "fault_overflow_stack" if kind == 3 else "bw_hal_provoke"
    assert faults.symbol_of(elf, fault.registers[where]).split("+")[0] == wanted
    if kind in (1, 2):
        assert faults.symbol_of(elf, fault.registers["lr"]).split("+")[0] == "main"
    assert line.exit_status() == 70


@pytest.mark.parametrize("board", EMULATED)
def test_exit_status_goes_through(board: str, opened) -> None:
    line = opened(board)
    assert line.ask(b"p-exit 213") == checked(b"p-exit 213", b"")
    assert line.exit_status() == 213


def test_a_firmware_that_does_not_fit_is_refused(tmp_path) -> None:
    board = boards.find("microbit")
    model = tmp_path / "model"
    shutil.copytree(FIXTURE, model)
    text = (model / "model.c").read_text()
    assert "uint32_t bits[PIXELS];" in text
    large = text.replace("uint32_t bits[PIXELS];", "uint32_t bits[4u * PIXELS];")
    (model / "model.c").write_text(large)
    result = pio(board.id, tmp_path)
    assert result.returncode != 0
    refusal = sizes.from_linker(board, result.stderr, 4 * 4096, 0)
    assert refusal is not None
    assert refusal.where == "microbit: 16,384 bytes of RAM"
    assert not list(tmp_path.glob("pio/build/*/firmware.elf"))


def test_a_folder_may_have_spaces_and_letters_beyond_ascii(tmp_path) -> None:
    elf = compile_firmware("netduino2plus", FIXTURE, tmp_path / "my own ü")
    assert elf.with_suffix(".map").stat().st_size


def test_upload_hands_the_same_elf_to_openocd(firmware, tmp_path) -> None:
    """What would be written to silicon: the image that was emulated. No part was ever written."""
    elf = firmware("netduino2plus")
    folder = elf.parents[3]
    before = elf.read_bytes()
    tools = tmp_path / "tools"
    tools.mkdir()
    openocd = tools / "openocd"
    openocd.write_text(f'#!/bin/sh\nfor word; do echo "$word"; done > "{tmp_path}/words"\n')
    openocd.chmod(openocd.stat().st_mode | stat.S_IXUSR)
    made = SimpleNamespace(board=boards.find("netduino2plus"), folder=folder)
    command, variables = build.upload_command(made, "openocd")
    result = subprocess.run(
        command,
        env={
            **variables,
            "PATH": f"{tools}{os.pathsep}{variables['PATH']}",
            "BITWAKE_COMMIT": "test",
            "BITWAKE_OBJECTS": str(objects_of(folder)),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    words = (tmp_path / "words").read_text().splitlines()
    assert words[:4] == ["-f", "interface/stlink.cfg", "-f", "target/stm32f4x.cfg"]
    assert words[-1] == f"program {{{elf}}} verify reset exit"
    assert elf.read_bytes() == before


def test_uploading_to_the_emulator_leaves_a_board_for_the_monitor(firmware, tmp_path) -> None:
    """`pio run -t upload`, then a peer on monitor_port, then `-t poweroff`."""
    from kit import emulator

    board = "mps2_an385"
    if emulator.running(board) is not None:
        pytest.skip(f"an emulated {board} runs already; not ours to stop")
    folder = firmware(board).parents[3]
    result = pio(board, folder, "-t", "upload")
    assert result.returncode == 0, result.stdout + result.stderr
    try:
        state = emulator.running(board)
        assert state is not None
        assert state.url == "socket://127.0.0.1:5385"
        assert json.loads(emulator.state_file(board).read_text())["pid"] == state.pid
    finally:
        result = pio(board, folder, "-t", "poweroff")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{board} stopped" in result.stdout
    assert emulator.running(board) is None
