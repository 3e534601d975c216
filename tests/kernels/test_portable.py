"""The portable kernels over random shapes, under sanitizers; and their code's properties."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.host_c import FLAGS, MCU, SANITIZERS, WARNINGS, compile_c

pytestmark = pytest.mark.host_c

SOURCE = Path(__file__).parent / "portable_test.c"
OURS = ("bw_bconv2d.c", "bw_bconv2d_ref.c", "bw_bitcast.c", "bw_bmaxpool2d.c", "bw_encode_u8.c",
        "bw_gather_channels.c")  # fmt: skip


def test_random_shapes(tmp_path: Path) -> None:
    program = compile_c(tmp_path, [SOURCE], "portable")
    done = subprocess.run([str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[:3000]
    assert int(done.stdout.split()[0]) > 100_000


# (file, as it is, wrong): each must be noticed by the program above.
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
    ("bw_bitcast.c", "*in < 0.0f", "*in <= 0.0f"),
    ("bw_bitcast.c", "*in - zero_point", "*in - zero_point - 1"),
    ("bw_gather_channels.c", "c + 1u == d->out_c", "c + 2u == d->out_c"),
    ("bw_encode_u8.c", "table += 256u * d->span", "table += 255u * d->span"),
]


def build(source: Path, target: Path) -> None:
    line = ["gcc", *FLAGS, *SANITIZERS, "-c", str(source), "-o", str(target)]
    subprocess.run(line, check=True, capture_output=True)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The test and the kernels as they are, compiled."""
    folder = tmp_path_factory.mktemp("objects")
    found = {}
    for path in (SOURCE, *(MCU / "kernels" / name for name in OURS)):
        found[path.name] = folder / f"{path.stem}.o"
        build(path, found[path.name])
    return found


@pytest.mark.parametrize(("name", "right", "wrong"), MUTATIONS, ids=lambda v: str(v)[:24])
def test_a_wrong_kernel_is_noticed(
    objects: dict[str, Path], tmp_path: Path, name: str, right: str, wrong: str
) -> None:
    text = (MCU / "kernels" / name).read_text()
    assert text.count(right) == 1
    source, target, program = tmp_path / name, tmp_path / "wrong.o", tmp_path / "wrong"
    source.write_text(text.replace(right, wrong))
    build(source, target)
    parts = [str(target if known == name else path) for known, path in objects.items()]
    subprocess.run(["gcc", *SANITIZERS, *parts, "-o", str(program), "-lm"], check=True)
    assert subprocess.run([str(program)], capture_output=True).returncode != 0


@pytest.mark.parametrize("optimise", ["-Os", "-O3"])
def test_no_warning_at_any_level(tmp_path: Path, optimise: str) -> None:
    for name in OURS:
        extra = ["-Wshadow", "-Wcast-align=strict", "-Wstrict-prototypes"]
        line = ["gcc", *FLAGS, *WARNINGS, *extra, optimise, "-c", str(MCU / "kernels" / name)]
        line += ["-o", str(tmp_path / "x.o")]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_kernels_allocate_nothing() -> None:
    for path in (MCU / "kernels").rglob("*.c"):
        assert not re.search(r"\b(malloc|calloc|realloc|alloca|free)\s*\(", path.read_text()), path
