"""The verb `demo` against scripted boards: whole runs, wrong answers, Ctrl-C, boards that die."""

from __future__ import annotations

import csv
import io
import json
import shutil
import struct
from pathlib import Path

import pytest
from PIL import Image

from kit.demo import album, command, play, screen
from kit.demo.results import Place
from kit.link.replies import Info, LayerRow, Run, TensorInfo
from kit.models import find

FILES = {
    "index.html", "results.json", "results.csv", "layers.csv",
    "layers-scenes-wake.png", "layers-faces-wake.png",
}  # fmt: skip


def test_a_whole_run_writes_every_file_with_the_same_figures(demo, capsys) -> None:
    status, out, result = demo()
    printed = capsys.readouterr().out
    assert status == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert json.loads((out / "results.json").read_text()) == result
    scenes, faces = result["models"]
    assert [scenes["model"], faces["model"]] == ["scenes-wake", "faces-wake"]
    assert (scenes["accuracy"]["right"], scenes["accuracy"]["total"]) == (5, 6)
    assert scenes["accuracy"]["wilson95"] == pytest.approx([0.4365, 0.9699], abs=1e-4)
    assert (scenes["synthetic"], faces["synthetic"], faces["seed"]) == (True, False, "7")
    assert (scenes["total"], scenes["ram_bytes"], scenes["stack_bytes"]) == (1003, 12000, 300)
    assert scenes["bit_exact"] == {"oracle": "recorded LCE outputs", "compared": 6, "equal": 6}
    assert scenes["notes"] == ["On the whole test set of 100 pictures its accuracy is 67.0 %."]
    assert faces["notes"][0].startswith("10 of the 100 test pictures show a black wedge")
    assert "over the 90 without one the accuracy is 90.0 %" in (out / "index.html").read_text()
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert len(rows) == 10
    wrong = [row for row in rows if row["right"] == "0"]
    assert [(row["file"], row["truth"], row["verdict"]) for row in wrong] == [
        ("0004-other.png", "other", "person")
    ]
    layers = list(csv.DictReader((out / "layers.csv").read_text().splitlines()))
    assert [int(row["ticks"]) for row in layers] == [100, 900, 100, 900]
    for text in ("5 of 6 right: 83.3 %", "43.6 % to 97.0 %", "bit-exact with LCE", "index.html"):
        assert text in printed
    assert "\x1b" not in printed, "colours belong on a terminal"
    with Image.open(out / "layers-faces-wake.png") as image:
        assert image.width > 1000


def test_equal_runs_write_equal_files(demo) -> None:
    _, out, _ = demo()
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    demo()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_an_output_that_differs_from_the_recorded_one_fails_the_demo(demo, shipped, capsys) -> None:
    listed = shipped / "faces-wake" / "pictures" / "pictures.json"
    rows = json.loads(listed.read_text())
    flipped = bytearray.fromhex(rows[2]["logits_hex"])
    flipped[0] ^= 1
    rows[2]["logits_hex"] = flipped.hex().upper()
    rows[1]["logits_hex"] = rows[1]["logits_hex"].upper()  # the case of digits is no difference
    listed.write_text(json.dumps(rows))
    status, out, result = demo()
    assert status == 1
    exact = result["models"][1]["bit_exact"]
    assert (exact["compared"], exact["equal"]) == (4, 3)
    assert "Bit-exact with LCE on 3 of 4 pictures" in (out / "index.html").read_text()
    assert "NOT bit-exact" in capsys.readouterr().out


def test_pictures_without_records_are_not_called_bit_exact(demo, shipped) -> None:
    (shipped / "faces-wake" / "pictures" / "pictures.json").unlink()
    status, out, result = demo("--model", "faces-wake")
    assert status == 0
    assert result["models"][0]["accuracy"]["right"] == 4  # the truth comes from the names
    assert result["models"][0]["bit_exact"]["compared"] == 0
    assert "Not compared with LCE" in (out / "index.html").read_text()


def test_fewer_pictures_keep_the_mixture(demo) -> None:
    _, _, result = demo("--pictures", "3")
    files = [picture["file"] for picture in result["models"][0]["pictures"]]
    assert files == ["0000-person.png", "0002-person.png", "0004-other.png"]


