"""What users get wrong, through the command line: one screen, status 2, nothing half-written."""

from __future__ import annotations

import json
import os
import shlex
import socket
from pathlib import Path

import pytest
import tflite

from kit import build, cli, emulator, models
from kit.link.wire import LinkLostError, Wire
from tests.kit import tiny

SCREEN = 24  # lines
VERBS_WITH_MODEL = ("bench", "flash", "validate", "demo")


@pytest.fixture
def refused(capsys, tmp_path: Path, monkeypatch):
    """Runs a command that must be refused; gives its message. Nothing may be written."""
    monkeypatch.setattr(build, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr("kit.verbs.shared.ROOT", tmp_path / "checkout")
    monkeypatch.setattr("kit.demo.command.ROOT", tmp_path / "checkout")

    def call(*words: str) -> str:
        try:
            status = cli.main(list(words))
        except SystemExit as error:  # argparse
            status = int(error.code or 0)
        out, err = capsys.readouterr()
        assert status == 2, out + err
        text = out + err
        assert "Traceback" not in text
        assert 0 < text.count("\n") <= SCREEN, text
        left = [p for p in (tmp_path / "checkout").rglob("*") if p.is_file()]
        assert [path.name for path in left if path.name != "build.lock"] == []
        return text

    return call


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        ("--recipe faces-wake --folds --seeds 2", "--seeds"),
        ("--recipe faces-wake --folds --data scenes", "--data"),
        ("--recipe faces-wake --seeds 2 --resume x", "--resume"),
        ("--recipe faces-wake --seeds 2 --checkpoint-every 0", "--checkpoint-every"),
        ("--compare x --recipe faces-wake", "--recipe"),
        ("--resume x --folds", "--resume"),
        ("--list --seed 0", "--seed"),
    ],
)
def test_flags_of_train_that_would_be_ignored_are_refused(refused, words: str, idle: str) -> None:
    message = refused("train", *words.split())
    assert "goes with" in message
    assert f"found: {idle}\n" in message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("validate --mode host --board microbit --model faces-wake", "--board microbit"),
        ("validate --mode emulator --port /dev/x --model faces-wake", "--port /dev/x"),
        ("kernels --page x.md --only int8", "--only int8"),
        ("kernels --page x.md --board host", "--board host"),
        ("data faces --data scenes", "faces and --data scenes"),
        ("flash --stop --tcp-port 5555", "--stop"),
        ("flash --silicon --tcp-port 5555 --model faces-wake", "--silicon"),
        ("flash --build-only --tcp-port 5555 --model faces-wake", "--build-only"),
        ("results --list --check", "--check: not allowed"),
        ("results --recount --retry", "--retry: not allowed"),
        ("bench --model faces-wake --seed -1", "-1 is no seed"),
        ("validate --model faces-wake --seed -1", "-1 is no seed"),
    ],
)
def test_arguments_that_contradict_one_another_are_refused(
    refused, monkeypatch, line: str, words: str
) -> None:
    """One of the two would be ignored in silence; and noise has no seed below 0."""
    monkeypatch.setattr("kit.verbs.shared.built", lambda *_: pytest.fail("built for nothing"))
    monkeypatch.setattr(emulator, "stop_running", lambda _: pytest.fail("stopped for nothing"))
    assert words in refused(*line.split())


@pytest.mark.parametrize("name", ["../kit", "..", ".", "", "/x", "a/b", ".hidden", "a b", "ü"])
def test_a_model_is_shipped_into_a_folder_of_models_alone(refused, tmp_path: Path, name) -> None:
    """`--as ../kit` replaced the kit by a model."""
    assert "no name for a shipped model" in refused("ship", "--run", str(tmp_path), "--as", name)


def test_pictures_come_from_a_folder(refused, tmp_path: Path) -> None:
    """One picture was told to be none, and to be a PNG, which it was."""
    one = tmp_path / "one.png"
    one.write_bytes(b"")
    for where, words in ((one, "this is no folder"), (tmp_path / "bare", "there are no pictures")):
        (tmp_path / "bare").mkdir(exist_ok=True)
        message = refused("validate", "--model", "faces-wake", "--pictures", str(where))
        assert words in message
        assert "takes a folder" in message


def test_a_port_that_is_none_is_refused(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["flash", "--model", "scenes-wake", "--tcp-port", "99999"])
    assert "1 to 65535" in capsys.readouterr().err


def test_an_emulator_is_not_uploaded_to(refused, monkeypatch) -> None:
    from kit.verbs import shared

    monkeypatch.setattr(shared, "built", lambda *_: pytest.fail("built for nothing"))
    words = ("--board", "mps2_an386", "--model", "scenes-wake", "--silicon")
    assert "no hardware" in refused("flash", *words)


@pytest.mark.parametrize("verb", VERBS_WITH_MODEL)
def test_a_missing_model_file_is_named(refused, tmp_path: Path, verb: str) -> None:
    message = refused(verb, "--model", str(tmp_path / "gone.tflite"))
    assert "no such model" in message
    assert "gone.tflite" in message


