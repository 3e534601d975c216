"""Programs from outside Python: what each verb needs, whether it is there, how it is installed.

A need is met by the program itself, never by a package database: a toolchain that was installed
by hand counts as much as Debian's.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from convert.errors import DependencyError


@dataclass(frozen=True)
class Need:
    """One thing that must be there.

    Attributes:
        what: its name for people.
        packages: Debian packages that provide it.
        met: whether it is there now.
    """

    what: str
    packages: tuple[str, ...]
    met: Callable[[], bool]


def compiler_has(compiler: str, file: str) -> Callable[[], bool]:
    """A test whether the compiler is there and knows where `file` of its C library lies.

    GCC prints the bare name back when it cannot find the file.
    """

    def met() -> bool:
        if shutil.which(compiler) is None:
            return False
        command = [compiler, f"-print-file-name={file}"]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return os.path.isabs(result.stdout.strip())

    return met


def program(name: str) -> Callable[[], bool]:
    """A test whether a program is on PATH."""
    return lambda: shutil.which(name) is not None


def can_make_venv() -> bool:
    """Debian ships Python without ensurepip unless its venv package is installed."""
    return importlib.util.find_spec("ensurepip") is not None


VENV_PACKAGE = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
NEEDS = {
    "arm": Need(
        "the Arm cross compiler with newlib-nano",
        ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "binutils-arm-none-eabi"),
        compiler_has("arm-none-eabi-gcc", "nano.specs"),
    ),
    "qemu": Need("the Arm emulator", ("qemu-system-arm",), program("qemu-system-arm")),
    "host-gcc": Need("a C compiler", ("gcc", "libc6-dev"), compiler_has("gcc", "crt1.o")),
    "lint": Need("cppcheck", ("cppcheck",), program("cppcheck")),
    "venv": Need("Python's venv module", (VENV_PACKAGE,), can_make_venv),
}


def names() -> str:
    """All names that --need takes."""
    return ",".join(NEEDS)


def missing(wanted: list[str]) -> list[Need]:
    """Those of the named needs that are not met, in the order given.

    Raises:
        DependencyError: a name that is not in NEEDS.
    """
    for name in wanted:
        if name not in NEEDS:
            raise DependencyError("unknown --need", found=name, remedy=f"one of {names()}")
    return [NEEDS[name] for name in wanted if not NEEDS[name].met()]


def install_command(needs: list[Need]) -> list[str]:
    """The apt-get command, without sudo, that installs the needs."""
    packages = sorted({package for need in needs for package in need.packages})
    return ["apt-get", "install", "-y", "--no-install-recommends", *packages]


def privilege() -> list[str] | None:
    """What to put before apt-get: nothing for root, sudo if it asks no password, else None."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(["sudo", "-n", "true"], **quiet).returncode == 0:  # type: ignore[call-overload]
            return ["sudo", "-n"]
    return None


def install(root: Path, needs: list[Need], say: Callable[[str], None]) -> None:
    """Installs the needs with apt-get; refreshes its lists only if the first try fails.

    Raises:
        DependencyError: not allowed to, or apt-get failed, with the command for the user to run.
    """
    command = install_command(needs)
    prefix = privilege()
    if prefix is None:
        raise by_hand(needs, "a program is missing and this account may not install it")
    say("installing with apt-get: " + " ".join(command[4:]))
    log = root / "build" / "setup-apt.log"
    log.parent.mkdir(exist_ok=True)
    # Through env(1), because sudo does not pass the caller's environment on.
    head = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    with open(log, "w", encoding="utf-8") as handle:

        def run(step: list[str]) -> bool:
            handle.write("$ " + " ".join(step) + "\n")
            handle.flush()
            result = subprocess.run(
                step, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.STDOUT
            )
            return result.returncode == 0

        full = [*head, *command, *wait]
        done = run(full) or (run([*head, "apt-get", "update", *wait]) and run(full))
    if not done:
        raise by_hand(needs, "apt-get could not install what is missing", log)
    still = [need for need in needs if not need.met()]
    if still:
        raise by_hand(still, "apt-get ran, but something is still missing", log)


def by_hand(needs: list[Need], what: str, log: Path | None = None) -> DependencyError:
    """The message that leaves the installation to the user."""
    command = " ".join(install_command(needs))
    return DependencyError(
        what,
        where=str(log) if log else "",
        found="missing " + "; missing ".join(need.what for need in needs),
        remedy=f"on Debian or Ubuntu: sudo {command}\n"
        "         elsewhere: install the same programs and put them on PATH",
    )
