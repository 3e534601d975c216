"""The command line: exit statuses, one-screen messages, help without TensorFlow."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from convert.errors import BoardError
from kit import boards, build, cli, emulator, files, models
from kit.verbs import monitor, shared

TOO_MANY_LINES = 24  # a screen


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Status, standard output, standard error."""
    try:
        status = cli.main(list(words))
    except SystemExit as error:  # argparse
        status = int(error.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The message of a command that must end with status 2, short and without traceback."""
    status, _, err = run(capsys, *words)
    assert status == 2, err
    assert "Traceback" not in err
    assert 0 < err.count("\n") <= TOO_MANY_LINES
    return err


@pytest.fixture
def tflite(tmp_path: Path) -> Path:
    """Something that looks like a flatbuffer from outside and ends too early."""
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(range(60)))
    return path


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, kit.cli; kit.cli.main(['--help']);"
        "heavy = {'numpy', 'tensorflow', 'rich', 'serial', 'larq', 'platformio', 'PIL'};"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in out.stdout
    for verb in cli.VERBS:
        assert f"\n  {verb} " in out.stdout


@pytest.mark.parametrize(
    "verb", [name for name, verb in cli.VERBS.items() if "verbs" in verb.module]
)
def test_every_verb_explains_itself_with_an_example(capsys, verb: str) -> None:
    before = set(sys.modules)
    status, out, _ = run(capsys, verb, "--help")
    assert status == 0
    assert f"  {os.path.relpath(sys.executable)} -m kit {verb}" in out
    assert " python -m kit" not in out, "not every machine has a program of that name"
    assert "--json" in out
    assert not {"tensorflow", "larq"} & (set(sys.modules) - before)


def test_commands_in_messages_can_be_copied(capsys, monkeypatch, tmp_path: Path) -> None:
    here = f"{os.path.relpath(sys.executable)} -m kit "
    assert f"do:    {here}train --list\n" in refused(capsys, "train")
    assert f"`{here}--help`" in refused(capsys, "bensh")
    text = "`kit flash` and python -m kit data vww"
    assert cli.typed(text) == f"`{here}flash` and {here}data vww"
    for other in ("the kit never scales", "toolkit flash", "/some/kit train", "make train"):
        assert cli.typed(other) == other
    monkeypatch.chdir(tmp_path)
    assert cli.typed("kit boards") == f"{shlex.quote(sys.executable)} -m kit boards"


def test_a_board_without_emulator_wants_a_port(capsys, registry) -> None:
    manifest = json.loads((registry / "python" / "board.json").read_text())
    del manifest["bitwake"]["emulator"]
    (registry / "python" / "board.json").write_text(json.dumps(manifest))
    assert "--port /dev/ttyACM0" in refused(capsys, "monitor", "--board", "python")
    with pytest.raises(BoardError, match="no emulator"):
        shared.open_session(boards.find("python"), None, None)
    message = refused(capsys, "kernels", "--board", "python")
    assert "--port" not in message, "kernels has none"
    assert "emulated boards alone" in message


def test_a_core_that_no_kernels_are_chosen_for_is_refused(capsys, registry) -> None:
    path = registry / "python" / "board.json"
    path.write_text(path.read_text().replace("cortex-m4", "cortex-m4f"))
    message = refused(capsys, "monitor", "--board", "python")
    assert "bitwake.core 'cortex-m4f'; known are cortex-m0, " in message


def test_unknown_verb_board_and_model_are_named_with_the_closest(capsys, registry) -> None:
    assert "did you mean `bench`?" in refused(capsys, "bensh")
    message = refused(capsys, "bench", "--board", "netduino2", "--model", "x")
    assert "no such board" in message
    assert "did you mean netduino2plus?" in message
    for board in boards.all_boards():
        assert board.id in message
    message = refused(capsys, "bench", "--model", "no-such-model")
    assert "no such model" in message
    for name in models.shipped():
        assert name in message


def test_no_flatbuffer_is_told_from_a_broken_one(capsys, tmp_path: Path, tflite: Path) -> None:
    text = tmp_path / "model.tflite"
    text.write_text("this is a letter, not a network")
    assert "no TensorFlow Lite flatbuffer" in refused(capsys, "compile", str(text))
    report = tmp_path / "report.json"
    refused_by_compiler = refused_any(capsys, "compile", str(tflite), "--json", str(report))
    assert "Traceback" not in refused_by_compiler
    result = json.loads(report.read_text())
    assert result["ok"] is False
    assert set(result["errors"][0]) >= {"layer", "rule", "found", "remedy"}


def refused_any(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    status, out, err = run(capsys, *words)
    assert status == 2, out + err
    return out + err


def test_a_full_disk_leaves_the_old_json(capsys, tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "boards.json"
    target.write_text("[]")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    message = refused(capsys, "boards", "--json", str(target))
    assert "No space left" in message
    assert target.read_text() == "[]"
    assert list(tmp_path.iterdir()) == [target], "a temporary file was left"


def test_what_is_no_file_takes_the_json_and_a_link_stays(capsys, tmp_path: Path) -> None:
    """As root, replacing /dev/null would cost the whole machine its /dev/null."""
    pipe, link, target = tmp_path / "pipe", tmp_path / "link.json", tmp_path / "real.json"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run(capsys, "boards", "--json", str(pipe))[0] == 0
        assert json.loads(os.read(reader, 1 << 20))
        assert pipe.is_fifo()
    finally:
        os.close(reader)
    target.write_text("old")
    link.symlink_to(target.name)
    assert run(capsys, "boards", "--json", str(link))[0] == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())


def test_any_terminal_and_any_file_name_will_do(tmp_path: Path) -> None:
    """A locale without UTF-8, and a name whose bytes are no UTF-8."""
    name = os.fsencode(tmp_path) + b"/\xff.tflite"
    line = [sys.executable, "-m", "kit", "compile", name, "--json"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    told = subprocess.run([*line, "-"], cwd=files.ROOT, env=ascii_only, capture_output=True)
    assert told.returncode == 2, told.stderr
    assert json.loads(told.stdout)["errors"][0]["found"].endswith("\udcff.tflite")
    target = tmp_path / "report.json"
    told = subprocess.run([*line, target], cwd=files.ROOT, env=ascii_only, capture_output=True)
    assert told.returncode == 2, told.stderr
    assert json.loads(target.read_bytes())["ok"] is False
    listed = [sys.executable, "-m", "kit", "boards"]
    told = subprocess.run(listed, cwd=files.ROOT, env=ascii_only, capture_output=True)
    assert told.returncode == 0, told.stderr
    assert b"netduino2plus" in told.stdout


def test_a_checkout_in_a_folder_that_is_not_utf_8(tmp_path: Path, monkeypatch, capsys) -> None:
    """PlatformIO dies of it, so it is not called; and a mistake of ours there still has its log."""
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    with pytest.raises(BoardError) as caught:
        build.check_place(root)
    assert caught.value.where.endswith("/caf\\xe9")
    assert "rename" in caught.value.remedy
    build.check_place(tmp_path / "caf\u00e9 (1)")

    def fail() -> None:
        raise RuntimeError(f"in\n{root}")

    monkeypatch.setattr(cli, "ROOT", tmp_path)
    monkeypatch.setattr(boards, "all_boards", fail)
    assert cli.main(["boards"]) == 1
    assert "internal error" in capsys.readouterr().err
    (log,) = (tmp_path / "build").glob("internal-error-*.log")
    assert "caf\\udce9" in log.read_text("utf-8")


def test_a_build_that_found_no_room_says_so(tmp_path: Path, monkeypatch) -> None:
    """Where there was none for the log's last lines either, too."""
    log, board = tmp_path / "build.log", boards.find("netduino2plus")

    def told(text: str, free: int) -> str:
        log.write_text(text)
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(build.shutil, "disk_usage", lambda folder: usage)
        return build.failed(board, log, 0, 0).what

    assert "the disk is full" in told("x.s: Fatal error: x.o: No space left on device\n", 1 << 30)
    assert "the disk is full" in told("Compiling x.o\nCompi", 4096)
    assert "the disk is full" not in told("x.c:1: error: expected ';'\n", 1 << 30)


@pytest.mark.parametrize("words", [["boards"], ["boards", "--json", "-"], ["--help"]], ids=str)
@pytest.mark.parametrize("buffered", ["", "1"])
def test_output_that_nobody_takes(words: list[str], buffered: str) -> None:
    """A full disk is told; a reader that has gone is none of our mistakes."""
    line = [sys.executable, "-m", "kit", *words]
    around = {**os.environ, "PYTHONUNBUFFERED": buffered}

    def told(stdout: int) -> tuple[int, str]:
        done = subprocess.run(
            line, cwd=files.ROOT, env=around, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
        return done.returncode, done.stderr

    with open("/dev/full", "w") as full:
        status, text = told(full.fileno())
    assert (status, text.count("\n")) in ((2, 3), (2, 4)), text
    assert "No space left on device" in text
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert told(writer) == (0, "")
    finally:
        os.close(writer)


@pytest.mark.parametrize("number", sorted(cli.PLACES))
def test_a_place_that_the_system_refuses_is_no_bug_of_ours(capsys, monkeypatch, number) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), "/some/where")

    monkeypatch.setattr(boards, "all_boards", refuse)
    status, out, _ = run(capsys, "boards", "--json", "-")
    error = json.loads(out)["error"]
    assert (status, error["where"], error["found"]) == (2, "/some/where", os.strerror(number))
    assert "free some space" in error["remedy"]


