"""The kit on a really emulated board: the firmware of this checkout, built and run.

The network is written by hand in C, so that what fails here is the kit, the firmware or the
emulator and not the compiler; the shipped models, where there are some, go the whole road.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from convert.errors import BoardError
from kit import boards, build, cli, emulator, models
from kit.build import Firmware
from kit.files import ROOT, sha256
from kit.link import faults
from kit.link.device import Device
from kit.session import Session
from kit.verbs import shared

TARGET = "netduino2plus"
FLATBUFFER = b"\0\0\0\0TFL3" + bytes(30)
MODEL_C = """
#include "bitwake/bw_model.h"
static uint8_t arena[ARENA] __attribute__((aligned(8)));
static const bw_tensor ins[] = {
    {"image", BW_U8, 3, {48, 48, 1, 1}, 2304, arena, 1.0f, 0},
    {"mask", BW_I8, 1, {8, 1, 1, 1}, 8, arena + 2304, 1.0f, 0}};
static const bw_tensor outs[] = {
    {"rows", BW_I32, 1, {48, 1, 1, 1}, 192, arena + 2400, 1.0f, 0},
    {"mean", BW_F32, 1, {2, 1, 1, 1}, 8, arena + 2600, 1.0f, 0}};
static const bw_layer layers[] = {
    {"rows", "sum", BW_KIND_OTHER, 2304}, {"mean", "mean", BW_KIND_BINARY, 48}};
static void run(const bw_probe *probe)
{
    int32_t *rows = (int32_t *)(void *)(arena + 2400);
    float *mean = (float *)(void *)(arena + 2600);
    int32_t all = 0;
    for (int y = 0; y < 48; y++) {
        rows[y] = (int8_t)arena[2304 + y % 8];
        for (int x = 0; x < 48; x++) {
            rows[y] += arena[y * 48 + x];
        }
    }
    if (probe) { probe->mark(probe->context, 0); }
    for (int y = 0; y < 48; y++) {
        all += rows[y];
    }
    mean[0] = (float)all / 2304.0f;
    mean[1] = -mean[0];
    if (probe) { probe->mark(probe->context, 1); }
}
const bw_model bw_linked_model = {
    "hand", "SHA256", 0, 0, ins, outs, 2, 2, layers, 2, ARENA, 0, run};
"""

needs_emulator = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc",
)
pytestmark = [pytest.mark.emulator, needs_emulator]


class Oracle:
    """The same network in numpy."""

    judges = "an interpreter"

    def __init__(self, path: Path) -> None:
        assert Path(path).read_bytes() == FLATBUFFER

    def predict(self, arrays):
        rows = arrays["image"][0, :, :, 0].astype(np.int32).sum(axis=1)
        rows = (rows + np.tile(arrays["mask"][0].astype(np.int32), 6)).astype(np.int32)
        mean = np.float32(rows.sum()) / np.float32(2304)
        return {"rows": rows[np.newaxis], "mean": np.array([[mean, -mean]], np.float32)}


def by_hand(monkeypatch, arena: int) -> None:
    """Puts the hand-written network in the compiler's place."""

    def compile_model(path, out, *args, **options):
        out.mkdir(parents=True, exist_ok=True)
        text = MODEL_C.replace("ARENA", str(arena)).replace("SHA256", sha256(FLATBUFFER))
        (out / "model.c").write_text(text)
        return SimpleNamespace(ok=True, arena_bytes=arena, weights_bytes=0)

    compiler = SimpleNamespace(compile_model=compile_model)
    monkeypatch.setitem(sys.modules, "convert.compile", compiler)
    monkeypatch.setitem(sys.modules, "convert.oracle", SimpleNamespace(Oracle=Oracle))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> models.Model:
    """Something the kit takes for a flatbuffer."""
    path = tmp_path_factory.mktemp("hand") / "by-hand.tflite"
    path.write_bytes(FLATBUFFER)
    return models.find(str(path))


