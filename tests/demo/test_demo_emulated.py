"""The demo of the shipped models on the emulated board, as a user runs it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kit import cli, models
from kit.demo import album, command
from kit.files import ROOT

needs_emulator = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc",
)


@pytest.mark.emulator
@needs_emulator
def test_the_shipped_models_answer_their_pictures_as_lce_did(tmp_path: Path, capsys) -> None:
    out = tmp_path / "demo"
    status = cli.main(["demo", "--pictures", "6", "--out", str(out)])
    printed = capsys.readouterr().out
    assert status == 0, printed
    result = json.loads((out / "results.json").read_text())
    assert [run["model"] for run in result["models"]] == list(command.SHOWN)
    assert result["unit"] == "instructions"
    for run in result["models"]:
        assert run["bit_exact"]["equal"] == run["bit_exact"]["compared"] == 6
        assert run["total"] > 100_000
        layers = sum(layer["ticks"] for layer in run["layers"])
        assert abs(layers - run["total"]) <= 0.01 * run["total"]
        assert run["arena_bytes"] < run["ram_bytes"] < 128 << 10
        assert run["weights_bytes"] <= 125_000
        assert run["weights_bytes"] < run["flash_bytes"] < 1 << 20
        assert 0 < run["stack_bytes"] < run["stack_size_bytes"]
    gauge = printed.index("RAM:   [")
    assert gauge < printed.index("  1/6  "), "sizes are printed before anything runs"


@pytest.mark.emulator
@needs_emulator
def test_ctrl_c_in_a_terminal_keeps_what_was_answered(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    line = [sys.executable, "-u", "-m", "kit", "demo", "--model", "faces-wake", "--out", str(out)]
    # in a terminal the signal is never ignored, as it is below a job in the background
    with subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        deadline = time.monotonic() + 300
        for text in process.stdout:
            if text.lstrip().startswith("3/") or time.monotonic() > deadline:
                break
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "stopped early: stopped by Ctrl-C" in rest
    result = json.loads((out / "results.json").read_text())
    run = result["models"][0]
    assert result["ok"] is False
    assert 3 <= run["accuracy"]["total"] < run["planned"]
    assert "This run stopped early" in (out / "index.html").read_text()


@pytest.mark.parametrize("name", command.SHOWN)
def test_a_shipped_model_carries_enough_pictures_with_recorded_outputs(name: str) -> None:
    found = album.read(models.find(name))
    least = 40 if name == "faces-wake" else 32
    assert len(found.entries) >= least
    assert all(entry.recorded for entry in found.entries)
    assert len({entry.recorded for entry in found.entries}) > least // 2
    assert {entry.label for entry in found.entries} == {0, 1}
    assert found.synthetic is (name == "scenes-wake")
