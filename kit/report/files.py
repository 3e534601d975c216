"""Output folders that are never left half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from convert.errors import BitWakeError


def check(folder: Path) -> None:
    """Refuses a folder that cannot be made or written, before work is done for it.

    Raises:
        BitWakeError: a file stands in the way, or the account may not write there.
    """
    place = Path(folder).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise _refused(folder, f"{place} is {'not writable' if place.is_dir() else 'no folder'}")


def _refused(folder: Path, found: str) -> BitWakeError:
    return BitWakeError(
        "the results cannot be written; what was there before is untouched",
        where=str(folder),
        found=found,
        remedy="free some space or choose another folder with --out",
    )


def publish(folder: Path, files: Mapping[str, bytes], last: str = "index.html") -> list[Path]:
    """Writes ``files`` into ``folder``, all of them or none.

    Everything is written beside the folder first, so that a full disk or a kill leaves the files of
    the run before untouched; then each is moved into place, ``last`` at the end, so that a page
    never refers to figures which are not there yet. Other files in the folder stay.

    Args:
        folder: made when missing, with its parents.
        files: name (no folders) → content.
        last: the file that refers to the others.

    Returns:
        The paths written, in the order of ``files``.

    Raises:
        BitWakeError: the folder cannot be written.
    """
    folder = Path(folder)
    staging: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, content in files.items():
            (staging / name).write_bytes(content)
        for name in sorted(files, key=lambda name: (name == last, name)):
            (staging / name).replace(folder / name)
    except OSError as error:
        raise _refused(folder, error.strerror or str(error)) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return [folder / name for name in files]