@pytest.fixture(scope="module")
def firmware(model) -> Firmware:
    """Built once for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        by_hand(patch, 4096)
        return build.build(boards.find(TARGET), model)


@pytest.fixture
def hand(monkeypatch, tmp_path, firmware):
    """Calls a verb with the hand-written network; gives back the status and the JSON."""
    by_hand(monkeypatch, 4096)
    monkeypatch.setattr(shared, "run_folder", lambda kind, board, model: tmp_path / kind)

    def call(verb: str, *words: str) -> tuple[int, dict]:
        out = tmp_path / "out.json"
        line = [verb, "--model", str(firmware.model.path), "--json", str(out), *words]
        return cli.main(line), json.loads(out.read_text())

    return call


def test_a_second_build_runs_nothing(firmware, monkeypatch) -> None:
    by_hand(monkeypatch, 4096)
    monkeypatch.setattr(build, "_run_platformio", lambda *args: pytest.fail("built again"))
    assert build.build(firmware.board, firmware.model) == firmware
    assert firmware.sizes.parts[".stack"] == firmware.board.stack_bytes


def test_a_board_that_waits_for_a_picture_is_found_again(firmware) -> None:
    """Somebody began to send one and went away; an emulated board waits for ever."""
    with emulator.Emulator(firmware.board, firmware.elf) as process:
        with Device(process.url, firmware.board.baud) as device:
            device.synchronise(20, booting=True)
            wire = device._wire
            wire.write(b"p-frame 2312%")
            assert wire.read_line(20) == "p-go-2312"
            wire.write(b"half")
        with Device(process.url, firmware.board.baud) as device:
            device.synchronise(20)
            assert device.command("name") == ["m-name-dut-[bitwake]"]


def test_bench_counts_the_same_twice(hand) -> None:
    (status, first), (_, second) = hand("bench"), hand("bench")
    assert status == 0
    assert first == second
    assert first["unit"] == "instructions"
    assert first["repeatable"] is True
    assert abs(first["layers_total"] - first["total"]) <= 0.01 * first["total"]
    # 2304 pixels take at least a load and an addition each.
    assert first["layers"][0]["ticks"] > 2 * 2304
    assert 0 < first["stack_bytes"] < first["stack_size"]


def test_validate_agrees_and_notices_a_flipped_bit(hand) -> None:
    status, result = hand("validate", "--inputs", "24", "--board", TARGET)
    assert (status, result["inputs"], result["mismatched_elements"]) == (0, 24, 0)
    status, result = hand("validate", "--inputs", "2", "--corrupt")
    assert (status, result["mismatched_inputs"], result["mismatched_elements"]) == (1, 1, 1)


def test_a_killed_emulator_costs_no_input(hand, monkeypatch) -> None:
    attempt = Session.attempt
    calls: list[int] = []
    killed: list[int] = []

    def murderous(session: Session, work):
        calls.append(session.emulator.pid)
        if len(calls) == 8:
            killed.append(session.emulator.pid)
            threading.Timer(0.05, os.kill, (killed[0], signal.SIGKILL)).start()
        return attempt(session, work)

    monkeypatch.setattr(Session, "attempt", murderous)
    status, result = hand("validate", "--inputs", "16")
    assert killed
    assert (status, result["inputs"], result["restarts"]) == (0, 16, 1)
    assert emulator.born(killed[0]) is None


def test_a_crash_names_the_function(firmware) -> None:
    with Session(firmware.board, firmware.elf) as opened:
        with pytest.raises(faults.FaultError) as caught:
            opened.attempt(lambda device: device.command("p-fault 2", 20))
        assert opened.emulator.exit_status() in (None, 70)
    assert "bw_hal_provoke" in caught.value.where
    assert "PRECISERR" in caught.value.found


def test_a_model_too_big_is_refused_with_numbers(model, monkeypatch, capsys) -> None:
    by_hand(monkeypatch, 200_000)
    board = boards.find(TARGET)
    with pytest.raises(BoardError) as caught:
        build.build(board, model)
    assert "the model's arena 200,000, the stack" in caught.value.found
    assert "too many" in caught.value.found
    assert f"{board.ram_bytes:,} bytes of RAM" in caught.value.where
    by_hand(monkeypatch, 4096)
    assert build.build(board, model).sizes.ram < board.ram_bytes


def test_flash_leaves_a_board_that_monitor_finds(hand, capsys) -> None:
    before = emulator.running(TARGET)
    if before is not None:
        pytest.skip(f"an emulated {TARGET} runs already (process {before.pid}); not ours to stop")
    status, result = hand("flash")
    try:
        assert status == 0
        printed = capsys.readouterr().out
        assert printed.index("RAM: ") < printed.index("runs on the emulated")
        assert cli.main(["monitor", "--once", "name"]) == 0
        assert "m-name-dut-[bitwake]" in capsys.readouterr().out
    finally:
        assert cli.main(["flash", "--stop"]) == 0
        os.waitpid(result["pid"], 0)
    assert emulator.born(result["pid"]) is None


@pytest.mark.parametrize("name", models.shipped())
@pytest.mark.parametrize("board", ["host", TARGET])
def test_a_shipped_model_is_bit_exact(name: str, board: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shared, "run_folder", lambda kind, board, model: tmp_path / kind)
    out = tmp_path / "out.json"
    line = ["--board", board, "--model", name, "--json", str(out)]
    assert cli.main(["validate", *line, "--inputs", "20"]) == 0
    result = json.loads(out.read_text())
    assert (result["inputs"], result["mismatched_elements"]) == (20, 0)
    assert result["model_sha256"] == sha256((ROOT / "models" / name / "model.tflite").read_bytes())
