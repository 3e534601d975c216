"""Unpacks wanted files of a .tar.gz or .zip; safely, and continued after a stop.

Nothing leaves the target folder: an archive with an absolute name or one with `..` is refused
whole, links and devices are never made. A file appears under its name when it is complete; one
that is complete already is not written again.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from convert.errors import DataError
from train.data.manifest import Expected, state_of

BLOCK = 1 << 20
SAID_EVERY = 5.0
DAMAGE = (gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error,
          RuntimeError, NotImplementedError)  # fmt: skip
Say = Callable[[str], None]
# (file or folder with "/" in the archive, the same below the target folder)
Members = tuple[tuple[str, str], ...]


def target_of(name: str, members: Members) -> str | None:
    """Where a member of the archive goes, below the target folder; None when it is not wanted.

    A folder takes the files directly in it.
    """
    for source, target in members:
        if not source.endswith("/"):
            if name == source:
                return target
        elif name.startswith(source) and name != source and "/" not in name[len(source) :]:
            return target + name[len(source) :]
    return None


def unpack(
    archive: Path,
    folder: Path,
    members: Members,
    expected: Callable[[str], Expected],
    *,
    say: Say,
) -> int:
    """Unpacks the wanted members below `folder`; returns how many files were written.

    Args:
        expected: target -> what it must be; a file there that is not is moved to NAME.replaced.
        say: gets a line now and then.

    Raises:
        DataError: the archive is damaged, unsafe or lacks a wanted file, or the disk is full.
    """
    single = [target for source, target in members if not source.endswith("/")]
    if len(single) == len(members) and all(_good(folder / t, expected(t)) for t in single):
        return 0
    written, seen, said = 0, 0, time.monotonic()
    later: list[Path] = []  # a tape's checksum stands at its end: nothing gets its name before
    try:
        for name, size, stream in _members(archive):
            _check_name(archive, name)
            target = target_of(name, members)
            if target is None:
                continue
            if size is None:
                raise _unsafe(archive, name, "is no plain file")
            seen += 1
            new = _write(folder / target, expected(target), size, stream)
            written += new
            if new and archive.suffix == ".zip":
                _name(folder / target)
            elif new:
                later.append(folder / target)
            if time.monotonic() - said >= SAID_EVERY:
                said = time.monotonic()
                say(f"{archive.name}: {seen:,} files")
        for path in later:
            _name(path)
    except DAMAGE as error:
        raise DataError(
            "the archive is damaged",
            where=str(archive),
            found=str(error)[:200] or type(error).__name__,
            remedy="delete it and load it again; what is unpacked stays",
        ) from None
    except OSError as error:
        raise DataError(
            "the archive cannot be unpacked",
            where=str(archive),
            found=error.strerror or str(error),
            remedy="free some space; the same command continues",
        ) from None
    missing = [t for t in single if not (folder / t).exists()]
    if missing or not seen:
        raise DataError(
            "the archive lacks what it should hold",
            where=str(archive),
            found="without " + ", ".join(missing or [source for source, _ in members]),
        )
    return written


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile | zipfile.ZipFile]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            yield packed
    else:
        with gzip.open(archive, "rb") as plain, tarfile.open(fileobj=plain, mode="r:") as tape:
            yield tape
            while plain.read(BLOCK):  # to the end, where the checksum is compared
                pass


def _members(archive: Path) -> Iterator[tuple[str, int | None, Callable[[], IO[bytes] | None]]]:
    """Name, size (None: no plain file) and a function that opens it; without folders."""
    with _opened(archive) as packed:
        if isinstance(packed, zipfile.ZipFile):
            infos = packed.infolist()
            for info in infos:  # a zip has a directory: nothing is written from an unsafe one
                _check_name(archive, info.filename)
            for info in infos:
                if info.is_dir():
                    continue
                link = (info.external_attr >> 16) & 0o170000 == 0o120000
                yield info.filename, None if link else info.file_size, lambda i=info: packed.open(i)  # type: ignore[misc]
        else:
            for member in packed:
                if member.isdir():
                    continue
                size = member.size if member.isreg() else None
                yield member.name, size, lambda m=member: packed.extractfile(m)  # type: ignore[misc]


def _check_name(archive: Path, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
        raise _unsafe(archive, name, "leads out of the folder")


def _unsafe(archive: Path, name: str, why: str) -> DataError:
    return DataError(
        "the archive is not safe to unpack",
        where=str(archive),
        found=f"{name!r} {why}",
        remedy="do not use it; load it from the published address",
    )


def _good(path: Path, expected: Expected) -> bool:
    return state_of(path, expected)[0]


def _write(
    path: Path, expected: Expected, size: int, stream: Callable[[], IO[bytes] | None]
) -> bool:
    """Writes PATH.part, complete, unless the file is there; whether it was written."""
    if path.is_file() and path.stat().st_size == size and _good(path, expected):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    source = stream()
    if source is None:
        raise tarfile.ReadError(f"{path.name} has no content")
    with source, _part(path).open("wb") as out:
        shutil.copyfileobj(source, out, BLOCK)
        if out.tell() != size:
            raise EOFError(f"{path.name}: {out.tell():,} of {size:,} bytes")
    return True


def _name(path: Path) -> None:
    """Gives the written part its name; another file of that name is kept beside it."""
    if path.exists():
        os.replace(path, path.with_name(path.name + ".replaced"))
    os.replace(_part(path), path)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")