def test_a_working_folder_that_was_deleted_costs_no_command(tmp_path: Path) -> None:
    gone, out = tmp_path / "gone", tmp_path / "c"
    gone.mkdir()
    code = (
        f"import os, sys; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r});"
        f"sys.path.insert(0, {str(files.ROOT)!r}); from kit import cli;"
        f"sys.exit(cli.main(['compile', 'faces-wake', '--out', {str(out)!r}]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert str(out) in told.stdout


def test_an_empty_name_is_no_place_for_json(capsys) -> None:
    assert "--json names a file" in refused(capsys, "boards", "--json", "")


def test_a_verb_that_calls_another_keeps_stdout_for_json(capsys, monkeypatch) -> None:
    def outer(args) -> int:
        assert cli.dispatch("boards", []) == 0
        files.write_json(args.json, {"mine": 1})
        return 0

    monkeypatch.setattr("kit.verbs.supported.run", outer)
    status, out, err = run(capsys, "supported", "--json", "-")
    assert (status, json.loads(out)) == (0, {"mine": 1})
    assert "netduino2plus" in err
    assert "netduino2plus" in run(capsys, "boards")[1], "the next call speaks on stdout again"


def test_json_on_stdout_is_pure(capsys) -> None:
    status, out, err = run(capsys, "boards", "--json", "-")
    assert status == 0
    found = json.loads(out)
    assert {board["id"] for board in found} >= {"host", "netduino2plus"}
    assert "netduino2plus" in err
    target = next(board for board in found if board["id"] == "netduino2plus")
    assert (target["flash_bytes"], target["ram_bytes"]) == (1 << 20, 128 << 10)


def test_a_bug_of_ours_is_one_screen_and_a_log(capsys, monkeypatch) -> None:
    def broken() -> None:
        raise RuntimeError("the cat sat on it")

    monkeypatch.setattr(boards, "all_boards", broken)
    status, _, err = run(capsys, "boards")
    assert status == 1
    assert "internal error in `kit boards`: RuntimeError: the cat sat on it" in err
    assert "Traceback" not in err
    log = Path(err.rpartition("traceback: ")[2].strip())
    assert "RuntimeError: the cat sat on it" in log.read_text()
    log.unlink()


def test_ctrl_c_is_130(capsys, monkeypatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(boards, "all_boards", interrupted)
    status, _, err = run(capsys, "boards")
    assert (status, err.strip()) == (130, "stopped; nothing was left half-written")


def test_a_busy_port_names_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(boards.BoardError, match="busy") as caught:
            emulator.check_port(port)
        assert str(os.getpid()) in caught.value.found
        assert str(port) in caught.value.where


def test_a_missing_package_names_the_make_command() -> None:
    error = ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    message = str(cli.not_installed("train", error))
    assert "make test" in message
    assert "tensorflow" in message


def test_monitor_without_a_running_board_says_how_to_start_one(
    capsys, monkeypatch, registry
) -> None:
    monkeypatch.setattr(emulator, "running", lambda board: None)
    message = refused(capsys, "monitor", "--once", "name")
    assert "kit flash --board netduino2plus" in message


def test_monitor_talks_once(capsys, fake, registry) -> None:
    board = fake()
    status, out, _ = run(capsys, "monitor", "--port", board.url, "--once", "p-mem%")
    assert status == 0
    assert "p-mem-stack-used-300" in out


@pytest.mark.parametrize("text", ["", "  ", "%", "zurück", "name%p-info", "p-info\nname", "a\x1b"])
def test_monitor_sends_one_printable_command_or_none(capsys, fake, registry, text: str) -> None:
    board = fake()
    message = refused(capsys, "monitor", "--once", text, "--port", board.url)
    assert "one command of printable ASCII" in message
    assert board.connections == 0


def test_a_monitor_whose_line_breaks_tells_lines_and_reason_in_one_document(
    capsys, registry, monkeypatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line = server.accept()[0]
            line.sendall(b"m-init-done\r\nm-ready\r\n")
            line.shutdown(socket.SHUT_WR)
            line.recv(1)
            line.close()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with open(os.devnull) as nothing:
            monkeypatch.setattr("sys.stdin", nothing)
            status, out, _ = run(capsys, "monitor", "--port", url, "--json", "-")
        thread.join(10)
    told = json.loads(out)
    assert status == 2
    assert told["lines"] == ["m-init-done", "m-ready"]
    assert "line broke" in told["error"]["what"]


def test_milliseconds_belong_to_their_second() -> None:
    """Two readings of the clock would give 01.003 for 2.003."""
    texts = [monitor.clock(at)[6:] for at in (1.9996, 2.0, 2.0039, 59.9999)]
    assert texts == ["01.999", "02.000", "02.003", "59.999"]


def test_monitor_takes_commands_from_a_pipe_and_logs(fake, tmp_path: Path) -> None:
    board = fake()
    log = tmp_path / "serial.log"
    line = [sys.executable, "-m", "kit", "monitor", "--port", board.url, "--log", str(log)]
    done = subprocess.run(
        line, input="p-mem\nname%\n", capture_output=True, text=True, timeout=60, cwd=files.ROOT
    )
    assert done.returncode == 0, done.stderr
    for text in ("p-mem-arena-512", "m-name-dut-[bitwake]"):
        assert text in done.stdout
        assert text in log.read_text()


def test_ctrl_c_ends_a_monitor_quietly(fake) -> None:
    board = fake()
    line = [sys.executable, "-m", "kit", "monitor", "--port", board.url]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=files.ROOT
    ) as process:
        deadline = time.monotonic() + 30
        while not board.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert b"Traceback" not in err
    assert process.returncode in (0, 130)
