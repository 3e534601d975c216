"""Sizes against limits, and the inputs that a validation uses."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convert.errors import BoardError, DataError
from kit import boards, inputs, models, sizes
from kit.demo import album
from kit.link.faults import symbol_of
from kit.link.replies import DTYPES, TensorInfo
from kit.verbs.validate import Tally, different

TARGET = "netduino2plus"


def test_lines_have_platformios_shape() -> None:
    line = sizes.bar("RAM", 52244, 327680)
    assert line == "RAM:   [==        ]  15.9% (used 52244 bytes from 327680 bytes)"
    assert re.search(r"\[={10}\] 200\.0%", sizes.bar("Flash", 200, 100))


def test_a_firmware_at_the_limit_fits_and_one_byte_more_does_not(registry) -> None:
    board = boards.find(TARGET)
    sizes.check(board, sizes.Sizes(board.flash_bytes, board.ram_bytes))
    with pytest.raises(BoardError) as caught:
        sizes.check(board, sizes.Sizes(1000, board.ram_bytes + 1), arena=100_000)
    assert "131,073 bytes needed, 1 too many: the model's arena 100,000" in caught.value.found
    assert caught.value.remedy.startswith("--max-ram 99999, with --rows if")
    with pytest.raises(BoardError) as caught:
        sizes.check(board, sizes.Sizes(board.flash_bytes + 7, 10), weights=1_000_000)
    assert "7 too many: the model's weights 1,000,000, the rest 48,583" in caught.value.found
    assert "nothing was written" in caught.value.what


def test_the_linkers_words_become_numbers(registry) -> None:
    board = boards.find(TARGET)
    log = (
        "ld: firmware.elf section `.bss' will not fit in region `RAM'\n"
        "ld: region `RAM' overflowed by 5000 bytes\ncollect2: error: ld returned 1 exit status\n"
    )
    error = sizes.from_linker(board, log, arena=120_000, weights=9)
    assert error is not None
    assert "136,072 bytes needed, 5,000 too many: the model's arena 120,000" in error.found
    error = sizes.from_linker(board, "ld: region `FLASH' overflowed by 24 bytes", 0, 900_000)
    assert error is not None
    assert "1,048,600 bytes needed, 24 too many: the model's weights 900,000" in error.found
    assert sizes.from_linker(board, "main.c:3: error: expected ';'", 1, 1) is None


@pytest.mark.host_c
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_an_elf_is_measured(tmp_path: Path) -> None:
    source = "int table[250] = {1}; char arena[5000]; const char w[3000] = {1};\nint f(void)"
    source += "{ return table[1] + arena[2] + w[3]; }\n"
    (tmp_path / "a.c").write_text(source)
    elf = tmp_path / "a.o"
    subprocess.run(["gcc", "-O1", "-c", tmp_path / "a.c", "-o", elf], check=True)
    measured = sizes.measure(elf)
    assert 6000 <= measured.ram <= 6100
    assert 4000 <= measured.flash <= 4400
    assert list(measured.parts) == ["arena", "table"]
    assert symbol_of(elf, 0) == "f+0x0"
    (tmp_path / "text").write_text("no ELF")
    with pytest.raises(BoardError, match="no ELF"):
        sizes.measure(tmp_path / "text")


def picture_input(size: int = 16) -> tuple[TensorInfo, ...]:
    return (TensorInfo(0, "image", "u8", (size, size, 1), size * size),)


def test_inputs_are_all_different_and_the_same_every_time() -> None:
    first = inputs.examples(picture_input(), [], 200)
    again = inputs.examples(picture_input(), [], 200)
    frames = [example.frame(picture_input()) for example in first]
    assert frames == [example.frame(picture_input()) for example in again]
    assert len(set(frames)) == len(frames) == 200
    assert len({example.name for example in first}) == 200
    assert frames != [
        e.frame(picture_input()) for e in inputs.examples(picture_input(), [], 200, 2)
    ]
    assert {bytes(256), b"\xff" * 256} <= set(frames)


@given(
    st.sampled_from(sorted(DTYPES)),
    st.lists(st.integers(1, 5), min_size=0, max_size=4),
    st.integers(1, 40),
)
def test_any_tensor_gets_inputs_of_its_size(dtype: str, shape: list[int], count: int) -> None:
    size = int(np.prod(shape, dtype=int)) * np.dtype(DTYPES[dtype]).itemsize
    tensors = (TensorInfo(0, "a", dtype, tuple(shape), size), *picture_input(2))
    found = inputs.examples(tensors, [], count)
    assert len(found) == count
    for example in found:
        assert len(example.frame(tensors)) == size + 4


def test_a_picture_is_never_resized(tmp_path: Path) -> None:
    Image.new("L", (16, 16), 77).save(tmp_path / "right.png")
    Image.new("L", (17, 16), 77).save(tmp_path / "wrong.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "right.png").read_bytes()[:40])
    names = [e.name for e in inputs.examples(picture_input(), [tmp_path / "right.png"], 30)]
    assert "picture right.png" in names
    for name, text in (("wrong.png", "17×16 pixels"), ("torn.png", "torn.png")):
        with pytest.raises(DataError) as caught:
            inputs.examples(picture_input(), [tmp_path / name], 30)
        assert text in str(caught.value)


DAMAGED = {
    "word.ppm": b"P6\n16 x\n255\n",
    "head.ppm": b"P6",
    "deep.pgm": b"P5\n16 16\n70000\n" + bytes(512),
    "short.pgm": b"P5\n16 16\n255\n" + bytes(7),
    "text.pgm": b"P2\n16 16\n255\n1 2 x",
    "token.pgm": b"P5\n" + b"9" * 30 + b" 4\n255\n",
    "none.png": b"",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_picture_of_any_format_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    with pytest.raises(DataError, match="cannot be read") as caught:
        models.picture(path, (16, 16, 1))
    assert caught.value.found
    assert name in caught.value.where


def test_samples_of_16_bits_are_refused_and_not_clipped_to_white(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(ramp * 257).save(tmp_path / "deep.png")
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "plain.png")
    (tmp_path / "deep.pgm").write_bytes(b"P5\n16 16\n65535\n" + bytes(512))
    for name in ("deep.png", "deep.pgm"):
        with pytest.raises(DataError, match="more than a byte") as caught:
            models.picture(tmp_path / name, (16, 16, 1))
        assert "8 bits" in caught.value.remedy
    assert models.picture(tmp_path / "plain.png", (16, 16, 1))[..., 0].tolist() == ramp.tolist()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_the_page_shows_pictures_of_any_mode(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.bmp")
    Image.new("RGB", (16, 16), (200, 30, 90)).convert(mode).save(path)
    with Image.open(io.BytesIO(album.png(path))) as shown, Image.open(path) as wanted:
        assert shown.format == "PNG"
        assert shown.convert("RGB").tobytes() == wanted.convert("RGB").tobytes()


def test_floats_are_compared_by_their_bits() -> None:
    got = np.array([0.0, np.nan, 1.0, np.inf], "<f4")
    wanted = np.array([-0.0, np.nan, 1.0, np.inf], "<f4")
    assert different(got, wanted).tolist() == [True, False, False, False]
    tally = Tally()
    tally.add("equal", {"y": wanted}, {"y": wanted})
    assert (tally.inputs, tally.mismatched_inputs, tally.max_abs_diff) == (1, 0, 0.0)
    tally.add("zeros", {"y": got}, {"y": wanted})
    assert (tally.mismatched_inputs, tally.mismatched_elements, tally.max_abs_diff) == (1, 1, 0.0)
    tally.add("nan", {"y": np.array([np.nan], "<f4")}, {"y": np.array([1], "<f4")})
    assert tally.max_abs_diff == np.inf
    tally.add("bytes", {"y": np.array([250], "u1")}, {"y": np.array([5], "u1")})
    assert tally.mismatched_elements == 3
