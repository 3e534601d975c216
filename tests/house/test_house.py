"""The house itself: verbs, locks, README commands, and the rules no linter knows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kit.setup import house

VERBS = (
    "help demo test train convert flash monitor bench kernels validate report results sheet data "
    "supported boards lint format lock ci clean distclean"
).split()


def make(repo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs make as from a fresh terminal: not as a child of the make that runs the tests."""
    command = ["env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "-u", "MAKELEVEL", "make", *arguments]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True)


def test_help_is_the_default_and_lists_every_verb(repo: Path) -> None:
    result = make(repo)
    assert result.returncode == 0, result.stderr
    listed = re.findall(r"^  make (\w+) +\S", result.stdout, re.MULTILINE)
    assert listed == VERBS
    for line in result.stdout.splitlines():
        assert len(line) <= 120, line


@pytest.mark.parametrize(
    ("verb", "which"), [("demo", "small"), ("bench", "small"), ("test", "full"), ("lint", "full")]
)
def test_verbs_ask_for_the_right_dependency_set(repo: Path, verb: str, which: str) -> None:
    recipe = make(repo, "-n", verb).stdout
    assert f"{which} " in recipe.split("bootstrap.py")[1].split("&&")[0] + " "


@pytest.mark.parametrize(("verb", "variable"), [("train", "RECIPE"), ("convert", "RUN")])
def test_a_forgotten_variable_is_named(repo: Path, verb: str, variable: str) -> None:
    result = make(repo, "-n", verb)
    assert result.returncode == 2
    assert f"make {verb} needs {variable}=" in result.stderr


def test_another_projects_python_settings_stay_outside(repo: Path, tmp_path, monkeypatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the numpy of another project')\n")
    monkeypatch.setenv("BITWAKE_NO_INSTALL", "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    result = make(repo, "supported")
    assert result.returncode == 0, result.stderr
    monkeypatch.delenv("PYTHONHOME")
    asked = [".venv/bin/python", "-c", "import numpy"]
    direct = subprocess.run(asked, cwd=repo, capture_output=True, text=True)
    assert "another project" in direct.stderr, "the trap is none"


def test_a_python3_that_does_not_run_is_passed_over(repo: Path, tmp_path, monkeypatch) -> None:
    """As the shim of a version that is not installed."""
    for name, status in (("python3", 127), ("python3.12", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert f'"{tmp_path}/python3.12" kit/setup/bootstrap.py' in make(repo, "-n", "boards").stdout


def test_clean_stops_the_boards_that_flash_left_running(repo: Path, tmp_path: Path) -> None:
    """Nobody could find them again. With a Python that only says what it was asked for."""
    shutil.copy(repo / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    for place in (python, tmp_path / "build" / "my_board" / "running.json"):
        place.parent.mkdir(parents=True)
        place.write_text('#!/bin/sh\necho "ran $*"\n')
        place.chmod(0o755)
    result = make(tmp_path, "clean")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "ran -m kit flash --stop --board my_board\n"
    assert not (tmp_path / "build").exists()
    assert make(tmp_path, "clean").stdout == ""


def pins(lock: Path) -> dict[str, str]:
    """Package to version, of the lines without an environment marker."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        name, _, version = line.partition("==")
        if ";" not in version:
            found[name] = version.strip()
    return found


def test_full_lock_contains_the_small_one_pin_for_pin(repo: Path) -> None:
    """Both sets live in one environment: a disagreement would reinstall for ever."""
    small, full = pins(repo / "requirements-small.lock"), pins(repo / "requirements-full.lock")
    assert small.items() <= full.items()
    assert "tensorflow" not in full
    assert full["tensorflow-cpu"] == "2.18.1"


def test_locks_satisfy_pyproject(repo: Path) -> None:
    """Every direct requirement with == is pinned to that very version."""
    text = (repo / "pyproject.toml").read_text(encoding="utf-8")
    exact = re.findall(r'^ +"([\w-]+)==([\w.]+)"', text, re.MULTILINE)
    full = pins(repo / "requirements-full.lock")
    assert len(exact) >= 8
    assert [(name, full.get(name)) for name, _ in exact] == exact


@pytest.mark.parametrize(
    ("fails", "status", "last"),
    [("none", 0, "everything passed"), ("lint", 1, "failed: lint"), ("test", 1, "failed: test")],
)
def test_ci_runs_everything_and_fails_when_anything_does(
    repo: Path, tmp_path: Path, fails: str, status: int, last: str
) -> None:
    """With a make that only says what it was asked for."""
    (tmp_path / "make").write_text(f'#!/bin/sh\necho "ran $1"\n[ "$1" != {fails} ]\n')
    (tmp_path / "make").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(
        [str(repo / ".ci/run")], env={"PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status
    assert [line for line in done.stdout.splitlines() if line.startswith("ran")] == [
        "ran lint",
        "ran test",
    ]
    assert last in done.stdout.splitlines()[-1]


def test_house_is_in_order(repo: Path) -> None:
    if not (repo / ".git").exists():
        pytest.skip("the rules read git's list of files")
    assert house.breaches(repo) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("see /" + "home/someone/model.tflite\n", 1),
        ("x = '/" + "work/data'\n", 1),
        ("index at pypi" + ".org\n", 1),
        ("<" * 7 + " ours\n", 1),
        ("https://example.org/home/page and ../work/x and a/root/b, $HOME/tmp/x\n", 0),
    ],
)
def test_forbidden_strings_are_found(tmp_path: Path, content: str, expected: int) -> None:
    """Negative control, in a text file and in a binary one."""
    (tmp_path / "a.md").write_text("fine\n" + content, encoding="utf-8")
    (tmp_path / "b.bin").write_bytes(b"\0\xff" + content.encode())
    files = [tmp_path / "a.md", tmp_path / "b.bin"]
    found = list(house.forbidden_strings(files, tmp_path))
    text = [line for line in found if line.startswith("a.md:2: ")]
    assert len(text) == expected
    if "<<<" not in content:  # a conflict mark counts only at the start of a line
        assert len(found) == 2 * expected


def test_a_long_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("\n" * (house.LONGEST_FILE + 1), encoding="utf-8")
    (tmp_path / "b.c").write_text("\n" * house.LONGEST_FILE, encoding="utf-8")
    generated = "/* Generated by gen/x.py; do not edit. */\n"
    (tmp_path / "c.S").write_text(generated + "\n" * house.LONGEST_FILE, encoding="utf-8")
    (tmp_path / "d.c").write_text("\n" * house.LONGEST_FILE + generated, encoding="utf-8")
    files = [tmp_path / name for name in ("a.c", "b.c", "c.S", "d.c")]
    found = list(house.long_files(files, tmp_path))
    assert len(found) == 2
    assert found[1].startswith("d.c:"), "only the first line can say that a file is generated"
    assert found[0].startswith("a.c:")
