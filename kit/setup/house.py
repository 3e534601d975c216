"""Rules of the house that no linter knows, checked over the files that git tracks.

Each rule yields one line per breach, `path:line: what`, and nothing when the house is in order.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

LONGEST_FILE = 600
CODE = {".py", ".c", ".h", ".S"}
# An absolute path of some person's machine. The look-behind lets URLs and relative paths pass.
PRIVATE_PATH = re.compile(rb"(?<![\w.~$}/-])/(?:home|root|work|tmp|Users|opt)/[\w.-]")
# The registry's host, in two pieces so that this file does not break its own rule.
REGISTRY = re.compile(rb"\bpypi\." + rb"org\b|\bfiles\.python" + rb"hosted\b")
FORBIDDEN = {
    "an absolute path of one machine": PRIVATE_PATH,
    "the host of a package registry": REGISTRY,
    "a conflict left by a merge": re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE),
}


def tracked(root: Path) -> list[Path]:
    """Files that git tracks, and new ones it does not ignore, sorted; paths are absolute."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True).stdout
    names = sorted({name.decode() for name in output.split(b"\0") if name})
    return [root / name for name in names if (root / name).is_file()]


def forbidden_strings(files: list[Path], root: Path) -> Iterator[str]:
    """Every place where a file, text or binary, holds a string that must not leave a machine."""
    for file in files:
        content = file.read_bytes()
        for what, pattern in FORBIDDEN.items():
            for match in pattern.finditer(content):
                line = content.count(b"\n", 0, match.start()) + 1
                text = match.group().decode("ascii", "replace")
                yield f"{file.relative_to(root)}:{line}: {what}: {text}"


def long_files(files: list[Path], root: Path) -> Iterator[str]:
    """Code files over the limit: one file, one idea."""
    for file in files:
        if file.suffix in CODE:
            lines = file.read_bytes().count(b"\n")
            if lines > LONGEST_FILE:
                yield f"{file.relative_to(root)}:{lines}: longer than {LONGEST_FILE} lines"


def breaches(root: Path) -> list[str]:
    """All breaches in the checkout at `root`."""
    files = tracked(root)
    return [*forbidden_strings(files, root), *long_files(files, root)]
