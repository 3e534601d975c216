"""A cache of many pictures on disk that is built in chunks and survives being killed.

    plan.json        what is being made; another plan discards everything
    images.part.npy  pixels while building
    journal.jsonl    a line a finished chunk: its SHA-256 and the pictures that could not be made
    images.npy       uint8 [kept, H, W, C] when finished
    index.json       written last: its presence says that the cache is whole

A chunk's pixels are on disk before its line is in the journal. At the next start every chunk of the
journal is hashed again, and only what is missing or differs is made. The result does not depend on
where the building was interrupted, nor on the number of threads. Lines of the journal and the index
carry a SHA-256 of themselves: which pictures are left out decides which label each one gets.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train.data.dataset import Pixels
from train.runfolder import locked, write_json, write_whole

VERSION = 2
CHUNK = 256
BLOCK = 1 << 22
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)  # a finished cache can be read all the same
SAID_EVERY = 10.0  # seconds between lines about the progress

Bad = dict[int, str]  # picture -> why it could not be made
# (start, stop) -> uint8 [stop - start, H, W, C] and the pictures that could not be made
Maker = Callable[[int, int], tuple[Pixels, Bad]]


@dataclass(frozen=True)
class Cached:
    """A finished cache.

    Attributes:
        images: uint8 [kept, H, W, C], memory-mapped, read-only.
        kept: int64 [kept], which of the planned pictures they are, ascending.
        bad: the others, with the reason.
        sha256: of the pixels.
    """

    images: Pixels
    kept: npt.NDArray[np.int64]
    bad: Bad
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What to make: `count` pictures of `shape`, and whatever else the pixels depend on."""

    what: str
    count: int
    shape: tuple[int, int, int]
    key: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        plain = {"version": VERSION, "what": self.what, "count": self.count, "chunk": CHUNK,
                 "shape": list(self.shape), "key": dict(self.key)}  # fmt: skip
        return dict(json.loads(json.dumps(plain)))

    @property
    def row(self) -> int:
        """Bytes of a picture."""
        return int(np.prod(self.shape))

    def chunks(self) -> list[tuple[int, int]]:
        return [(at, min(at + CHUNK, self.count)) for at in range(0, self.count, CHUNK)]


def build(folder: Path, plan: Plan, make: Maker, *, threads: int = 2) -> Cached:
    """The finished cache in `folder`; made, continued or repaired when it is not whole.

    Raises:
        DataError: the disk is full or cannot be written; what is done stays for the next time.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        waiting = f"{plan.what}: another process builds the cache; waiting"
        with locked(folder / "lock", waiting):
            found = read(folder, plan)
            if found is None:
                _discard_other(folder, plan)
                bad = _fill(folder, plan, make, threads)
                _finish(folder, plan, bad)
                found = read(folder, plan)
    except OSError as error:
        if error.errno in READ_ONLY and (found := read(folder, plan)) is not None:
            return found
        raise DataError(
            f"the cache of {plan.what} cannot be written",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="free some space, or set BITWAKE_DATA to a folder with room; the same command "
            "continues where it stopped",
        ) from None
    if found is None:
        raise DataError(
            f"the cache of {plan.what} is damaged again right after it was made",
            where=str(folder),
            remedy="check the disk",
        )
    return found


def plan_in(folder: Path) -> dict[str, Any] | None:
    """The plan record of a finished cache, or None where there is none."""
    if not (folder / "index.json").exists():
        return None
    found = _json(folder / "plan.json")
    return found if found.get("version") == VERSION else None


def read(folder: Path, plan: Plan | None = None) -> Cached | None:
    """The finished cache, its checksum verified, or None; damage is told on standard error.

    Args:
        plan: what it has to hold; None takes any.
    """
    record = plan_in(folder)
    if record is None or (plan is not None and record != plan.record()):
        return None
    try:
        index = _unsealed(_json(folder / "index.json"))
        bad = {int(at): str(why) for at, why in index["bad"].items()}
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        if images.shape != (int(record["count"]) - len(bad), *record["shape"]):
            raise ValueError(f"shape {images.shape}")
        if images.dtype != np.uint8 or _digest_file(folder / "images.npy") != index["sha256"]:
            raise ValueError("checksum differs")
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        print(
            f"{record.get('what')}: the cache in {folder.name} is damaged ({error}); repairing",
            file=sys.stderr,
        )
        with contextlib.suppress(OSError):  # where nothing can be written, it is told each time
            (folder / "index.json").unlink(missing_ok=True)
        return None
    kept = np.setdiff1d(np.arange(int(record["count"]), dtype=np.int64), list(bad))
    return Cached(images, kept, bad, str(index["sha256"]))


def _sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with `seal`, a SHA-256 of all else in it."""
    text = json.dumps(record, sort_keys=True)
    return {**record, "seal": hashlib.sha256(text.encode()).hexdigest()}


def _unsealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """A sealed record as it was written.

    Raises:
        ValueError: its content is another.
    """
    plain = {name: value for name, value in record.items() if name != "seal"}
    if _sealed(plain) != record:
        raise ValueError("seal differs")
    return plain


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _discard_other(folder: Path, plan: Plan) -> None:
    """Removes what another plan left, and brings a finished file back into the workshop."""
    part, whole = folder / "images.part.npy", folder / "images.npy"
    before = _json(folder / "plan.json")
    if before != plan.record():
        if before:
            print(f"{plan.what}: the cache was made otherwise; making it anew", file=sys.stderr)
        for name in ("index.json", "journal.jsonl", part.name, whole.name):
            (folder / name).unlink(missing_ok=True)
        write_json(folder / "plan.json", plan.record())
    if whole.exists() and not part.exists():
        os.replace(whole, part)


