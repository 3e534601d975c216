"""Set-up against fake interpreters, a fake PATH and an environment that may not install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convert.errors import DependencyError
from kit.setup import bootstrap, environment, prepare, programs

SCRIPT = Path(bootstrap.__file__)


def executable(path: Path, text: str) -> Path:
    """Writes a shell script that can be run."""
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a space in its path: the set-up, and a lock of one package; no .venv."""
    root = tmp_path / "a checkout"
    for folder in ("kit/setup", "convert"):
        (root / folder).mkdir(parents=True)
        for file in (SCRIPT.parents[2] / folder).glob("*.py"):
            shutil.copy(file, root / folder / file.name)
    shutil.copy(SCRIPT.parents[1] / "__init__.py", root / "kit")
    for which in environment.SETS:
        (root / f"requirements-{which}.lock").write_text("six==1.17.0\n", encoding="utf-8")
    return root


def run(root: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Starts the checkout's set-up from another folder, as a user's make might."""
    return subprocess.run(
        [sys.executable, str(root / "kit/setup/bootstrap.py"), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
    )


def fill(root: Path, name: str = "six", version: str = "1.17.0") -> Path:
    """An environment as a user makes it by hand: real venv layout, one package in it."""
    venv = root / ".venv"
    site = venv / "lib" / f"python{environment.RUNNING}" / "site-packages"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "pyvenv.cfg").write_text(f"version = {environment.RUNNING}.9\n", encoding="utf-8")
    (site / f"{name}-{version}.dist-info").mkdir(parents=True)
    return venv


@pytest.mark.parametrize("version", ["2.7.18", "3.8.18", "3.9.18", "3.13.0", "4.0.0"])
def test_unsupported_python_is_one_message(tmp_path: Path, version: str) -> None:
    python = executable(tmp_path / "python-of-mine", f"echo {version}\n")
    result = run(SCRIPT.parents[2], "small", "--python", str(python))
    assert result.returncode == 2
    assert result.stdout == ""
    assert f"is Python {version}" in result.stderr
    assert "Python 3.10 to 3.12" in result.stderr
    assert "apt-get install python3.11 python3.11-venv" in result.stderr
    assert "PYTHON=/path/to/python3.11" in result.stderr


def test_a_version_that_pyenv_holds_behind_a_silent_shim_is_found(tmp_path, monkeypatch) -> None:
    """`python3.12` on PATH may be a shim that refuses until a version is chosen."""
    shims = tmp_path / "shims"
    shims.mkdir()
    executable(shims / "python3.12", "echo python3.12: command not found >&2; exit 127\n")
    real = tmp_path / "versions" / "3.12.1" / "bin"
    real.mkdir(parents=True)
    executable(real / "python3.12", "echo 3.12.1\n")
    monkeypatch.setenv("PATH", f"{shims}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert bootstrap.choose("python3.12") == (str(real / "python3.12"), None)
    # Negative controls: another name, and a version that is not there.
    assert bootstrap.choose("python3.10")[0] is None
    (real / "python3.12").unlink()
    assert bootstrap.choose("python3.12")[0] is None


def test_python_that_does_not_run(tmp_path: Path) -> None:
    shim = executable(tmp_path / "shim", "echo no such version >&2; exit 127\n")
    result = run(SCRIPT.parents[2], "small", "--python", str(shim))
    assert result.returncode == 2
    assert "is not a Python interpreter that runs" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_later_candidate_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """python3 is too new, python3.12 a broken shim, python3.11 good: python3.11 it is."""
    executable(tmp_path / "python3", "echo 3.13.0\n")
    executable(tmp_path / "python3.12", "exit 127\n")
    executable(tmp_path / "python3.11", "echo 3.11.2\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 13, 0))
    assert bootstrap.choose("") == ("python3.11", None)
    (tmp_path / "python3.11").unlink()
    command, found = bootstrap.choose("")
    assert command is None
    assert found == "python3 is Python 3.13.0"


def test_first_file_is_readable_by_old_pythons() -> None:
    """No syntax newer than Python 3.4: the oldest grammar that `ast` can still be asked for."""
    import ast

    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 4))
    with pytest.raises(SyntaxError):
        ast.parse("a: int = 1", feature_version=(3, 4))  # the check can fail


def test_no_install_names_everything_and_changes_nothing(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    result = run(checkout, "small", "--need", "arm,qemu", BITWAKE_NO_INSTALL="1", PATH=str(tools))
    assert result.returncode == 2
    assert "gcc-arm-none-eabi" in result.stderr
    assert "qemu-system-arm" in result.stderr
    assert "-m venv --clear .venv" in result.stderr
    assert "pip install --no-deps -r requirements-small.lock" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (checkout / ".venv").exists()


def test_environment_filled_by_hand_is_accepted_once_complete(checkout: Path) -> None:
    venv = fill(checkout, version="1.16.0")
    assert run(checkout, "small", BITWAKE_NO_INSTALL="1").returncode == 2
    assert not (venv / ".bitwake-small").exists()
    site = venv / "lib" / f"python{environment.RUNNING}" / "site-packages"
    (site / "six-1.16.0.dist-info").rename(site / "six-1.17.0.dist-info")
    result = run(checkout, "small", BITWAKE_NO_INSTALL="1")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (venv / ".bitwake-small").exists()


def test_stamp_follows_lock_python_and_interruption(checkout: Path) -> None:
    venv = fill(checkout)
    assert environment.out_of_date(checkout, "full", None) is None  # adopted: contents match
    stamped = (venv / ".bitwake-full").read_text(encoding="ascii")
    assert stamped == (venv / ".bitwake-small").read_text(encoding="ascii")  # full holds small
    assert environment.out_of_date(checkout, "small", None) is None
    (checkout / "requirements-small.lock").write_text("six==1.18.0\n", encoding="utf-8")
    assert "1 packages" in str(environment.out_of_date(checkout, "small", None))
    assert environment.out_of_date(checkout, "full", None) is None
    other = "3.12" if environment.RUNNING != "3.12" else "3.10"
    assert f"asked for is {other}" in str(environment.out_of_date(checkout, "full", other))
    (venv / environment.UNFINISHED).touch()
    assert "broke off" in str(environment.out_of_date(checkout, "full", None))
    (venv / environment.UNFINISHED).unlink()
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(checkout / "gone")
    assert "its Python is gone" in str(environment.out_of_date(checkout, "full", None))


def test_second_call_is_silent_quick_and_starts_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(checkout)
    assert run(checkout, "full").returncode == 0

    def started(*_: object, **__: object) -> None:
        raise AssertionError("an installer was started")

    monkeypatch.setattr(environment, "install", started)
    monkeypatch.setattr(programs, "install", started)
    prepare.prepare(checkout, "full", [])
    began = time.monotonic()
    result = run(checkout, "full")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert time.monotonic() - began < 2.0  # 0.1 s on an idle machine
    assert not (checkout / "build").exists()


def test_pip_failure_gives_command_and_log(checkout: Path) -> None:
    """No index, no network: pip fails, nothing is stamped, the message says how to go on."""
    lock = "bitwake-no-such-package==1.0\n"
    (checkout / "requirements-small.lock").write_text(lock, encoding="utf-8")
    result = run(checkout, "small", PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    assert result.returncode == 2, result.stdout
    assert "bitwake-no-such-package" in result.stderr
    assert "setup-small.log" in result.stderr
    assert "pip install --no-deps" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (checkout / ".venv" / ".bitwake-small").exists()
    assert environment.to_rebuild(checkout, None) is None  # the environment itself is sound


def test_compiler_without_its_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GCC echoes the bare name of a file it does not have; that must not count as found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    need = programs.NEEDS["arm"]
    assert not need.met()
    executable(tmp_path / "arm-none-eabi-gcc", "echo nano.specs\n")
    assert not need.met()
    executable(tmp_path / "arm-none-eabi-gcc", "echo /toolchain/lib/nano.specs\n")
    assert need.met()


def test_apt_is_refreshed_only_when_the_first_try_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for apt-get that knows the package only after `update`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    executable(
        tmp_path / "apt-get",
        f"""cd '{tmp_path}'; echo "$1 $DEBIAN_FRONTEND" >> calls
        [ "$1" = update ] && touch fresh
        if [ "$1" = install ]; then [ -e fresh ] && touch program || exit 100; fi
        """,
    )
    monkeypatch.setattr(programs, "privilege", list)
    need = programs.Need("a program", ("some-package",), (tmp_path / "program").exists)
    said: list[str] = []
    programs.install(tmp_path, [need], said.append)
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert calls == [f"{verb} noninteractive" for verb in ("install", "update", "install")]
    assert said == ["installing with apt-get: some-package"]


def test_without_rights_the_command_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "privilege", lambda: None)
    with pytest.raises(DependencyError) as caught:
        programs.install(tmp_path, [programs.NEEDS["qemu"]], print)
    assert "sudo apt-get install -y --no-install-recommends qemu-system-arm" in str(caught.value)


def test_two_setups_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """While one holds the lock, a second process does not get past it."""
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); from kit.setup import prepare\n"
        "with prepare.only_one(pathlib.Path(sys.argv[2])): print('inside', flush=True)"
    )
    command = [sys.executable, "-c", code, str(SCRIPT.parents[2]), str(tmp_path)]
    with prepare.only_one(tmp_path):
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "inside\n"
    assert second.returncode == 0
