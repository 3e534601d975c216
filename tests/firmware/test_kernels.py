"""`kit kernels`: every case against a plain definition, on the cores that the kernels are for."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from convert.planar.geometry import ConvShape
from kit import boards, cli
from kit.kernels import binary, cases, int8, measure, page
from kit.kernels.case import broken
from kit.kernels.data import Rows, random_words
from kit.verbs import kernels as verb
from tests.planar import oracle

needs_emulator = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc",
)
# Board, part of the cases' names, how many those are.
BOARDS = [("netduino2plus", "", 38), ("mps3_an547", "", 38), ("mps2_an385", "8x8", 7),
          ("mps2_an505", "8x8", 7)]  # fmt: skip
FIELDS = {"kernel", "c_in", "c_out", "h", "w", "k", "groups", "instructions", "per_mac",
          "bit_exact"}  # fmt: skip


def kernels(tmp_path, *words: str) -> tuple[int, list[dict]]:
    """Status and JSON of the verb."""
    out = tmp_path / "kernels.json"
    status = cli.main(["kernels", "--json", str(out), *words])
    return status, json.loads(out.read_text())


@pytest.mark.emulator
@needs_emulator
@pytest.mark.parametrize(("board", "only", "count"), BOARDS)
def test_every_kernel_is_bit_exact(board: str, only: str, count: int, tmp_path) -> None:
    status, rows = kernels(tmp_path, "--board", board, "--only", only)
    assert status == 0
    assert len(rows) == count
    for row in rows:
        assert row.keys() >= FIELDS
        assert row["bit_exact"] is True, row["name"]
        assert row["unit"] == "instructions"
        assert row["instructions"] == row["ticks"] > row["macs"] / 40
        assert row["per_mac"] == row["instructions"] / row["macs"]


@pytest.mark.emulator
@needs_emulator
def test_a_wrong_answer_is_noticed(tmp_path, monkeypatch, capsys) -> None:
    make = cases.make
    monkeypatch.setattr(cases, "make", lambda core: [broken(make(core)[0]), *make(core)[1:]])
    status, rows = kernels(tmp_path, "--only", "8x8")
    assert status == 1
    assert [row["bit_exact"] for row in rows] == [False] + [True] * (len(rows) - 1)
    assert "planes 3x3 64 8x8" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.emulator
@needs_emulator
def test_what_does_not_fit_into_ram_is_said(tmp_path) -> None:
    status, rows = kernels(tmp_path, "--board", "microbit", "--only", "3x3 64")
    assert status == 0
    told = {row["name"]: (row["bit_exact"], row["why_not"]) for row in rows}
    assert told["planes 3x3 64 48x48"] == (None, "too little RAM")
    assert any(answer == (True, "") for answer in told.values())


def test_a_part_leaves_the_table_of_all_cases(tmp_path, monkeypatch, capsys) -> None:
    def row(case) -> dict:
        told = dict.fromkeys(FIELDS, 0)
        return {**told, "name": case.name, "kind": case.kind, "bit_exact": True, "why_not": "",
                "per_mac": 1.0, "ticks": 1, "board": "netduino2plus", "cmsis_nn": None,
                "kernel": case.kernel, "core": "m4", "compiler": "", "flags": "", "unit": "",
                "commit": ""}  # fmt: skip

    monkeypatch.setattr(verb, "ROOT", tmp_path)
    monkeypatch.setattr(measure, "firmware", lambda board, part: None)
    monkeypatch.setattr(measure, "measure", lambda board, elf, port, n: ({}, [None] * n))
    monkeypatch.setattr(measure, "row", lambda case, outcome, info, board: row(case))
    monkeypatch.setattr(verb.plot, "png", lambda rows: b"")
    folder, out = tmp_path / "runs/kernels/netduino2plus", tmp_path / "out.json"
    assert cli.main(["kernels", "--json", str(out)]) == 0
    everything = (folder / "kernels.json").read_bytes()
    assert cli.main(["kernels", "--only", "int8", "--json", str(tmp_path / "part.json")]) == 0
    assert (folder / "kernels.json").read_bytes() == everything
    part = json.loads((folder / "part.json").read_text())
    assert 0 < len(part) < len(json.loads(everything))
    capsys.readouterr()
    assert cli.main(["kernels", "--only", "int8", "--json", str(out)]) == 2
    assert "other cases" in capsys.readouterr().err
    assert out.read_bytes() == everything
    assert cli.main(["kernels", "--only", "int8", "--json", str(tmp_path / "part.json")]) == 0


def test_an_unknown_case_is_refused(capsys) -> None:
    assert cli.main(["kernels", "--only", "nothing of that name"]) == 2
    assert "no kernel case has such a name" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(6))
def test_the_definition_agrees_with_a_slower_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stride, k = int(rng.choice([1, 2])), int(rng.choice([1, 2, 3]))
    shape = ConvShape(
        in_h=6, in_w=8, in_c=5, out_h=-(-6 // stride), out_w=-(-8 // stride), out_c=3, k_h=k,
        k_w=k, groups=int(rng.choice([1, 2])), stride_h=stride, stride_w=stride,
        pad_top=k // 2, pad_left=k // 2,
    )  # fmt: skip
    weights, _ = binary.random_layer(shape, seed)
    bits = rng.integers(0, 2, (6, 8, 5 * shape.groups), dtype=np.uint8)
    found = binary.convolve(shape, bits, weights)
    assert np.array_equal(found, oracle.counts(shape, bits.astype(bool), weights.astype(bool)))


def test_inputs_and_answers_are_not_trivial() -> None:
    words = random_words(3, 4096)
    assert abs(np.unpackbits(words.view(np.uint8)).mean() - 0.5) < 0.01
    assert len(set(words.tolist())) > 4000
    assert Rows(3, 40).random(0).shape == (3, 40)
    assert (Rows(3, 40).row_words, Rows(3, 40).last_mask, Rows(2, 64).last_mask) == (
        2,
        0xFF,
        0xFFFFFFFF,
    )
    for _, shape, _ in cases.INT8:
        graph, op = int8.graph_of(shape, 1)
        size = shape.h * shape.w * shape.c_in
        x = random_words(1, size // 4).view(np.int8).reshape(shape.h, shape.w, shape.c_in)
        out = int8.convolve(shape, x, graph, op)
        saturated = np.mean((out == -128) | (out == 127))
        assert saturated < 0.2, (shape, saturated)
        assert out.std() > 15


def test_cases_are_cut_where_flash_ends_and_stay_in_order() -> None:
    made = cases.make("cortex-m0")
    small = boards.find("microbit")
    parts = measure.batches(small, made)
    assert len(parts) > 1
    assert [case for part in parts for case in part] == made
    for part in parts:
        assert sum(case.constant_bytes for case in part) <= small.flash_bytes
    assert measure.batches(boards.find("netduino2plus"), made) == [made]


def test_the_page_shows_what_ran_what_did_not_and_what_is_wrong() -> None:
    row = {"name": "a", "kind": "binary", "core": "cortex-m4", "compiler": "gcc", "flags": "-O2",
           "commit": "c0ffee", "per_mac": 0.25, "ticks": 50, "bit_exact": True,
           "cmsis_nn": None}  # fmt: skip
    peer = {**row, "name": "b", "kind": "int8", "cmsis_nn": 100}
    absent = {**row, "core": "cortex-m0", "per_mac": None, "bit_exact": None}
    wrong = {**peer, "core": "cortex-m0", "bit_exact": False}
    text = page.markdown({"one": [row, peer], "two": [absent, wrong]})
    assert "| case | one (M4) | two (M0) |" in text
    assert "| a | 0.250 | – |" in text
    assert "| b | 0.250 (0.50) | wrong |" in text
    assert "| M55 | 40,960 | 49,152 |" in text
    assert "| two | cortex-m0 | gcc | `-O2` | `c0ffee` |" in text
