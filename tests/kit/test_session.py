"""Boards that break: processes that die, lines that fall silent, and what goes on afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from convert.errors import BoardError, DependencyError
from kit import cli, emulator, session
from kit.boards import Board
from kit.link.device import Device
from kit.link.wire import LinkLostError
from kit.session import Session
from kit.sizes import Sizes
from kit.verbs import bench, shared
from tests.kit.conftest import INFO

# A program that behaves like an emulator: listens, greets, answers name, profile and hang.
SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    line = server.accept()[0]
    line.sendall(b"m-ready\\r\\n")
    text = b""
    while byte := line.recv(1):
        text += byte
        if byte == b"%":
            line.sendall(b"m-%s-dut-[x]\\r\\nm-ready\\r\\n" % text[:-1])
            text = b""
"""


@dataclasses.dataclass(frozen=True)
class PythonBoard(Board):
    """A board whose emulator is SERVER."""

    def emulator_command(self, program: Path, port: int) -> list[str]:
        return [sys.executable, str(program), str(port)]


def python_board(kind: type[Board] = PythonBoard, **changes) -> Board:
    texts = {field.name: "" for field in dataclasses.fields(Board) if field.type == "str"}
    numbers = {field.name: 0 for field in dataclasses.fields(Board) if field.type == "int"}
    return kind(
        **{
            **texts,
            **numbers,
            "emulator_args": (),
            "protocols": (),
            "id": "python",
            "emulator": "process",
            **changes,
        }
    )


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


def test_a_killed_emulator_is_restarted_and_the_work_goes_on(program: Path) -> None:
    said: list[str] = []
    killed = []
    with Session(python_board(), program, announce=said.append) as opened:

        def work(device: Device) -> list[str]:
            if len(killed) < 2:
                killed.append(opened.emulator.pid)
                os.kill(killed[-1], signal.SIGKILL)
            return device.command("name")

        assert opened.attempt(work) == ["m-name-dut-[x]"]
        assert opened.restarts == 2
        assert "restarting the emulator, attempt 2 of 3" in said[1]
        last = opened.emulator.pid
    for pid in (*killed, last):
        assert emulator.born(pid) is None, "an emulator was left behind"


def test_an_emulator_that_dies_for_ever_is_given_up(program: Path) -> None:
    with Session(python_board(), program, announce=lambda text: None) as opened:

        def work(device: Device) -> None:
            os.kill(opened.emulator.pid, signal.SIGKILL)
            device.command("name")

        with pytest.raises(LinkLostError, match="broke 4 times"):
            opened.attempt(work)


def test_what_the_emulator_said_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import sys; sys.exit('no such machine')")
    with pytest.raises(BoardError, match="did not start") as caught:
        emulator.Emulator(python_board(), path).start()
    assert "no such machine" in caught.value.found


def test_a_missing_emulator_names_the_package(monkeypatch, program: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DependencyError, match="not installed") as caught:
        emulator.Emulator(python_board(Board, emulator="qemu"), program).start()
    assert "apt-get install qemu-system-arm" in caught.value.remedy


