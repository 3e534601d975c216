"""The command side on this machine under sanitizers: fuzzing, and what once broke others."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from kit.files import ROOT

from .conftest import checked

pytestmark = [
    pytest.mark.host_c,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc"),
]

FUZZ = Path(__file__).parent / "fuzz"
APP = ROOT / "mcu" / "app"
FLAGS = [
    *("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]
BUILD_HEADER = "\n".join(
    f'#define BW_{name} "fuzz"' for name in ("BOARD", "CORE", "BUILD", "COMMIT", "FLAGS")
)
SECONDS, STREAMS = 3, 80_000
# Bytes of RAM beside the program: none, too little to keep a picture, enough.
SPARE = (0, 40, 64)
# A fault put into the firmware, and where it must show.
BUGS = {
    "overlong command": ("protocol.c", "a->length < BW_COMMAND_MAX", "a->length <= BW_COMMAND_MAX"),
    "hexadecimal digits": ("protocol.c", "word.left / 2u > BW_DB_BYTES_MAX", "word.left > 80u"),
    "bytes behind an input": (
        "frame.c",
        "count < room ? count : room",
        "count < room + 1u ? count : room + 1u",
    ),
    "staged frame": ("frame.c", "if (spare < bytes)", "if (spare == 0)"),
    "rows behind a kept picture": (
        "rows.c",
        "bytes >= kept_bytes() + ticks ?",
        "bytes + 8u >= kept_bytes() + 0u * ticks ?",
    ),
    "a line without its end": ("print.c", 'bw_put("\\r\\n");', 'bw_put("\\n");'),
    "text of the model": ("print.c", "*text >= ' ' && *text <= '~' ? *text : '?'", "*text"),
}


def compile_object(source: Path, folder: Path, *flags: str) -> Path:
    """One object file; headers come from the app, whatever folder the source is in."""
    includes = [ROOT / "mcu" / "include", ROOT / "mcu" / "hal", APP, FUZZ, folder]
    target = folder / f"{source.stem}.o"
    line = ["gcc", *FLAGS, *flags, *(f"-I{path}" for path in includes)]
    subprocess.run([*line, "-c", str(source), "-o", str(target)], check=True)
    return target


def link(objects: Iterable[Path], program: Path) -> Path:
    subprocess.run(["gcc", *FLAGS, *map(str, objects), "-o", str(program)], check=True)
    return program


@pytest.fixture(scope="module")
def objects(tmp_path_factory) -> dict[str, Path]:
    """Object files of the fuzzer and the app around it, by the source's name."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "bw_build.h").write_text(BUILD_HEADER)
    sources = [*sorted(APP.glob("*.c")), *sorted(FUZZ.glob("*.c"))]
    made = {}
    for source in sources:
        flags = ["-Dmain=app_main"] if source == APP / "main.c" else []
        made[source.name] = compile_object(source, folder, *flags)
    return made


def fuzz(program: Path, streams: int, spare: int) -> subprocess.CompletedProcess:
    line = [str(program), str(SECONDS), "1", str(streams), str(spare)]
    return subprocess.run(line, capture_output=True, text=True, errors="replace")


@pytest.mark.parametrize("model", ["stored", "fed"])
def test_no_stream_of_commands_breaks_the_firmware(model: str, objects, tmp_path) -> None:
    chosen = dict(objects)
    if model == "fed":  # takes its picture by rows, kept or from the line as RAM allows
        chosen["tiny_model.c"] = compile_object(FUZZ / "fed" / "tiny_model.c", tmp_path)
    program = link(chosen.values(), tmp_path / "fuzz")
    for spare in SPARE:
        result = fuzz(program, STREAMS, spare)
        assert result.returncode == 0, result.stdout + result.stderr
        done, answers = (int(word) for word in result.stdout.split() if word.isdigit())
        assert done >= 5_000
        assert answers > 5 * done


@pytest.mark.parametrize("name", BUGS)
def test_the_fuzzer_finds(name: str, objects, tmp_path) -> None:
    file, right, wrong = BUGS[name]
    text = (APP / file).read_text()
    assert text.count(right) == 1
    broken = tmp_path / file
    broken.write_text(text.replace(right, wrong))
    changed = {**objects, file: compile_object(broken, tmp_path)}
    if file == "rows.c":
        changed["tiny_model.c"] = compile_object(FUZZ / "fed" / "tiny_model.c", tmp_path)
    program = link(changed.values(), tmp_path / "fuzz")
    results = [fuzz(program, 5_000, spare) for spare in SPARE]
    assert any(result.returncode != 0 for result in results), f"{name} went unnoticed"


def with_crc(frame: bytes) -> bytes:
    """What follows p-go."""
    return frame + zlib.crc32(frame).to_bytes(4, "little")


