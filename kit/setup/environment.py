"""The virtual environment `.venv` and the two pinned dependency sets.

A set is installed when `.venv/.bitwake-<set>` holds the SHA-256 of its lock file and the Python it
was installed for; the stamp is written last, so an install that broke off is done again. While pip
unpacks, `.venv/.bitwake-unfinished` stands: if it is still there, the packages may be half-written
and the environment is made anew rather than repaired.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from convert.errors import DependencyError

RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
UNFINISHED = ".bitwake-unfinished"
# What a set takes on disk, measured on Linux x86-64; said to the user before the wait.
SETS = {"small": "about 240 MB", "full": "about 2 GB"}
# full contains small, pin for pin, so that installing it makes both valid.
IMPLIES = {"small": ("small",), "full": ("full", "small")}

Say = Callable[[str], None]


def lock_file(root: Path, which: str) -> Path:
    """Path of a set's lock file."""
    return root / f"requirements-{which}.lock"


def made_for(root: Path) -> str | None:
    """'3.11' for the Python of `.venv`, or None when there is no usable environment."""
    python = root / ".venv" / "bin" / "python"
    try:
        config = (root / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return None
    match = re.search(r"^version\s*=\s*(\d+\.\d+)", config, re.MULTILINE)
    # access() follows the link: an interpreter removed from the system leaves a dangling one.
    return match.group(1) if match and os.access(python, os.X_OK) else None


def stamp(root: Path, which: str, python: str) -> str:
    """Contents of a set's stamp for this lock file and Python."""
    digest = hashlib.sha256(lock_file(root, which).read_bytes()).hexdigest()
    return f"lock-sha256 {digest}\npython {python}\n"


def to_rebuild(root: Path, wanted: str | None) -> str | None:
    """Why `.venv` must be made anew, or None when packages can be installed into it.

    Args:
        wanted: '3.11' when that Python was asked for, None when any supported one will do.
    """
    python = made_for(root)
    if not (root / ".venv").exists():
        return "there is none yet"
    if python is None:
        return "its Python is gone or was never complete"
    if (root / ".venv" / UNFINISHED).exists():
        return "an earlier installation into it broke off"
    if wanted and python != wanted:
        return f"it was made for Python {python}, asked for is {wanted}"
    if python not in ("3.10", "3.11", "3.12"):
        return f"it was made for Python {python}, which is not supported"
    return None


def out_of_date(root: Path, which: str, wanted: str | None) -> str | None:
    """Why the set is not ready in `.venv`, or None when it is."""
    reason = to_rebuild(root, wanted)
    if reason:
        return reason
    python = made_for(root) or ""
    try:
        found = (root / ".venv" / f".bitwake-{which}").read_text(encoding="ascii")
    except OSError:
        found = ""
    if found == stamp(root, which, python):
        return None
    absent = absent_packages(root, which, python)
    if absent:
        return f"{len(absent)} packages of {lock_file(root, which).name} are absent or differ"
    write_stamps(root, which)  # filled by hand with exactly the pinned versions: as good as ours
    return None


def absent_packages(root: Path, which: str, python: str) -> list[str]:
    """Pins of the lock that `.venv` does not hold in that version.

    Pins with an environment marker are left out: only pip can say whether they apply.
    """
    site = root / ".venv" / "lib" / f"python{python}" / "site-packages"
    present = set()
    for folder in site.glob("*.dist-info"):
        name, _, version = folder.name[: -len(".dist-info")].rpartition("-")
        present.add((normal(name), version))
    absent = []
    for line in lock_file(root, which).read_text(encoding="utf-8").splitlines():
        name, _, version = line.strip().partition("==")
        if version and ";" not in version and (normal(name), version) not in present:
            absent.append(line.strip())
    return absent


def normal(name: str) -> str:
    """A package name as the packaging standard compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write_stamps(root: Path, which: str) -> None:
    """Records that a set, and whatever it contains, is installed."""
    python = made_for(root) or RUNNING
    for name in IMPLIES[which]:
        text = stamp(root, name, python)
        (root / ".venv" / f".bitwake-{name}").write_text(text, encoding="ascii")


def commands_by_hand(which: str) -> list[str]:
    """Shell commands that do what install() does, for a user who wants to do it."""
    return [
        f"{shlex.quote(sys.executable)} -m venv --clear .venv",
        f".venv/bin/python -m pip install --no-deps -r requirements-{which}.lock",
    ]


def install(root: Path, which: str, wanted: str | None, say: Say) -> None:
    """Makes `.venv` if needed and installs the set into it with pip; the log goes to build/.

    Raises:
        DependencyError: the environment could not be made or pip failed; names command and log.
    """
    log = root / "build" / f"setup-{which}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("", encoding="utf-8")
    venv = root / ".venv"
    reason = to_rebuild(root, wanted)
    if reason:
        say(f"making .venv with Python {RUNNING} ({reason})")
        create(venv, log)
    lock = lock_file(root, which)
    say(f"installing the Python packages of {lock.name} ({SETS[which]}) into .venv")
    began = time.monotonic()
    # --no-deps: the lock is complete, and tf-keras would otherwise bring a second tensorflow.
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--no-input"]
    command += ["--progress-bar", "off", "-r", str(lock)]
    for name in SETS:
        if name in IMPLIES[which]:
            (venv / f".bitwake-{name}").unlink(missing_ok=True)
    count = run_pip(command, venv / UNFINISHED, log)
    write_stamps(root, which)
    say(f"installed {count} Python packages in {time.monotonic() - began:.0f} s")


def create(venv: Path, log: Path) -> None:
    """A new, empty virtual environment of the running Python, in place of what was there."""
    if venv.is_symlink():
        venv.unlink()
    shutil.rmtree(venv, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(venv)]
    try:
        venv.mkdir()
        (venv / UNFINISHED).touch()
        with open(log, "a", encoding="utf-8") as handle:
            subprocess.run(command, stdout=handle, stderr=handle, env=clean_env(), check=True)
        (venv / UNFINISHED).unlink()
    except subprocess.CalledProcessError as error:
        raise failed(command, log, "the virtual environment could not be made") from error


def clean_env() -> dict[str, str]:
    """The environment without the settings that would send packages elsewhere than .venv."""
    stray = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    env = {key: value for key, value in os.environ.items() if key not in stray}
    return {**env, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}


def run_pip(command: list[str], unfinished: Path, log: Path) -> int:
    """Runs pip into the log, counting packages on a terminal; returns how many it installed.

    `unfinished` stands from the moment pip begins to unpack until it has ended well.
    """
    terminal = sys.stdout.isatty()
    fetched = installed = 0
    with (
        open(log, "a", encoding="utf-8") as handle,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_env(),
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            handle.write(line)
            status = ""
            if line.startswith("Collecting "):
                fetched += 1
                status = f"  {fetched}  {line.split()[1]}"
            elif line.startswith("Installing collected packages"):
                unfinished.touch()
                status = "  unpacking"
            elif line.startswith("Successfully installed"):
                installed = len(line.split()) - 2
            if terminal and status:
                print(f"\r{status:<70.70}", end="", flush=True)
    if terminal:
        print(f"\r{'':<70}\r", end="", flush=True)
    if process.returncode != 0:
        raise failed(command, log, "pip could not install the Python packages")
    unfinished.unlink(missing_ok=True)
    return installed


def failed(command: list[str], log: Path, what: str) -> DependencyError:
    """The message for a command that failed: its last words, its log, how to try again."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if "error" in line.lower()] or lines or ["no output"]
    return DependencyError(
        what,
        where=str(log),
        found=errors[-1].strip()[:300],
        remedy="check network and free disk space, then run make again; the command was\n"
        + " " * 9
        + shlex.join(command),
    )