def test_ctrl_c_keeps_what_was_answered(demo, monkeypatch, capsys) -> None:
    infer, calls = play._infer, []

    def impatient(device, frame):
        calls.append(frame)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return infer(device, frame)

    monkeypatch.setattr(play, "_infer", impatient)
    status, out, result = demo()
    assert status == 130
    assert (result["ok"], result["stopped"]) == (False, "stopped by Ctrl-C")
    assert [run["accuracy"]["total"] for run in result["models"]] == [3, 0]
    text = (out / "index.html").read_text()
    assert "This run stopped early: 3 of 10 pictures" in text
    assert "Traceback" not in capsys.readouterr().err


def test_a_board_that_crashes_keeps_what_was_answered(demo, capsys) -> None:
    answers = iter(range(9))

    def crash() -> list[str]:
        if next(answers) < 2:
            words = "00" * 80
            return ["p-total-1003", "p-out-0-" + "00" * 8, f"p-out-1-{words[:128]}",
                    f"p-out-1-64-{words[128:]}", "m-results-[0.250,0.750]"]  # fmt: skip
        return ["p-fault-[bus pc=10 cfsr=8200]"]

    status, out, result = demo(plans=[{}, {"extra": {"p-infer": crash}}])
    assert status == 2
    assert [run["accuracy"]["total"] for run in result["models"]] == [6, 2]
    assert "crashed" in result["error"]["what"]
    assert "8 of 10 pictures" in (out / "index.html").read_text()
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") < 24


def test_a_line_that_breaks_once_costs_no_picture(demo) -> None:
    status, _, result = demo("--model", "faces-wake", plans=[{"die_at": 3}])
    assert (status, result["models"][0]["accuracy"]["total"]) == (0, 4)


def test_a_run_without_any_answer_leaves_the_last_demo_alone(demo, capsys) -> None:
    _, out, _ = demo()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    status, _, result = demo(plans=[{"extra": {"p-infer": lambda: ["p-fault-[bus pc=10]"]}}])
    assert status == 2
    assert result["ok"] is False
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_full_disk_leaves_the_last_demo_alone(demo, monkeypatch, capsys) -> None:
    _, out, _ = demo()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "results.json":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    status, _, _ = demo("--pictures", "2")
    monkeypatch.undo()
    assert status == 2
    assert "No space left" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not list(out.parent.glob(".out-*")), "a temporary folder was left"


def test_a_file_in_the_way_is_refused_before_the_board_starts(
    demo, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(command, "perform", lambda *words: pytest.fail("the board was started"))
    (tmp_path / "out").write_text("mine")
    assert demo()[0] == 2
    assert "is no folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"
    (tmp_path / "out").unlink()
    with pytest.raises(pytest.fail.Exception):  # negative control: nothing in the way
        demo()


def spoil_size(folder: Path) -> None:
    Image.new("L", (5, 4)).save(folder / "0001-person.png")


def spoil_label(folder: Path) -> None:
    (folder / "pictures.json").write_text('[{"file": "0000-other.png", "label": "cat"}]')


def spoil_file(folder: Path) -> None:
    (folder / "0002-other.png").unlink()


def spoil_json(folder: Path) -> None:
    (folder / "pictures.json").write_text('[{"file": ')


def spoil_escape(folder: Path) -> None:
    (folder / "pictures.json").write_text('[{"file": "../model.tflite", "label": 0}]')


def spoil_hex(folder: Path) -> None:
    row = '[{"file": "0000-other.png", "label": 0, "logits_hex": "12x"}]'
    (folder / "pictures.json").write_text(row)


def spoil_pixels(folder: Path) -> None:
    (folder / "0000-other.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_size, ("0001-person.png", "5×4 pixels", "crop it to 4×4")),
        (spoil_label, ("cat", "other, person")),
        (spoil_file, ("a listed picture is not there", "0002-other.png")),
        (spoil_json, ("damaged", "pictures.json")),
        (spoil_escape, ("a listed picture is not there",)),
        (spoil_hex, ("no hexadecimal", "12x")),
        (spoil_pixels, ("cannot be read", "0000-other.png")),
    ],
)
def test_bad_pictures_are_told_in_one_screen(demo, shipped, capsys, spoil, words) -> None:
    spoil(shipped / "faces-wake" / "pictures")
    status, out, _ = demo("--model", "faces-wake")
    err = capsys.readouterr().err
    assert status == 2
    for word in words:
        assert word in err
    assert err.count("\n") < 24
    assert not out.exists(), "nothing was answered, so nothing is written"


