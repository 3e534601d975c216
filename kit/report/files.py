"""Output folders that are never left half-written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from convert.errors import BitWakeError


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
        raise BitWakeError(
            "The results could not be written",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="free some space or choose another folder with --out",
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return [folder / name for name in files]
