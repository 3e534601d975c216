"""The portable kernels over random shapes, under sanitizers; and their code's properties."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.host_c import FLAGS, MCU, SANITIZERS, WARNINGS, compile_c

pytestmark = pytest.mark.host_c

HERE = Path(__file__).parent
# program of this folder -> the kernels it judges
PROGRAMS = {
    "portable_test.c": (
        "bw_bconv2d.c", "bw_bconv2d_ref.c", "bw_bitcast.c", "bw_bmaxpool2d.c", "bw_encode_u8.c",
        "bw_gather_channels.c",
    ),
    "level_test.c": (
        "level/bw_level_conv.c", "level/bw_level_planes.c", "level/bw_level_square.c",
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", PROGRAMS)
def test_random_shapes(tmp_path: Path, source: str) -> None:
    program = compile_c(tmp_path, [HERE / source], "random")
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[:3000]
    assert int(done.stdout.split()[0]) > 100_000


# (file, as it is, wrong): each must be noticed by a program above.
MUTATIONS = [
    ("bw_bconv2d.c", "count > d->thresholds[o]", "count >= d->thresholds[o]"),
    ("bw_bconv2d.c", "rest >= 0.5f", "rest > 0.5f"),
    ("bw_bconv2d.c", "rest <= -0.5f", "rest < -0.5f"),
    ("bw_bconv2d.c", "n / 3u < 10u ? n / 3u : 10u", "n / 3u < 99u ? n / 3u : 99u"),
    ("bw_bconv2d.c", "if (d->zero_padding != 0u) {", "if (false) {"),
    ("bw_bconv2d.c", "d->k_h * row_words > BW_PATCH_WORDS", "false"),
    ("bw_bconv2d.c", "* in_words + g * words;", "* in_words;"),
    ("bw_bconv2d_ref.c", "channels / 2u", "channels"),
    ("bw_bmaxpool2d.c", "out[w] &= a[w];", "out[w] |= a[w];"),
    ("bw_bmaxpool2d.c", "iy >= d->in_h", "iy > d->in_h"),
    ("bw_bitcast.c", "*(in) < 0.0f", "*(in) <= 0.0f"),
    ("bw_bitcast.c", "*in - zero_point", "*in - zero_point - 1"),
    ("bw_bitcast.c", "(q | TOPS) - (z", "q - (z"),
    ("bw_bitcast.c", "(q & ~z) |", "(q & z) |"),
    ("bw_bitcast.c", "0x00204081u) & 0xF", "0x00204080u) & 0xF"),
    ("bw_bitcast.c", "(uint8_t)d->plus ^", "(uint8_t)d->plus |"),
    ("bw_gather_channels.c", "c + 1u == d->out_c", "c + 2u == d->out_c"),
    ("bw_encode_u8.c", "table += 256u * d->span", "table += 255u * d->span"),
    ("level/bw_level_conv.c", "y0 + high < d->in_h;", "y0 + high <= d->in_h;"),
    ("level/bw_level_conv.c", "(!BW_LEVEL_SATURATES && d->saturates != 0u)", "false"),
    ("level/bw_level_conv.c", "bw_level_add_clipped(", "bw_level_add("),
    ("level/bw_level_conv.c", "x_step) + 1u;", "x_step) + 2u;"),
    ("level/bw_level_planes.c", "y < d->out_h ? inside : 0u", "inside"),
    ("level/bw_level_square.c", "SWAP(c, d, 8,", "SWAP(c, d, 4,"),
]


def build(source: Path, target: Path, *more: str) -> None:
    line = ["gcc", *FLAGS, *SANITIZERS, *more, "-c", str(source), "-o", str(target)]
    subprocess.run(line, check=True, capture_output=True)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Each program and its kernels as they are, compiled."""
    folder = tmp_path_factory.mktemp("objects")
    found: dict[str, dict[str, Path]] = {}
    for program, kernels in PROGRAMS.items():
        paths = {program: HERE / program, **{name: MCU / "kernels" / name for name in kernels}}
        found[program] = {name: folder / f"{path.stem}.o" for name, path in paths.items()}
        for name, path in paths.items():
            build(path, found[program][name])
    return found


@pytest.mark.parametrize(("name", "right", "wrong"), MUTATIONS, ids=lambda v: str(v)[:24])
def test_a_wrong_kernel_is_noticed(
    objects: dict[str, dict[str, Path]], tmp_path: Path, name: str, right: str, wrong: str
) -> None:
    kernel = MCU / "kernels" / name
    text = kernel.read_text()
    assert text.count(right) == 1
    source, target, program = tmp_path / kernel.name, tmp_path / "wrong.o", tmp_path / "wrong"
    source.write_text(text.replace(right, wrong))
    build(source, target, f"-I{kernel.parent}")
    mine = next(parts for parts in objects.values() if name in parts)
    parts = [str(target if known == name else path) for known, path in mine.items()]
    subprocess.run(["gcc", *SANITIZERS, *parts, "-o", str(program), "-lm"], check=True)
    assert subprocess.run([str(program)], capture_output=True, timeout=120).returncode != 0


@pytest.mark.parametrize("optimise", ["-Os", "-O3"])
def test_no_warning_at_any_level(tmp_path: Path, optimise: str) -> None:
    for name in (name for kernels in PROGRAMS.values() for name in kernels):
        extra = ["-Wshadow", "-Wcast-align=strict", "-Wstrict-prototypes"]
        line = ["gcc", *FLAGS, *WARNINGS, *extra, optimise, "-c", str(MCU / "kernels" / name)]
        line += ["-o", str(tmp_path / "x.o")]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_kernels_allocate_nothing() -> None:
    for path in (MCU / "kernels").rglob("*.c"):
        assert not re.search(r"\b(malloc|calloc|realloc|alloca|free)\s*\(", path.read_text()), path