def test_a_missing_model_to_compile_is_named(refused, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    message = refused("compile", str(tmp_path / "gone.tflite"), "--json", str(report))
    assert "gone.tflite" in message
    assert json.loads(report.read_text())["ok"] is False


@pytest.mark.parametrize("kept", [0, 3, 7, 20, 200, 0.5, 0.95])
def test_a_truncated_model_is_refused_by_every_verb(refused, tmp_path: Path, kept) -> None:
    whole = tiny.model(tflite.BuiltinOperator.TANH, [1, 96, 96, 1])
    cut = whole[: kept if isinstance(kept, int) else int(kept * len(whole))]
    path = tmp_path / "cut.tflite"
    path.write_bytes(cut)
    out = tmp_path / "c"
    assert "cut.tflite" in refused("compile", str(path), "--out", str(out))
    assert not out.exists()
    for verb in ("bench", "flash"):
        assert "cut" in refused(verb, "--model", str(path))


def test_an_unsupported_operator_is_named_with_layer_rule_and_remedy(
    refused, tmp_path: Path
) -> None:
    path, report = tmp_path / "tanh.tflite", tmp_path / "report.json"
    path.write_bytes(tiny.model(tflite.BuiltinOperator.TANH, [1, 8, 8, 32]))
    out = tmp_path / "c"
    message = refused("compile", str(path), "--out", str(out), "--json", str(report))
    assert "TANH" in message
    assert "do:" in message
    assert not out.exists()
    errors = json.loads(report.read_text())["errors"]
    assert all(set(error) == {"layer", "rule", "found", "remedy"} for error in errors)
    assert errors[0]["remedy"]
    for verb in ("bench", "flash"):
        message = refused(verb, "--model", str(path))
        assert "cannot be compiled" in message
        assert "kit compile" in message


def test_the_command_that_lists_all_reasons_is_refused_for_them(refused, tmp_path: Path) -> None:
    """With the options and the core that were asked for, and a path that must be quoted."""
    path = tmp_path / "it's mine.tflite"
    path.write_bytes((models.MODELS / "faces-wake" / "model.tflite").read_bytes())
    for words in (["--max-ram", "100"], ["--layout", "no such=planar"]):
        message = refused("bench", "--board", "microbit", "--model", str(path), *words)
        (text,) = (line for line in message.splitlines() if "all reasons:" in line)
        command = shlex.split(text.rpartition("all reasons: ")[2])
        assert command[1:4] == ["-m", "kit", "compile"]
        assert command[-2:] == ["--core", "cortex-m0"]
        (found,) = (line for line in message.splitlines() if line.startswith("  found:"))
        assert found in refused(*command[3:], "--out", str(tmp_path / "c"))


def test_a_text_file_is_no_model(refused, tmp_path: Path) -> None:
    path = tmp_path / "letter.tflite"
    path.write_text("Dear network, " * 9)
    for verb in VERBS_WITH_MODEL:
        assert "no TensorFlow Lite flatbuffer" in refused(verb, "--model", str(path))


@pytest.mark.parametrize("verb", [*VERBS_WITH_MODEL, "monitor"])
def test_a_board_that_does_not_exist_is_refused_with_the_closest(refused, verb: str) -> None:
    message = refused(verb, "--board", "netduino3plus")
    assert "no such board" in message
    assert "did you mean netduino2plus?" in message


def test_a_busy_tcp_port_is_refused_before_anything_is_built(
    refused, tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "any.tflite"
    path.write_bytes(tiny.model(tflite.BuiltinOperator.TANH, [1, 8, 8, 1]))
    monkeypatch.setattr(emulator, "stop_running", lambda board: None)
    monkeypatch.setattr(build, "build", lambda board, model: pytest.fail("built"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        message = refused("flash", "--model", str(path), "--tcp-port", str(port))
    assert "the port is busy" in message
    assert str(os.getpid()) in message


def test_a_serial_port_that_another_program_holds_is_told() -> None:
    master, slave = os.openpty()
    try:
        name = os.ttyname(slave)
        first = Wire(name)
        with pytest.raises(LinkLostError) as caught:
            Wire(name)
        assert "lock" in caught.value.found
        assert "no other program on the port" in caught.value.remedy
        first.close()
        Wire(name).close()  # negative control: free again, and it opens
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_does_not_exist_is_told(capsys) -> None:
    assert cli.main(["monitor", "--port", "/dev/ttyNOWHERE", "--once", "name"]) == 2
    err = capsys.readouterr().err
    assert "cannot be opened" in err
    assert "plugged in" in err


def test_a_run_folder_without_a_model_is_refused(refused, tmp_path: Path) -> None:
    assert "no such run folder" in refused("convert", "--run", str(tmp_path / "gone"))
    assert "no such model" in refused("bench", "--model", str(tmp_path))


def test_the_message_for_every_error_fits_a_screen_even_with_many_reasons(
    refused, tmp_path: Path, monkeypatch
) -> None:
    """A model with many refused layers must not scroll the first one away."""
    monkeypatch.setattr(models, "MODELS", tmp_path)
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(b"\0\0\0\0TFL3" + bytes(40))
    for verb in ("bench", "flash"):
        refused(verb, "--model", "shipped")
