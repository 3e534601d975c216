"""What the files of a published set must be: sizes, checksums, counts.

The published figures are the rule. Whoever works with other files (a subset, a re-encoding, a test)
says so in one of two ways, and neither is silent: a `manifest.json` beside the files, or the option
`verify=False`. Either is told on standard error at every load and changes the dataset's name, which
every metric, model card and report carries.

    {"files": {"train_X.bin": {"bytes": 552960, "md5": "…"}}, "counts": {"train": 20, "test": 20}}

Files and counts that a manifest leaves out are not checked.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train.data.places import shown

MANIFEST = "manifest.json"
PUBLISHED = "published"
UNVERIFIED = "unverified"
BLOCK = 1 << 20


class FilesError(DataError):
    """Files of a published set are missing, or not what they must be: a download may help."""


@dataclass(frozen=True)
class Expected:
    """Size in bytes and MD5 (32 hexadecimal digits) of a file; None is not checked."""

    bytes: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Manifest:
    """Expectations on the files of one set.

    Attributes:
        origin: "published", "manifest" or "unverified".
        files: path below the set's folder -> what it must be. The published ones are all files of
            the set, with nothing expected where nothing was published.
        counts: name -> number of pictures, folds …, as the set defines them.
    """

    origin: str
    files: Mapping[str, Expected] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def named(self, name: str) -> str:
        """The dataset's name in results: plain only for the published files."""
        return name if self.origin == PUBLISHED else f"{name}-{self.origin}"


def choose(name: str, folder: Path, published: Manifest, verify: bool = True) -> Manifest:
    """The expectations that hold for the files in `folder`.

    Raises:
        DataError: manifest.json is damaged.
    """
    if not verify:
        _warn(f"{name}: verify=false: NOTHING IS CHECKED, names of results end in -{UNVERIFIED}")
        return Manifest(UNVERIFIED)
    path = folder / MANIFEST
    if not path.exists():
        return published
    found = _read(path, published)
    _warn(
        f"{name}: NOT the published files: {shown(path)} replaces their sizes and checksums, "
        f"names of results end in -{found.origin}"
    )
    return found


def _warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _read(path: Path, published: Manifest) -> Manifest:
    """The manifest; a misspelt name must not switch a check off in silence."""
    try:
        content = _object("the manifest", json.loads(path.read_text("utf-8")), ("files", "counts"))
        files = _object("files", content.get("files", {}), published.files)
        counts = _object("counts", content.get("counts", {}), published.counts)
        return Manifest(
            "manifest",
            {name: _expected(name, each) for name, each in files.items()},
            {name: _whole(name, number) for name, number in counts.items()},
        )
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            "the manifest cannot be read",
            where=str(path),
            found=str(error)[:200],
            remedy='{"files": {"NAME": {"bytes": N, "md5": "…"}}, "counts": {'
            + ", ".join(f'"{name}": N' for name in published.counts)
            + "}}; without the file the published checksums hold",
        ) from None


def _object(what: str, value: Any, known: Collection[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what}: {str(value)[:60]!r} is no object")
    for name in value:
        if known is not None and name not in known:
            raise ValueError(f"{what}: {name!r} means nothing here")
    return value


def _whole(what: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{what}: {value!r} is no whole number from 0 on")
    return value


def _expected(name: str, entry: Any) -> Expected:
    known = _object(name, entry, ("bytes", "md5"))
    size, md5 = known.get("bytes"), known.get("md5")
    if md5 is not None and (len(str(md5)) != 32 or set(str(md5).lower()) - set("0123456789abcdef")):
        raise ValueError(f"{name}: {md5!r} is no MD5")
    return Expected(
        None if size is None else _whole(f"{name}, bytes", size),
        None if md5 is None else str(md5).lower(),
    )


def md5_of(path: Path) -> str:
    """MD5 of a file, read in blocks: 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def state_of(path: Path, expected: Expected, *, thorough: bool = True) -> tuple[bool, str]:
    """Whether a file is what it must be, and what was found, in a few words.

    Args:
        thorough: compute the MD5 where one is expected; otherwise sizes alone are compared.
    """
    if not path.is_file():
        return False, "missing"
    size = path.stat().st_size
    if expected.bytes is not None and size != expected.bytes:
        return False, f"{size:,} bytes, not {expected.bytes:,}"
    if expected.md5 is None:
        return True, f"{size:,} bytes, no checksum is published"
    if not thorough:
        return True, f"{size:,} bytes as expected, checksum not computed"
    found = md5_of(path)
    if found != expected.md5:
        return False, f"{size:,} bytes, md5 {found}, not {expected.md5}"
    return True, f"{size:,} bytes, md5 as expected"


def check(path: Path, expected: Expected, remedy: str) -> None:
    """Refuses a file that is missing or not what it must be.

    Raises:
        FilesError: with the file, what was found and `remedy`.
    """
    good, found = state_of(path, expected)
    if good:
        return
    what = (
        "a file of the dataset is missing"
        if found == "missing"
        else ("a file of the dataset is not the published one")
    )
    raise FilesError(what, where=str(path), found=found, remedy=remedy)