LOAD = b"db load 1024%"
ARMED = b"m-[Expecting 1024 bytes]\r\nm-ready\r\n"
READY = b"m-ready\r\n"
BYTES_31 = b"db " + b"ff" * 31 + b"%"
# What is sent, and every byte that must come back after the banner.
REGRESSIONS = {
    "db load of more than there is room for": (
        b"db load 4096%db " + b"00" * 31 + b"%",
        b"e-[db load: the model takes 1024 bytes]\r\n"
        + READY
        + b"e-[db: nothing is armed; db load comes first]\r\n"
        + READY,
    ),
    "db load that overflows 32 bits": (
        b"db load 4294968320%",
        b"e-[db load takes a byte count]\r\n" + READY,
    ),
    "db load refused disarms": (
        LOAD + b"db load 7%db 00%",
        ARMED
        + b"e-[db load: the model takes 1024 bytes]\r\n"
        + READY
        + b"e-[db: nothing is armed; db load comes first]\r\n"
        + READY,
    ),
    "db after the last byte": (
        LOAD + BYTES_31 * 33 + b"db 00%db 00%",
        ARMED
        + READY * 33
        + b"m-load-done\r\n"
        + READY
        + b"e-[db: nothing is armed; db load comes first]\r\n"
        + READY,
    ),
    "db beyond what was announced": (
        LOAD + BYTES_31 * 33 + b"db 0000%",
        ARMED + READY * 33 + b"e-[db: more bytes than were announced]\r\n" + READY,
    ),
    "db before db load": (
        b"db 00%",
        b"e-[db: nothing is armed; db load comes first]\r\n" + READY,
    ),
    "not hexadecimal": (
        LOAD + b"db 0g%db 0%db%db 00 00%",
        ARMED
        + b"e-[db: not a hexadecimal digit]\r\n"
        + READY
        + 2 * (b"e-[db: an even number of hexadecimal digits is needed]\r\n" + READY)
        + b"e-[db takes one string of hexadecimal digits]\r\n"
        + READY,
    ),
    "32 bytes in one db": (
        LOAD + b"db " + b"00" * 32 + b"%",
        ARMED + b"e-[db: at most 31 bytes a command]\r\n" + READY,
    ),
    "an endless command": (
        b"x" * 100_000 + b"%name%",
        b"e-[a command has at most 80 characters]\r\n"
        + READY
        + b"m-name-dut-[bitwake]\r\n"
        + READY,
    ),
    "81 characters": (
        b"n" * 81 + b"%" + b"n" * 80 + b"%",
        b"e-[a command has at most 80 characters]\r\n" + READY + b"e-[unknown command]\r\n" + READY,
    ),
    "bytes that are no text": (
        b"\x00\xff\x80%\r\n\r\nname%na\r\nme%",
        b"e-[unknown command]\r\n"
        + READY
        + b"m-name-dut-[bitwake]\r\n"
        + READY
        + b"e-[unknown command]\r\n"
        + READY,
    ),
    "a frame that ends early": (
        b"p-frame 1024%" + bytes(1000),
        checked(b"p-frame 1024", b"p-go-1024\r\ne-[frame: timeout after 1000 bytes]\r\n"),
    ),
    "a frame of another size": (
        b"p-frame 1023%p-frame%p-frame -1%",
        checked(b"p-frame 1023", b"e-[frame: the model takes 1024 bytes]\r\n")
        + checked(b"p-frame", b"e-[frame: p-frame takes a byte count]\r\n")
        + checked(b"p-frame -1", b"e-[frame: p-frame takes a byte count]\r\n"),
    ),
    "numbers out of range": (
        b"infer 0 0%infer 10001 0%infer 1 1001%infer 1%p-fault 5%p-exit 256%name 1%",
        4 * (b"e-[infer takes N 1..10000 and W 0..1000]\r\n" + READY)
        + checked(b"p-fault 5", b"e-[p-fault takes a kind 1..4]\r\n")
        + checked(b"p-exit 256", b"e-[p-exit takes a status 0..255]\r\n")
        + b"e-[name takes no argument]\r\n"
        + READY,
    ),
    "results before any inference": (
        b"results%",
        b"e-[results: nothing has been inferred yet]\r\n" + READY,
    ),
    "% inside a frame is a pixel": (
        b"p-frame 1024%" + with_crc(b"%" * 1024) + b"name%",
        checked(b"p-frame 1024", b"p-go-1024\r\np-frame-ok\r\n")
        + b"m-name-dut-[bitwake]\r\n"
        + READY,
    ),
    "a command that does not exist, public and private": (
        b"x%p-x%P-x%p-%",
        b"e-[unknown command]\r\n"
        + READY
        + checked(b"p-x", b"e-[unknown command]\r\n")
        + b"e-[unknown command]\r\n"
        + READY
        + checked(b"p-", b"e-[unknown command]\r\n"),
    ),
    "81 characters of a private command": (
        b"p-" + b"n" * 79 + b"%",
        b"e-[a command has at most 80 characters]\r\n" + READY,
    ),
    "silence": (b"", b""),
    "half a command": (b"nam", b""),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_hostile_peer_is_answered(name: str, firmware) -> None:
    """The whole firmware as a process under sanitizers, on standard input and output."""
    sent, wanted = REGRESSIONS[name]
    elf = firmware("host_sanitized")
    result = subprocess.run([str(elf)], input=sent, capture_output=True, timeout=60)
    assert result.stderr == b""
    assert result.returncode == 0
    assert result.stdout == b"m-init-done\r\n" + READY + wanted
