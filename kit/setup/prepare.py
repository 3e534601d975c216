"""The set-up itself: finds what is missing, installs it where allowed, says what it did.

Runs under the interpreter that bootstrap chose; that interpreter makes the virtual environment.
When nothing is missing it prints nothing, starts no installer and takes no lock.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from convert.errors import BitWakeError, DependencyError
from kit.setup import environment, programs

ROOT = Path(__file__).resolve().parents[2]


def say(text: str) -> None:
    """One line of progress, at once, also into a pipe."""
    print(text, flush=True)


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Holds the set-up's lock, so that two makes at once do not install over each other.

    The kernel drops the lock with the process, so a killed set-up leaves nothing to clean up.
    """
    (root / "build").mkdir(exist_ok=True)
    with open(root / "build" / "setup.lock", "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is running in this checkout; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def python_wanted(asked: str) -> str | None:
    """'3.11' when the user named an interpreter (it is the running one); None: any will do."""
    return environment.RUNNING if asked else None


def forbidden(reason: str | None, missing: list[programs.Need], which: str) -> DependencyError:
    """The one message of BITWAKE_NO_INSTALL: everything that is missing, and the commands."""
    found = [f"missing {need.what}" for need in missing]
    commands = []
    if missing:
        commands.append("sudo " + " ".join(programs.install_command(missing)))
    if reason:
        found.append(f".venv: {reason}")
        commands += environment.commands_by_hand(which)
    return DependencyError(
        "something is not installed, and BITWAKE_NO_INSTALL forbids installing it",
        found="; ".join(found),
        remedy="run these in the project's folder:\n" + "\n".join(" " * 9 + c for c in commands),
    )


def prepare(root: Path, which: str, needs: list[str], asked: str = "") -> None:
    """Makes the checkout ready for a verb.

    Args:
        root: the checkout.
        which: dependency set, 'small' or 'full'.
        needs: names of programs.NEEDS that the verb uses.
        asked: the interpreter the user named, '' when they named none.

    Raises:
        DependencyError: something is missing and may not or could not be installed.
    """
    wanted = python_wanted(asked)

    def open_items() -> tuple[str | None, list[programs.Need]]:
        reason = environment.out_of_date(root, which, wanted)
        missing = programs.missing(needs)
        if reason and environment.to_rebuild(root, wanted):
            missing += programs.missing(["venv"])
        return reason, missing

    if open_items() == (None, []):
        return
    if os.environ.get("BITWAKE_NO_INSTALL", "") not in ("", "0"):
        raise forbidden(*open_items(), which)
    with only_one(root):
        reason, missing = open_items()  # again: another set-up may have done it meanwhile
        if missing:
            programs.install(root, missing, say)
        if reason:
            environment.install(root, which, wanted, say)


def main(arguments: list[str]) -> int:
    """Parses the command line; exit status 0 ready, 2 refused with a message."""
    parser = argparse.ArgumentParser(prog="bootstrap", description="Set up this checkout.")
    parser.add_argument("which", choices=sorted(environment.SETS), help="dependency set")
    parser.add_argument("--need", default="", help="comma-separated programs: " + programs.names())
    parser.add_argument("--python", default="", help="interpreter for .venv")
    options = parser.parse_args(arguments)
    try:
        prepare(ROOT, options.which, [n for n in options.need.split(",") if n], options.python)
    except BitWakeError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"set-up: {error.strerror}: {error.filename or ROOT}", file=sys.stderr)
        return 2
    return 0