def _header(shape: tuple[int, ...]) -> bytes:
    """The head of an .npy file of uint8."""
    import io

    out = io.BytesIO()
    form = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(out, form)
    return out.getvalue()


def _fill(folder: Path, plan: Plan, make: Maker, threads: int) -> Bad:
    """Makes every chunk that is not there; returns all pictures that could not be made."""
    part, journal = folder / "images.part.npy", folder / "journal.jsonl"
    head = _header((plan.count, *plan.shape))
    done: dict[int, dict[str, Any]] = {}
    if part.exists() and part.stat().st_size >= len(head):
        with part.open("rb") as stream:
            if stream.read(len(head)) == head:
                done = {
                    entry["chunk"]: entry
                    for entry in _journal(journal)
                    if _chunk_holds(stream, len(head), plan, entry)
                }
    write_whole(journal, b"".join(_line(done[at]) for at in sorted(done)))
    todo = [pair for at, pair in enumerate(plan.chunks()) if at not in done]
    if done and todo:
        print(
            f"{plan.what}: {len(done)} of {len(plan.chunks())} chunks are there; continuing",
            file=sys.stderr,
        )
    if not done:  # a new file: another process may have the old one mapped
        part.unlink(missing_ok=True)
    with part.open("r+b" if done else "w+b") as pixels, journal.open("ab") as lines_to:
        if not done:
            pixels.write(head)
        # room is asked for at once: a full disk shows here, not after an hour
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(pixels.fileno(), 0, len(head) + plan.count * plan.row)
        for (start, stop), (images, bad) in _made(make, todo, threads, plan):
            entry = {"chunk": start // CHUNK, "bad": {str(at): bad[at] for at in sorted(bad)}}
            content = np.ascontiguousarray(images, np.uint8).tobytes()
            if images.shape != (stop - start, *plan.shape):
                raise ValueError(f"pictures {images.shape} for {plan.shape}")
            pixels.seek(len(head) + start * plan.row)
            _durably(pixels, content)
            entry["sha256"] = hashlib.sha256(content).hexdigest()
            _durably(lines_to, _line(entry))
            done[start // CHUNK] = entry
    return {int(at): why for each in done.values() for at, why in each["bad"].items()}


def _durably(stream: BinaryIO, content: bytes) -> None:
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())


def _made(
    make: Maker, todo: list[tuple[int, int]], threads: int, plan: Plan
) -> Iterator[tuple[tuple[int, int], tuple[Pixels, Bad]]]:
    """The chunks in order; a few at a time, so that memory holds no more than those."""
    said, done = time.monotonic(), plan.count - sum(stop - start for start, stop in todo)
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(todo), 2 * threads):
            some = todo[at : at + 2 * threads]
            for pair, made in zip(some, pool.map(lambda p: make(*p), some), strict=True):
                yield pair, made
                done += pair[1] - pair[0]
            if time.monotonic() - said >= SAID_EVERY:
                said = time.monotonic()
                print(f"{plan.what}: {done:,} of {plan.count:,} pictures", file=sys.stderr)


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(_sealed(entry), sort_keys=True) + "\n").encode()


def _journal(path: Path) -> list[dict[str, Any]]:
    """Whole lines of the journal; a torn one, the last of a killed process, is left out."""
    entries = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            entries.append(_unsealed(json.loads(line)))
        except (ValueError, AttributeError):
            continue
    return entries


def _chunk_holds(stream: BinaryIO, offset: int, plan: Plan, entry: Mapping[str, Any]) -> bool:
    chunks = plan.chunks()
    if not 0 <= entry["chunk"] < len(chunks):
        return False
    start, stop = chunks[entry["chunk"]]
    stream.seek(offset + start * plan.row)
    content = stream.read((stop - start) * plan.row)
    return hashlib.sha256(content).hexdigest() == entry.get("sha256")


def _finish(folder: Path, plan: Plan, bad: Bad) -> None:
    """images.npy from the pixels, then index.json; any step may be the last before a kill."""
    part, whole = folder / "images.part.npy", folder / "images.npy"
    if bad:
        _compact(part, folder / "images.tmp.npy", plan, bad)
        os.replace(folder / "images.tmp.npy", whole)
    else:
        os.replace(part, whole)
    told = {str(at): bad[at] for at in sorted(bad)}
    kept = plan.count - len(bad)
    index = {"kept": kept, "bad": told, "sha256": _digest_file(whole)}
    write_json(folder / "index.json", _sealed(index))
    part.unlink(missing_ok=True)


def _compact(source: Path, target: Path, plan: Plan, bad: Bad) -> None:
    """A copy without the pictures that could not be made."""
    pixels = np.load(source, mmap_mode="r", allow_pickle=False)
    with target.open("wb") as out:
        out.write(_header((plan.count - len(bad), *plan.shape)))
        for start, stop in plan.chunks():
            rows = [at - start for at in range(start, stop) if at not in bad]
            out.write(pixels[start:stop][rows].tobytes())
        out.flush()
        os.fsync(out.fileno())


def _digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