def test_the_emulator_dies_with_a_killed_parent(program: Path) -> None:
    code = (
        "import sys, time; sys.path.insert(0, 'tests/kit')\n"
        "from pathlib import Path; import importlib.util as u\n"
        f"s = u.spec_from_file_location('t', {__file__!r}); m = u.module_from_spec(s)\n"
        "sys.modules['t'] = m; s.loader.exec_module(m)\n"
        f"e = m.emulator.Emulator(m.python_board(), Path({str(program)!r})); e.start()\n"
        "print(e.pid, flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert emulator.born(pid) is not None
        parent.kill()
    deadline = time.monotonic() + 10
    while emulator.born(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert emulator.born(pid) is None


def test_a_kept_board_is_found_again_and_stopped(monkeypatch, tmp_path, program: Path) -> None:
    monkeypatch.setattr(emulator, "state_file", lambda board: tmp_path / board / "running.json")
    board = python_board()
    process = emulator.Emulator(board, program, keep=True)
    process.start()
    state = process.detach("toy")
    assert emulator.running(board.id) == state
    with Device(state.url) as device:
        device.synchronise(5)
    assert emulator.stop_running(board.id) == state
    os.waitpid(state.pid, 0)
    assert emulator.running(board.id) is None
    # The same number, another process: never taken for ours.
    stale = dataclasses.replace(state, pid=os.getpid())
    emulator.state_file(board.id).write_text(json.dumps(dataclasses.asdict(stale)))
    assert emulator.running(board.id) is None


@pytest.fixture
def toy(monkeypatch, tmp_path: Path, fake, registry):
    """The verbs with the scripted board instead of a built firmware, an oracle that agrees."""

    class Oracle:
        judges = "an interpreter"

        def __init__(self, path: Path) -> None:
            assert path.read_bytes()[4:8] == b"TFL3"

        def predict(self, arrays):
            total = int(arrays["image"].sum())
            share = total / (255 * 16)
            both = np.array([[1 - share, share]], np.float32)
            return {"probabilities": both, "words": np.arange(20, dtype=np.int32)[np.newaxis]}

    model = tmp_path / "toy.tflite"
    model.write_bytes(b"\0\0\0\0TFL3" + bytes(30))
    known = {"elf": None, "sizes": Sizes(9000, 1500), "arena_bytes": 512, "weights_bytes": 64,
             "build": "0123456789ab"}  # fmt: skip
    monkeypatch.setitem(sys.modules, "convert.oracle", SimpleNamespace(Oracle=Oracle))
    monkeypatch.setattr(
        shared, "built", lambda board, model: SimpleNamespace(board=board, model=model, **known)
    )
    monkeypatch.setattr(shared, "check_identity", lambda info, model, board: None)
    monkeypatch.setattr(shared, "run_folder", lambda kind, board, model: tmp_path / kind)
    monkeypatch.setattr(session, "REOPEN_SECONDS", 0.01)

    def call(verb: str, *words: str, **plan) -> tuple[int, dict]:
        out = tmp_path / "out.json"
        board = fake(**plan)
        call.boards.append(board)  # type: ignore[attr-defined]
        line = [verb, "--model", str(model), "--port", board.url, "--json", str(out), *words]
        return cli.main(line), json.loads(out.read_text())

    call.boards = []  # type: ignore[attr-defined]
    return call


def test_validate_agrees_and_writes_what_tools_read(toy) -> None:
    status, result = toy("validate", "--inputs", "30")
    assert status == 0
    known = {"inputs": 30, "mismatched_inputs": 0, "mismatched_elements": 0, "max_abs_diff": 0.0}
    assert {key: result[key] for key in known} == known
    assert result["complete"] is True
    assert result["oracle"] == "an interpreter"
    assert {"board", "model_sha256", "seed"} <= set(result)


def test_validate_keeps_its_result_but_not_that_of_a_control(toy, tmp_path: Path) -> None:
    written = tmp_path / "validate" / "validate.json"
    toy("validate", "--inputs", "3", "--corrupt")
    assert not written.exists()
    _, result = toy("validate", "--inputs", "4")
    assert json.loads(written.read_text()) == result


@pytest.mark.parametrize("size", [(5, 4), (4, 3), (96, 96)])
def test_a_picture_of_the_wrong_size_is_refused_and_never_scaled(
    toy, tmp_path: Path, capsys, size
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.new("L", (4, 4)).save(folder / "good.png")
    Image.new("L", size).save(folder / "other.png")
    status, result = toy("validate", "--inputs", "30", "--pictures", str(folder))
    err = capsys.readouterr().err
    assert status == 2
    assert f"{size[0]}×{size[1]} pixels" in err
    assert "crop it to 4×4" in err
    assert "other.png" in err
    assert result["complete"] is False
    (folder / "other.png").unlink()
    assert toy("validate", "--inputs", "30", "--pictures", str(folder))[0] == 0


def test_validate_notices_one_flipped_bit(toy) -> None:
    status, result = toy("validate", "--inputs", "3", "--corrupt")
    assert status == 1
    assert (result["mismatched_inputs"], result["mismatched_elements"]) == (1, 1)
    assert 0 < result["max_abs_diff"] < 1e-6
    assert result["mismatches"][0]["output"] == "probabilities"


def test_validate_goes_on_after_a_broken_line(toy) -> None:
    status, result = toy("validate", "--inputs", "12", die_at=6)
    assert (status, result["inputs"], result["mismatched_inputs"]) == (0, 12, 0)
    assert result["restarts"] == 1


def test_validate_saves_what_it_has_when_it_cannot_go_on(toy, tmp_path: Path, capsys) -> None:
    _, whole = toy("validate", "--inputs", "4")
    status, result = toy("validate", "--inputs", "5", fault="p-fault-[bus pc=10 cfsr=8200]")
    assert status == 2
    assert (result["complete"], result["inputs"]) == (False, 0)
    kept = tmp_path / "validate"
    assert json.loads((kept / "unfinished.json").read_text()) == result
    assert json.loads((kept / "validate.json").read_text()) == whole
    assert "crashed" in result["error"]["what"]
    assert "PRECISERR" in capsys.readouterr().err
    toy("validate", "--inputs", "4")
    assert not (kept / "unfinished.json").exists(), "a whole result replaces it"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_bench_keeps_its_runs_when_it_is_stopped(toy, tmp_path: Path, monkeypatch, stop) -> None:
    profile, calls = bench.profile, []

    def tired(device, frame):
        calls.append(frame)
        if len(calls) == 9:
            raise stop
        return profile(device, frame)

    kept = tmp_path / "bench" / "unfinished.json"
    with monkeypatch.context() as patch:
        patch.setattr(bench, "profile", tired)
        with contextlib.suppress(stop, FileNotFoundError):
            toy("bench", "--repeat", "3")
    told = json.loads(kept.read_text())
    assert told["complete"] is False
    assert told["runs"].startswith("8 of ")
    assert sum(len(one["totals"]) for one in told["inputs"]) == 8
    assert not kept.with_name("bench.json").exists()
    toy("bench")
    assert not kept.exists()


def test_two_models_of_one_name_keep_their_figures(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(shared, "ROOT", tmp_path)
    board = SimpleNamespace(id="b")

    def at(sha256: str) -> Path:
        return shared.run_folder("bench", board, SimpleNamespace(  # type: ignore[arg-type]
            name="m", sha256=sha256 * 64, key=f"m-{sha256 * 10}"))  # fmt: skip

    first = at("a")
    first.mkdir(parents=True)
    (first / "bench.json").write_text(json.dumps({"model_sha256": "a" * 64}))
    assert at("a") == first
    assert at("b").name == "b-m-bbbbbbbbbb"
    (first / "bench.json").write_text("{")
    assert at("b") == first


def test_pictures_that_are_not_compared_are_told(toy, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    for k in range(3):
        Image.new("L", (4, 4), k).save(folder / f"{k}.png")
    _, result = toy("validate", "--inputs", "1", "--pictures", str(folder))
    assert result["inputs"] == 1
    assert "0 of 3 --pictures are compared" in capsys.readouterr().out
    Image.new("L", (5, 4)).save(folder / "z.png")
    status, _ = toy("validate", "--inputs", "1", "--pictures", str(folder))
    assert status == 2


@pytest.mark.parametrize("verb", ["bench", "validate"])
def test_another_build_of_the_model_on_the_port_is_refused(toy, verb: str) -> None:
    """Figures of a board go with the sizes and the options of its own build, or not at all."""
    memory = ["p-mem-arena-512", "p-mem-stack-used-1", "p-mem-stack-size-2", "p-mem-flash-9000",
              "p-mem-ram-3"]  # fmt: skip
    for wrong in ("p-mem-arena-516", "p-mem-flash-9004"):
        name = wrong.rpartition("-")[0]
        told = [wrong if line.startswith(name) else line for line in memory]
        status, result = toy(verb, extra={"p-mem": lambda told=told: told})
        assert status == 2
        assert "another build" in result["error"]["what"]
        assert "--max-ram" in result["error"]["remedy"]
    silent = [line.replace("flash-9000", "flash-0") for line in memory]  # as the host board says
    assert toy(verb, extra={"p-mem": lambda: silent})[0] == 0


@pytest.mark.parametrize("verb", ["bench", "validate"])
def test_sources_tell_a_build_and_not_the_commit(toy, verb: str) -> None:
    """`0123456789ab` is what the checkout would build; the sizes are the same every time."""

    def told(commit: str, *build: str) -> dict:
        lines = [f"p-commit-[{commit}]" if "commit" in line else line for line in INFO]
        return {"p-info": lambda: [*lines, *build]}

    assert toy(verb, extra=told("c0ffee", "p-build-[0123456789ab]"))[0] == 0
    assert toy(verb, extra=told("c0ffee-dirty", "p-build-[0123456789ab]"))[0] == 0
    assert toy(verb, extra=told("c0ffee", "p-build-[unknown]"))[0] == 0
    status, result = toy(verb, extra=told("c0ffee", "p-build-[0123456789ac]"))
    assert status == 2
    assert "sources 0123456789ac, commit c0ffee" in result["error"]["found"]
    assert "kit flash" in result["error"]["remedy"]


def test_the_stack_is_read_behind_an_inference_even_of_a_new_start(toy) -> None:
    """A board that lost its line at the last question has been started anew meanwhile."""
    asked: list[str] = []
    memory = ["p-mem-arena-512", "p-mem-stack-used-300", "p-mem-stack-size-4096",
              "p-mem-flash-9000", "p-mem-ram-1500"]  # fmt: skip

    def broken() -> list[str]:
        asked.append("p-mem")
        if len(asked) == 2:  # the first is for the build
            raise ConnectionError
        return memory

    status, result = toy("bench", "--repeat", "1", extra={"p-mem": broken})
    assert (status, result["restarts"]) == (0, 1)
    commands = toy.boards[-1].commands
    _, lost, last = (at for at, command in enumerate(commands) if command == "p-mem")
    assert "p-run" in commands[lost:last]


def test_another_board_on_the_port_is_refused() -> None:
    fields = {"board": "microbit", "sha256": "a" * 64}
    info, model = SimpleNamespace(fields=fields), SimpleNamespace(sha256="a" * 64)
    shared.check_identity(info, model, SimpleNamespace(id="microbit"))  # type: ignore[arg-type]
    with pytest.raises(BoardError, match="another board") as caught:
        shared.check_identity(info, model, SimpleNamespace(id="host"))  # type: ignore[arg-type]
    assert "--board microbit" in caught.value.remedy


def test_bench_writes_what_tools_read(toy, tmp_path: Path) -> None:
    status, result = toy("bench", "--repeat", "3")
    assert status == 0
    fields = {"board", "core", "unit", "compiler", "flags", "commit", "model_sha256", "total",
              "layers", "flash_bytes", "ram_bytes", "arena_bytes", "stack_bytes"}  # fmt: skip
    assert fields <= set(result)
    assert (result["unit"], result["total"], result["stack_bytes"]) == ("instructions", 1003, 300)
    assert [layer["ticks"] for layer in result["layers"]] == [100, 900]
    for layer in result["layers"]:
        assert set(layer) == {"index", "op", "name", "ticks", "macs", "kind"}
    assert all(entry["totals"] == [1003] * 3 for entry in result["inputs"])
    lines = (tmp_path / "bench" / "bench.csv").read_text().splitlines()
    assert lines == ['"Event","Tag","Ticks"', '0,"glt",100', '1,"bconv2d_bits",900']
    assert json.loads((tmp_path / "bench" / "bench.json").read_text()) == result


def test_one_run_an_input_is_no_repetition(toy) -> None:
    status, result = toy("bench", "--repeat", "1")
    assert (status, result["repeatable"]) == (0, None)
    assert toy("bench", "--repeat", "2")[1]["repeatable"] is True


def test_bench_tells_when_an_emulator_counts_differently(toy) -> None:
    counts = iter(range(1000, 2000))

    def drifting() -> list[str]:
        words = "00" * 80
        return ["p-layer-0-100", "p-layer-1-900", f"p-total-{next(counts)}",
                "p-out-0-" + "00" * 8, f"p-out-1-{words[:128]}",
                f"p-out-1-64-{words[128:]}"]  # fmt: skip

    status, result = toy("bench", extra={"p-run": drifting})
    assert (status, result["repeatable"]) == (1, False)