def test_no_shipped_models_and_a_wrong_board_are_told(demo, shipped, monkeypatch, capsys) -> None:
    assert demo("--board", "netduino2")[0] == 2
    assert "did you mean netduino2plus?" in capsys.readouterr().err
    assert demo("--port", "/dev/ttyACM9")[0] == 2
    assert "holds one model" in capsys.readouterr().err
    monkeypatch.setattr("kit.models.MODELS", shipped / "nothing")
    assert demo()[0] == 2
    assert "ships no models" in capsys.readouterr().err


def test_the_live_table_shows_what_plain_lines_show(demo, capsys, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(screen, "plain", lambda run, place: seen.append((run, place)))
    demo("--model", "scenes-wake")
    from rich.console import Console

    console = Console(width=110, record=True, file=io.StringIO())
    console.print(screen.table(*seen[-1], 10))
    text = console.export_text()
    assert text.count("WRONG") == 1
    for word in ("0004-other.png", "78.4 %", "5 of 6 right", "1,003", "synthetic"):
        assert word in text
    first = Console(width=110, record=True, file=io.StringIO())
    first.print(screen.table(*seen[0], 10))
    assert "0 of 6 pictures" in first.export_text()


def test_an_album_is_read_in_the_order_of_its_list(shipped: Path) -> None:
    found = album.read(find("scenes-wake"))
    assert [entry.label for entry in found.entries] == [1, 0, 1, 0, 0, 1]
    assert found.synthetic
    assert len(album.read(find("scenes-wake"), 100).entries) == 6


def test_reasons_and_places_are_sentences() -> None:
    assert play.reason(SystemExit(143)) == "stopped by a signal"
    place = Place("host", "This machine", "native", False, "nanoseconds", "gcc", "", "x", 0, 0)
    assert place.where == "this machine"


def test_pictures_of_unknown_origin_are_called_so(demo, shipped, capsys) -> None:
    """No metrics.json tells their data set: neither synthetic nor photographs, of no split."""
    (shipped / "faces-wake" / "metrics.json").unlink()
    status, out, result = demo("--model", "faces-wake")
    assert status == 0
    assert result["models"][0]["synthetic"] is None
    said = capsys.readouterr().out + (out / "index.html").read_text()
    assert "unknown origin" in said
    assert "hotograph" not in said
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert {row["synthetic"] for row in rows} == {""}


def test_classes_have_the_names_that_the_flatbuffer_holds(tmp_path: Path, repo: Path) -> None:
    from kit import models
    from kit.demo import album

    folder = tmp_path / "own"
    (folder / "pictures").mkdir(parents=True)
    shutil.copy(repo / "models/faces-wake/model.tflite", folder)
    first = sorted((repo / "models/faces-wake/pictures").glob("*-face.png"))[0]
    shutil.copy(first, folder / "pictures" / "0000-face.png")
    (entry,) = album.read(models.find(str(folder))).entries
    assert entry.label == 1


@pytest.mark.parametrize(
    ("last", "values", "board", "verdict", "shares"),
    [
        ("logistic_f32", (0.125,), (0.469, 0.531), 0, (0.875, 0.125)),
        ("softmax_f32", (0.875, 0.125), (0.679, 0.321), 0, (0.875, 0.125)),
        ("dense_f32", (0.125,), (0.469, 0.531), 1, (0.469, 0.531)),
        ("softmax_f32", (float("nan"), 0.5), (0.0, 1.0), 1, (0.0, 1.0)),
    ],
)
def test_an_output_that_is_a_probability_is_taken_as_one(
    tmp_path: Path, last: str, values, board, verdict: int, shares
) -> None:
    """The firmware's softmax made 53 % of a sigmoid's 12.5 %: the other verdict."""
    Image.new("L", (4, 4)).save(tmp_path / "0-1.png")
    entry = album.Entry(tmp_path / "0-1.png", 1, "")
    output = TensorInfo(0, "y", "f32", (len(values),), 4 * len(values))
    rows = [LayerRow(0, "encode_u8", "other", 0, "in"), LayerRow(1, last, "other", 0, "out")]
    told = play.tells_probabilities(Info({}, (), (output,)), rows)
    done = Run({0: struct.pack(f"<{len(values)}f", *values)}, 1, {}, board)
    answered = play.answer(0, entry, done, told)
    assert answered.verdict == verdict
    assert answered.probabilities == pytest.approx(shares)
