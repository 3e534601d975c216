"""`make lint` and `make format`: every check in turn, all of them, then one verdict.

Exit status: 0 clean, 1 something to mend (its output is shown), 2 a tool is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kit.setup import house

ROOT = Path(__file__).resolve().parents[2]
C_FOLDERS = ("mcu", "boards", "tests")
TYPED_FOLDERS = ("kit", "convert", "train")
# One finding is enough to fail; style opinions of cppcheck that contradict ours are off.
CPPCHECK = (
    "--std=c11",
    "--enable=warning,performance,portability",
    "--inline-suppr",
    "--suppress=missingIncludeSystem",
    "--error-exitcode=1",
    "--quiet",
    "-Imcu/include",
)


def c_files(root: Path) -> list[str]:
    """Our C sources and headers, relative to `root`."""
    return [
        str(file.relative_to(root))
        for file in house.tracked(root)
        if file.suffix in (".c", ".h") and file.relative_to(root).parts[0] in C_FOLDERS
    ]


def tool(name: str) -> str:
    """A program of the virtual environment, before one of the same name on PATH."""
    own = Path(sys.executable).parent / name
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        print(f"{name} is not installed; run: make lint", file=sys.stderr)
        raise SystemExit(2)
    return found


def run(command: list[str]) -> str:
    """Runs a tool in the checkout; its output when it found something, else ''."""
    result = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = result.stdout.strip()
    return "" if result.returncode == 0 else output or f"exit status {result.returncode}"


def checks() -> dict[str, Callable[[], str]]:
    """Name of each check to a call that returns its findings, '' when clean."""
    sources = c_files(ROOT)
    python = sys.executable
    typed = [folder for folder in TYPED_FOLDERS if any((ROOT / folder).glob("**/*.py"))]
    table = {
        "ruff check": lambda: run([tool("ruff"), "check", "--quiet"]),
        "ruff format": lambda: run([tool("ruff"), "format", "--check", "--quiet"]),
        "mypy": lambda: run([python, "-m", "mypy", "--no-error-summary", *typed]),
        "rules of the house": lambda: "\n".join(house.breaches(ROOT)),
    }
    if sources:
        flags = ["--dry-run", "-Werror", "--style=file"]
        table["clang-format"] = lambda: run([tool("clang-format"), *flags, *sources])
    if any(name.startswith("mcu/") and name.endswith(".c") for name in sources):
        jobs = f"-j{os.cpu_count() or 1}"
        table["cppcheck"] = lambda: run([tool("cppcheck"), *CPPCHECK, jobs, "mcu"])
    if (ROOT / "kit" / "verbs" / "supported.py").exists():
        table["generated pages"] = lambda: run([python, "-m", "kit", "supported", "--check"])
    return table


def fix() -> None:
    """Formats in place what the tools can format."""
    run([tool("ruff"), "check", "--fix", "--quiet"])
    run([tool("ruff"), "format", "--quiet"])
    sources = c_files(ROOT)
    if sources:
        run([tool("clang-format"), "-i", "--style=file", *sources])


def main() -> int:
    """Runs all checks and prints one line each; findings follow the line of their check."""
    parser = argparse.ArgumentParser(prog="lint", description="Check the checkout.")
    parser.add_argument("--fix", action="store_true", help="format in place instead of checking")
    if parser.parse_args().fix:
        fix()
        return 0
    failed = []
    for name, check in checks().items():
        findings = check()
        print(f"{name:<20} {'FAILED' if findings else 'ok'}", flush=True)
        if findings:
            print(findings, flush=True)
            failed.append(name)
    print("lint: " + (f"{len(failed)} of the checks failed" if failed else "clean"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
