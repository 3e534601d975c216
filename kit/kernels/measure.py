"""Builds the benchmark firmware around the cases, runs it on a board and reads the answers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.errors import BoardError
from kit import build, sizes
from kit.boards import Board
from kit.files import ROOT, lock, sha256, shown, write_whole
from kit.kernels.case import Case
from kit.kernels.source import emit
from kit.link.replies import FIELD
from kit.session import Session

SECONDS = 600.0  # of silence: a case on a busy machine
ANSWER = re.compile(r"^p-kernel-(\d+)-(\d+)-([0-9a-f]{8})$")
REFUSAL = re.compile(r"^p-kernel-(\d+)-\[(.*)\]$")


@dataclass(frozen=True)
class Outcome:
    """What the board says of one case: ticks and checksum, or why there are none."""

    ticks: int | None
    crc: int | None
    why_not: str = ""


def batches(board: Board, cases: Sequence[Case]) -> list[list[Case]]:
    """The cases in order, cut where their constants would fill the board's flash."""
    room = board.flash_bytes * 3 // 4 or sum(case.constant_bytes for case in cases)
    parts: list[list[Case]] = [[]]
    for case in cases:
        if parts[-1] and sum(one.constant_bytes for one in [*parts[-1], case]) > room:
            parts.append([])
        parts[-1].append(case)
    return parts


def firmware(board: Board, cases: Sequence[Case]) -> Path:
    """The ELF of the benchmark firmware.

    Raises:
        BoardError: it does not fit or does not build.
        DependencyError: a compiler is missing.
    """
    text = emit(cases).encode()
    folder = ROOT / "build" / board.id / f"kernels-{sha256(text)[:10]}"
    with lock(folder / "build.lock", "another build of these kernels is running; waiting for it"):
        build.check_toolchain(board)
        source = folder / "model" / "cases.c"
        if not source.is_file() or source.read_bytes() != text:
            write_whole(source, text)
        log = folder / "build.log"
        with open(log, "w", encoding="utf-8") as stream:
            status = subprocess.run(
                build.platformio(board),
                cwd=ROOT,
                env={**os.environ, **build.environment(board, folder), "BITWAKE_APP": "bench"},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            ).returncode
        if status:
            raise build.failed(board, log, 0, 0)
        elf = folder / "pio" / "build" / board.id / "firmware.elf"
        if not elf.is_file():
            raise BoardError("PlatformIO built no firmware", where=shown(log))
    sizes.check(board, sizes.measure(elf))
    return elf


def measure(
    board: Board, elf: Path | None, port: str | None, count: int
) -> tuple[dict[str, str], list[Outcome]]:
    """Runs every case twice.

    Returns:
        The fields of p-info, and an outcome a case.

    Raises:
        BoardError: cases are missing, or an emulated board counts differently the second time.
    """
    with Session(board, elf, port) as session:
        info = session.attempt(lambda device: device.ask("p-info", fields))
        first, second = (
            read(session.attempt(lambda device: device.ask("p-kernels", list, SECONDS)), count)
            for _ in range(2)
        )
    differing = [i for i, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]]
    if differing and info.get("unit") == "instructions":
        raise BoardError(
            "the emulated board answered differently the second time",
            where=f"{board.id}, cases {differing[:5]}",
            found=f"{first[differing[0]]}, then {second[differing[0]]}",
            remedy="a kernel reads what was never written, or icount is not fixed in board.json",
        )
    return info, first


def fields(lines: Sequence[str]) -> dict[str, str]:
    """The fields of p-info; the benchmark firmware has no tensors."""
    return {match.group(1): match.group(2) for match in map(FIELD.match, lines) if match}


def read(lines: Sequence[str], count: int) -> list[Outcome]:
    """The answers in order of the cases.

    Raises:
        BoardError: one is missing.
    """
    found: dict[int, Outcome] = {}
    for line in lines:
        if match := ANSWER.match(line):
            found[int(match.group(1))] = Outcome(int(match.group(2)), int(match.group(3), 16))
        elif match := REFUSAL.match(line):
            found[int(match.group(1))] = Outcome(None, None, match.group(2))
    if sorted(found) != list(range(count)):
        missing = sorted(set(range(count)) - set(found))
        raise BoardError(
            "the board did not answer for every kernel",
            where="p-kernels",
            found=f"no answer for cases {missing[:10]}",
            remedy="is it the benchmark firmware of this checkout?",
        )
    return [found[i] for i in range(count)]


def row(case: Case, outcome: Outcome, info: dict[str, str], board: Board) -> dict[str, Any]:
    """A case's figures for machines; those of a case that did not run are null."""
    counted = outcome.ticks if info.get("unit") == "instructions" else None
    ticks = outcome.ticks
    return {
        "name": case.name,
        "kernel": case.kernel,
        "kind": case.kind,
        "c_in": case.c_in,
        "c_out": case.c_out,
        "h": case.h,
        "w": case.w,
        "k": case.k,
        "groups": case.groups,
        "macs": case.macs,
        "instructions": counted,
        "ticks": ticks,
        "unit": info.get("unit", "unknown"),
        "per_mac": None if ticks is None else ticks / case.macs,
        "bit_exact": None if outcome.crc is None else outcome.crc == case.expected,
        "why_not": outcome.why_not,
        "scratch_bytes": case.scratch_bytes,
        "cmsis_nn": case.peer.get(info.get("core", board.core)),
        "board": board.id,
        **{name: info.get(name, "unknown") for name in ("core", "compiler", "flags", "commit")},
    }
