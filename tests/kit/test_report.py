"""The verb `report`: accuracy joined with cost, gaps named, the README's figures renewed."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from convert.errors import BitWakeError
from kit import cli
from kit.files import sha256
from kit.report import collect, command, figures, overview, readme
from kit.report.figures import Place


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(text)
    return path


def metrics(**changes: object) -> dict[str, object]:
    return {"recipe": "r", "data": "faces", "split": "test", "seed": 3, "synthetic": False,
            "accuracy": 0.95, "pictures": 40, "size_bits": 9000, "bops": 5, "finished": True,
            "dataset_hash": "d",             **changes}  # fmt: skip


def bench(model: str, content: bytes, **changes: object) -> dict[str, object]:
    return {"model": model, "model_sha256": sha256(content), "board": "netduino2plus",
            "core": "cortex-m4", "unit": "instructions", "total": 2_500_000, "compiler": "gcc 12",
            "flags": "-O3", "commit": "abc", "flash_bytes": 60_000, "ram_bytes": 30_000,
            "arena_bytes": 20_000, "stack_bytes": 900, "weights_bytes": 8_000, "input": "all 0",
            **changes}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout: two shipped models, one measured; a float baseline; one run unfinished."""
    put(tmp_path / "models" / "faces-wake" / "metrics.json", metrics())
    put(tmp_path / "models" / "faces-wake" / "model.tflite", b"faces")
    put(tmp_path / "models" / "scenes-wake" / "metrics.json",
        metrics(data="scenes", synthetic=True, accuracy=0.875, pictures=2000))  # fmt: skip
    put(tmp_path / "models" / "scenes-wake" / "model.tflite", b"scenes")
    put(tmp_path / "runs" / "copy" / "metrics.json", metrics())
    put(tmp_path / "runs" / "copy" / "model.tflite", b"faces")
    put(tmp_path / "runs" / "twin" / "metrics.json", metrics(data="scenes", accuracy=0.9))
    put(tmp_path / "runs" / "half" / "metrics.json", metrics(finished=False, epochs=2))
    put(tmp_path / "runs" / "bench" / "n-faces" / "bench.json", bench("faces-wake", b"faces"))
    put(tmp_path / "runs" / "bench" / "n-old" / "bench.json", bench("old", b"another"))
    return tmp_path


def collected(root: Path) -> collect.Collected:
    return collect.collect(root / "runs", root / "models")


def test_scores_and_costs_meet_by_the_digest_of_the_model(root: Path) -> None:
    found = collected(root)
    pairs = [(row.name, bool(row.score), bool(row.cost)) for row in found.rows]
    assert pairs == [
        ("faces-wake", True, True),  # once, though runs/copy is the same model
        ("scenes-wake", True, False),
        ("twin", True, False),
        ("old", False, True),
    ]
    assert [why for _, why in found.left_out] == ["the training is not finished (epoch 2)"]
    gaps = " ".join(overview.missing(found))
    assert "make bench MODEL=scenes-wake" in gaps
    assert "twin" in gaps
    assert "old" in gaps
    # Negative control: another byte in the model file, and they meet no more.
    put(root / "models" / "faces-wake" / "model.tflite", b"fbces")
    assert ("faces-wake", True, True) not in [
        (row.name, bool(row.score), bool(row.cost)) for row in collected(root).rows
    ]


TWIN = {"net": {"block": {"kind": "train.models.blocks.real.Real"}}}


