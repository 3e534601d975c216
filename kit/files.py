"""Files: the checkout's root, digests, locks, and writes that happen wholly or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convert.errors import BitWakeError

ROOT = Path(__file__).resolve().parents[1]


def sha256(content: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part.

    A link stays and its file is written. What is no file, such as /dev/null or a pipe, stays too
    and takes the bytes.

    Raises:
        BitWakeError: the disk is full or the place cannot be written; the old file is untouched.
    """
    temporary: str | None = None
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
            return
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise BitWakeError(
            "a file could not be written; what was there before is untouched",
            where=str(path),
            found=error.strerror or str(error),
            remedy="free some space or name another place, then run the command again",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(target: str, value: Any) -> None:
    """Writes `value` as JSON, keys in the order given; `-` is standard output.

    Standard output gets ASCII, because its encoding is the terminal's. In a file the bytes of a
    file name that are no UTF-8 become escapes, which JSON knows.

    Raises:
        BitWakeError: see write_whole.
    """
    text = json.dumps(value, indent=2, ensure_ascii=target == "-") + "\n"
    if target == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_whole(Path(target), text.encode("utf-8", "backslashreplace"))


def tree_digest(folders: list[Path]) -> str:
    """One digest over the names and contents of all files below `folders`, in sorted order.

    Hidden files and byte code are left out: they are nobody's source.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if not path.is_file() or path.suffix == ".pyc":
                continue
            if any(part.startswith((".", "__pycache__")) for part in inside.parts):
                continue
            digest.update(f"{folder.name}/{inside.as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def commit() -> str:
    """The checkout's commit, 12 digits, with `-dirty` when tracked files differ; or `unknown`."""
    return _git("describe", "--always", "--abbrev=12", "--dirty", "--exclude=*")


def last_change(*folders: str) -> str:
    """The last commit that changed any of these folders, as `commit` gives one."""
    found = _git("log", "-1", "--abbrev=12", "--format=%h", "--", *folders)
    if found == "unknown":
        return found
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *folders)
    return f"{found}-dirty" if changed else found


def _git(*words: str) -> str:
    """What git prints of this checkout, or `unknown`."""
    try:
        result = subprocess.run(
            ["git", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def shown(path: Path) -> str:
    """A path as people want it: relative to where they are when it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (OSError, ValueError):  # OSError: the folder where they are was deleted
        return str(path)


@contextlib.contextmanager
def lock(path: Path, waiting: str) -> Iterator[None]:
    """Holds an exclusive lock while the block runs; the kernel drops it with the process.

    Args:
        path: the lock file, made when missing.
        waiting: a line for people, printed when somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
