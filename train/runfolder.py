"""A run folder: what training writes, always whole.

recipe.json     what was asked
metrics.json    what came out (also after every epoch, marked unfinished)
curves.csv      a row an epoch
log.txt         the printed lines
checkpoint.npz  weights, optimizers and position, after an epoch or within one: resuming continues
                to the same numbers
weights.npz     the final weights, batch norm re-estimated
model_card.md   for people
tensorboard/    event files
"""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError

FILES = (
    "recipe.json",
    "metrics.json",
    "curves.csv",
    "checkpoint.npz",
    "weights.npz",
    "model_card.md",
)
Arrays = dict[str, npt.NDArray[Any]]
# what flock(2) says where a lock cannot be had; on NFS an exclusive one needs a file to write to
NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: readers see the old or the new one, never half of it.

    Raises:
        DataError: no room, or no right to write; the old file is intact.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DataError(
            "the disk is full" if full else "a file cannot be written; what was there is intact",
            where=str(path),
            found=error.strerror or str(error),
            remedy="free some space or name another place, then run the same command again; "
            "a training goes on from its last checkpoint with --resume",
        ) from None


class TakenError(DataError):
    """A run folder in which a new run cannot begin, because another one is there."""


@contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Holds the lock of a folder, or of a file that is made for it, while the block runs; the lock
    goes with the process. Where a file system has none, as NFS has none for folders, it says so.

    Args:
        waiting: a line for people, printed when another process holds it and this one waits; empty
            does not wait.

    Raises:
        BlockingIOError: another holds it, and it is not waited for.
    """
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not waiting:
                raise
            print(waiting, file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            line = "no locks on this file system: nothing else may write here meanwhile"
            print(f"{path}: {line}", file=sys.stderr, flush=True)
        yield
    finally:
        os.close(handle)


@contextmanager
def alone(folder: Path, *, wait: bool) -> Iterator[None]:
    """One training at a time writes a run folder, which is made when missing.

    Args:
        wait: for a training that runs there to end; else it is an error.

    Raises:
        TakenError: another process trains there.
        DataError: the folder cannot be made.
    """
    waiting = f"{folder}: another training writes there; waiting for it" if wait else ""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder, waiting))
        except BlockingIOError:
            raise TakenError(
                "another training writes to this run folder",
                where=str(folder),
                remedy="name another folder with --run, or wait for its end",
            ) from None
        except OSError as error:
            raise DataError(
                "the run folder cannot be used",
                where=str(folder),
                found=error.strerror or str(error),
                remedy="name another with --run",
            ) from None
        yield


def refuse_finished(folder: Path) -> None:
    """Raises DataError where a run left weights and no checkpoint: going on would begin anew and
    write over them."""
    if (folder / "weights.npz").exists():
        raise DataError(
            "a finished run without a checkpoint has nothing to go on from",
            where=str(folder),
            found="weights.npz without checkpoint.npz",
            remedy="train into another folder, or delete this one",
        )


def begun(folder: Path) -> list[str]:
    """Names of the files by which a run was begun in a folder."""
    names = ("checkpoint.npz", "weights.npz", "metrics.json")
    return [name for name in names if (folder / name).exists()]


def refuse_another(folder: Path) -> None:
    """Raises TakenError where a run was begun: a new one would mix with it; DataError where no
    folder is."""
    if folder.exists() and not folder.is_dir():
        raise DataError(
            "a run needs a folder", where=str(folder), found="a file", remedy="name another"
        )
    left = begun(folder)
    if left:
        resumable = "continue it with --resume, or " if "checkpoint.npz" in left else ""
        raise TakenError(
            "a run is there already",
            where=str(folder),
            found=", ".join(left),
            remedy=f"{resumable}delete the folder, or name another",
        )


def remove_halves(folder: Path) -> None:
    """Remove what a process that was killed while writing left half written."""
    for path in folder.glob(".*.*"):
        if path.is_file() and any(path.name.startswith(f".{name}.") for name in FILES):
            path.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(content, indent=1, sort_keys=True, default=str) + "\n").encode())


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def load_arrays(path: Path) -> Arrays:
    """Arrays of an .npz.

    Raises:
        DataError: missing or damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(
            "the run has no such file",
            where=str(path),
            remedy="train first: make train RECIPE=…; an unfinished run goes on with "
            "kit train --resume DIR",
        ) from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            "a file of the run is damaged",
            where=str(path),
            found=str(error),
            remedy=f"kit train --resume {path.parent} writes it anew from the checkpoint"
            if path.name == "weights.npz" and (path.parent / "checkpoint.npz").exists()
            else "delete it and train again",
        ) from None


class Log:
    """Lines for the terminal and log.txt; appended, flushed."""

    def __init__(self, path: Path, quiet: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._quiet = quiet

    def __call__(self, line: str) -> None:
        if not self._quiet:
            print(line, flush=True)
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError:
            pass  # a full disk is reported by the checkpoint, which matters more

    def close(self) -> None:
        try:
            self._file.close()
        except OSError:
            pass