@pytest.mark.parametrize(
    ("told", "recipe", "form", "bits"),
    [
        ({"macs": 5, "weights": "binary"}, {}, "binary", 9000),
        ({"macs": 5, "weights": "float32"}, {}, "float", 36000),  # counted with 8 bits a weight
        ({"macs": 0, "weights": "float32"}, {}, "float", 9000),
        ({"macs": 0, "weights": "binary"}, {}, "binary", 9000),
        # as earlier versions wrote it
        ({"bops": 5}, {"net": {"layers": ["Pool()"]}}, "binary", 9000),
        ({"bops": 5}, TWIN, "float", 36000),
        ({"bops": 0}, {"net": "twin"}, "float", 9000),
        ({"bops": 5}, None, "binary", 9000),
    ],
)
def test_a_run_without_a_flatbuffer_is_called_what_it_was_scored_with(
    root: Path, told: dict, recipe: dict | None, form: str, bits: int
) -> None:
    put(root / "runs" / "plain" / "metrics.json", {**metrics(bops=None), **told})
    if recipe is not None:
        put(root / "runs" / "plain" / "recipe.json", recipe)
    score = next(row.score for row in collected(root).rows if row.name == "plain")
    assert (score.form, score.size_bits) == (form, bits)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"accuracy": ', "cannot be read"),
        (b"[1]", "no JSON object"),
        (b'{"accuracy": 0.5}', "no field 'data'"),
        (b'{"accuracy": "much", "data": "faces"}', "wrong type"),
        (b'{"accuracy": 95.0, "data": "faces"}', "an accuracy of 95"),
        (b'{"accuracy": 0.5, "data": "faces", "pictures": Infinity}', "pictures is inf"),
        (b'{"accuracy": 0.5, "data": "faces", "pictures": 1e300}', "pictures is 1e+300"),
        (b'{"accuracy": 0.5, "data": "faces", "pictures": -40}', "pictures is -40"),
        (b'{"accuracy": 0.5, "data": "faces", "bops": "many"}', "bops is 'many'"),
        (b'{"accuracy": 0.5, "data": ["a"]}', "data is ['a']"),
        (b'{"accuracy": 0.5, "data": "../faces"}', "data is '../faces'"),
        (b'{"accuracy": 0.5, "data": ""}', "data is ''"),
        (b'{"accuracy": 0.5, "data": "faces", "note": "\\ud800"}', "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_and_left_out(root: Path, content: bytes, reason: str) -> None:
    put(root / "runs" / "bad" / "metrics.json", content)
    found = collected(root)
    reasons = {Path(file).parent.name: why for file, why in found.left_out}
    assert reason in reasons["bad"]
    assert len(found.rows) == 4


def test_a_benchmark_or_comparison_that_is_damaged_stops_no_report(root: Path) -> None:
    """A board's name becomes a file name, and an accuracy an interval."""
    before = len(collected(root).rows)
    bench = next(root.glob("runs/bench/*/bench.json")).read_text()
    for name, board in (("way", "../way"), ("long", "x" * 300)):
        path = root / "runs" / "bench" / name / "bench.json"
        put(path, json.dumps({**json.loads(bench), "board": board}).encode())
    for name, row in (("nan", {"accuracy": math.nan}), ("name", {"run": "x" * 300})):
        row = {"run": name, "weights": "int8", "accuracy": 0.5, "weight_bytes": 8, **row}
        table = {"data": "faces", "rows": [row]}
        put(root / "runs" / name / "comparison.json", json.dumps(table).encode())
        put(root / "runs" / name / "int8.tflite", b"none")
    found = collected(root)
    reasons = {Path(file).parent.name: why for file, why in found.left_out}
    assert len(found.rows) == before
    assert reasons["way"] == "board is '../way'"
    assert reasons["long"].startswith("board is 'xxx")
    assert reasons["nan"] == "an accuracy of nan"
    assert "too long" in reasons["name"]


@pytest.fixture
def verb(root: Path, monkeypatch):
    """Runs `kit report` on that checkout."""
    monkeypatch.setattr(command, "ROOT", root)
    monkeypatch.setattr(readme, "ROOT", root)

    def call(*words: str) -> tuple[int, dict]:
        out = root / "report.json"
        status = cli.main(["report", "--json", str(out), *words])
        return status, json.loads(out.read_text()) if out.exists() else {}

    return call


def test_the_report_writes_page_plot_and_csv(verb, root: Path, capsys) -> None:
    status, result = verb()
    assert status == 0
    folder = root / "runs" / "report"
    names = {path.name for path in folder.iterdir()}
    assert names == {"index.html", "report.csv", "accuracy-faces-netduino2plus.png",
                     "accuracy-scenes-bytes.png"}  # fmt: skip
    rows = list(csv.DictReader((folder / "report.csv").read_text().splitlines()))
    assert [row["model"] for row in rows] == ["faces-wake", "scenes-wake", "twin", "old"]
    assert (rows[0]["ticks"], rows[0]["accuracy"], rows[3]["accuracy"]) == ("2500000", "0.95", "")
    assert float(rows[0]["low95"]) == pytest.approx(0.8350, abs=1e-4)
    assert len(result["rows"]) == 4
    text = (folder / "index.html").read_text()
    for words in ("2,500,000", "95.0 %", "make bench MODEL=scenes-wake", "is left out"):
        assert words in text
    assert "<script" not in text
    printed = capsys.readouterr().out
    assert "left out" in printed
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    verb()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_eight_bit_twins_stand_beside_their_float_networks(verb, root: Path, repo: Path) -> None:
    """From the comparison that `kit train --compare` leaves; cycles from the flatbuffer itself."""
    real = (repo / "models" / "faces-wake" / "model.tflite").read_bytes()
    put(root / "models" / "faces-wake" / "model.tflite", real)
    put(root / "runs" / "twin" / "int8.tflite", b"no flatbuffer")
    row = {"run": "twin", "weights": "int8", "accuracy": 0.89, "pictures": 50, "seed": 1,
           "weight_bytes": 700}  # fmt: skip
    rows = [row, {**row, "weights": "float32"}, {**row, "run": "elsewhere"}]
    put(root / "runs" / "twin" / "comparison.json",
        {"data": "scenes", "split": "test", "synthetic": True, "rows": rows})  # fmt: skip
    put(root / "runs" / "old" / "comparison.json", {"rows": [{}]})
    _, result = verb()
    found = {entry["model"]: entry for entry in result["rows"]}
    assert found["twin, int8"]["form"] == "int8"
    assert found["twin, int8"]["size_bits"] == 5600
    assert found["twin, int8"]["systolic_cycles"] is None, "what cannot be counted has none"
    assert found["faces-wake"]["form"] == "binary"
    assert found["faces-wake"]["systolic_cycles"] > 1000
    assert [name for name in found if name.endswith("int8")] == ["twin, int8"]
    assert any("comparison" in entry["file"] for entry in result["left_out"])
    page = (root / "runs" / "report" / "index.html").read_text()
    assert "scenes: bytes of weights" in page
    assert "k-int8 dot" in page


def test_an_empty_checkout_is_told_what_to_run(verb, root: Path, capsys) -> None:
    for path in root.rglob("*.json"):
        path.unlink()
    status, _ = verb()
    err = capsys.readouterr().err
    assert status == 2
    assert "nothing to report yet" in err
    assert "make bench" in err
    assert not (root / "runs" / "report").exists()


README = "\n".join(
    ["# Title", *(f"<!-- figures:{name} -->\n<!-- /figures -->" for name in readme.BLOCKS), "end"]
)


@pytest.fixture
def measured(root: Path) -> Path:
    """Everything was run with the shipped models."""
    (root / "README.md").write_text(README)
    runs = root / "runs"
    shipped = [("faces-wake", b"faces"), ("scenes-wake", b"scenes")]
    played = []
    for name, content in shipped:
        put(runs / "bench" / name / "bench.json", bench(name, content))
        for board in ("netduino2plus", "host"):
            put(runs / "validate" / f"{board}-{name}" / "validate.json",
                {"model": name, "model_sha256": sha256(content), "board": board, "core": "m",
                 "inputs": 200, "mismatched_inputs": 0, "mismatched_elements": 0,
                 "oracle": "lce", "seed": 1, "commit": "abc"})  # fmt: skip
        played.append(
            {"model": name, "model_sha256": sha256(content), "data": "faces", "split": "test",
             "seed": "3", "synthetic": False, "total": 2_400_000,
             "accuracy": {"right": 39, "total": 40, "value": 0.975, "wilson95": [0.871, 0.996]},
             "bit_exact": {"compared": 40, "equal": 40}}
        )  # fmt: skip
    put(runs / "folded" / "folds.json",
        {"recipe": "r", "data": "faces", "split": "5-fold", "seed": 3, "accuracy": 0.97,
         "accuracies": [0.95, 0.99], "pictures": 200, "wedge_free_accuracy": 0.961,
         "wedge_free_pictures": 130, "commit": "abc"})  # fmt: skip
    row = {"what": "r, 1-bit", "recipe": "r", "weights": "binary", "accuracy": 0.875,
           "pictures": 2000, "weight_bytes": 1125, "macs": 5e6, "epochs": 9, "seed": 3}  # fmt: skip
    rows = [row, {**row, "what": "mobilenet, int8", "weights": "int8", "accuracy": 0.912}]
    beside = {"data": "scenes", "synthetic": True, "split": "test", "dataset_hash": "d"}
    put(runs / "first" / "comparison.json", {**beside, "rows": rows})
    put(runs / "other" / "comparison.json", {**beside, "dataset_hash": "e", "rows": rows})
    place = {key: bench("x", b"")[key] for key in ("board", "core", "unit", "compiler", "flags",
                                                    "commit")}  # fmt: skip
    put(runs / "demo" / "results.json", {"ok": True, "title": "N", **place, "models": played})
    return root


def test_the_readme_is_filled_and_then_fresh(verb, measured: Path, capsys) -> None:
    assert verb("--readme")[0] == 0
    text = (measured / "README.md").read_text()
    for words in ("39 of 40", "2,400,000", "2,500,000 instructions", "87.50 %", "synthetic",
                  "| faces-wake | host | 200 | 0 | lce, seed 1 |", "# Title", "\nend",
                  "**97.0 %**, mean of 2 folds (95.0 %, 99.0 %)",
                  "| mobilenet, int8 | 91.20 % |"):  # fmt: skip
        assert words in text, words
    assert text.count("mobilenet") == 1, "a comparison on other pictures is not shown"
    assert verb("--readme", "--check")[0] == 0
    verb("--readme")
    assert (measured / "README.md").read_text() == text


def test_figures_whose_runs_are_gone_stay_with_their_model(verb, measured: Path, capsys) -> None:
    verb("--readme")
    text = (measured / "README.md").read_text()
    assert "kept" not in capsys.readouterr().out
    for name in ("folded/folds.json", "first/comparison.json"):
        (measured / "runs" / name).unlink()
    verb("--readme")
    out = " ".join(capsys.readouterr().out.split())
    assert "kept from the last snapshot, because no run here has it: the folds of r" in out
    assert "the networks beside r: kit train --compare runs/r" in out
    assert (measured / "README.md").read_text() == text
    another_comparison(measured)
    verb("--readme")
    out = " ".join(capsys.readouterr().out.split())
    assert "because the shipped model is another one: the networks beside r" in out
    assert "mobilenet" not in (measured / "README.md").read_text()
    assert "mean of 2 folds" in (measured / "README.md").read_text()


def edit_readme(root: Path) -> None:
    page = root / "README.md"
    page.write_text(page.read_text().replace("39 of 40", "40 of 40"))


def another_model(root: Path) -> None:
    put(root / "models" / "faces-wake" / "model.tflite", b"trained again")


def another_accuracy(root: Path) -> None:
    put(root / "models" / "faces-wake" / "metrics.json", metrics(accuracy=0.975))


def another_comparison(root: Path) -> None:
    path = root / "models" / "scenes-wake" / "metrics.json"
    put(path, {**json.loads(path.read_text()), "accuracy": 0.876})


def one_more_model(root: Path) -> None:
    put(root / "models" / "new" / "metrics.json", metrics())
    put(root / "models" / "new" / "model.tflite", b"new")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit_readme, "README.md differs"),
        (another_model, "demo: faces-wake was another file"),
        (another_accuracy, "accuracy: models/*/metrics.json"),
        (another_comparison, "comparison on scenes"),
        (one_more_model, "validate: nothing about new"),
    ],
)
def test_a_stale_readme_is_noticed(verb, measured: Path, capsys, change, words) -> None:
    verb("--readme")
    change(measured)
    status, result = verb("--readme", "--check")
    assert status == 1
    assert any(words in line for line in result["stale"])
    assert words in capsys.readouterr().out


def test_figures_of_another_model_are_refused_with_commands(verb, measured: Path, capsys) -> None:
    another_model(measured)
    before = (measured / "README.md").read_bytes()
    assert verb("--readme")[0] == 2
    err = capsys.readouterr().err
    for command_ in ("make demo", "make bench MODEL=faces-wake",
                     "make validate MODEL=faces-wake BOARD=host"):  # fmt: skip
        assert command_ in err
    assert "MODEL=scenes-wake" not in err
    assert (measured / "README.md").read_bytes() == before


def test_a_readme_without_its_markers_is_refused(measured: Path) -> None:
    found = figures.gather(Place(measured))
    with pytest.raises(BitWakeError, match="blocks of figures"):
        readme.fill(README.replace("figures:cost", "figures:price"), found)
    with pytest.raises(BitWakeError, match="blocks of figures"):
        readme.fill("# no blocks at all", found)
