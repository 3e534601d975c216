"""Where datasets lie: original files that a user put there, and what we keep made from them."""

from __future__ import annotations

import os
from pathlib import Path

from convert.errors import DataError

PROJECT = Path(__file__).resolve().parents[2]


def source_folder(name: str, folder: str | None = None) -> Path:
    """The folder of a set's original files: `folder`, or NAME in $BITWAKE_DATA or in data/.

    Raises:
        DataError: `folder` is empty, or begins with the ~ of nobody.
    """
    if folder is not None:
        if not folder.strip():
            raise DataError(
                "the folder of the files has no name",
                found=f"folder={folder!r}",
                remedy="name it, or leave the option out",
            )
        try:
            return Path(folder).expanduser()
        except RuntimeError as error:
            raise DataError(
                "the folder of the files is that of an unknown user",
                where=f"folder={folder}",
                found=str(error),
                remedy="name it without ~",
            ) from None
    return Path(os.environ.get("BITWAKE_DATA") or PROJECT / "data") / name


def cache_folder() -> Path:
    """What is made from originals and can be made again: $BITWAKE_DATA, or data/cache."""
    return Path(os.environ.get("BITWAKE_DATA") or PROJECT / "data" / "cache")


def shown(path: Path) -> str:
    """A path as people want it: relative to where they are when it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
