"""Downloads a large file over HTTP: resumed after any stop, verified before it gets its name.

NAME.part grows while loading, and NAME.part.json holds the server's mark of the version (ETag or
Last-Modified), so that a file that changed on the server is not continued with other content.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from convert.errors import DataError
from train.data.manifest import Expected, md5_of
from train.runfolder import write_json

BLOCK = 1 << 18
TRIES = 6  # in a row without a new byte
TRIES_ALONE = 2  # while no server has answered at all
SAID_EVERY = 5.0  # seconds between lines about the progress
AGAIN = (408, 425, 429, 500, 502, 503, 504)  # statuses after which another try may help
Say = Callable[[str], None]


class _StoppedError(Exception):
    """This try ended; another may go on."""


class _SilentError(_StoppedError):
    """Nobody answered."""


def download(
    url: str,
    target: Path,
    expected: Expected,
    *,
    say: Say,
    wait: float = 2.0,
    timeout: float = 30.0,
) -> None:
    """Puts the file at `url` to `target`, or continues with what an earlier call left.

    Args:
        expected: size and MD5; what differs is refused and deleted.
        say: gets a line now and then.
        wait: seconds before the second try, doubled each time; timeout: of a silent line.

    Raises:
        DataError: no network, refused, not found, another file, a full disk; what has arrived
            stays for the next call unless it is wrong.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError("only http and https are downloaded from", found=url)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as out:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _load(url, part, out, expected, say, wait, timeout)
        _verify(url, part, expected)
        os.replace(part, target)
        _note(part).unlink(missing_ok=True)
    except BlockingIOError:
        raise DataError("another process downloads this file", where=str(part)) from None
    except OSError as error:
        raise DataError(
            "a download cannot be written",
            where=str(part),
            found=error.strerror or str(error),
            remedy="free some space or set BITWAKE_DATA; the same command continues",
        ) from None
    told = "no checksum is published" if expected.md5 is None else "verified"
    say(f"{target.name}: {target.stat().st_size:,} bytes, {told}")


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _load(
    url: str,
    part: Path,
    out: BinaryIO,
    expected: Expected,
    say: Say,
    wait: float,
    timeout: float,
) -> None:
    """Tries until the whole file is there; each new byte gives all tries back. Bytes of a file that
    begins again are new where it had not come so far."""
    tries, reason, most, reached = 0, "", TRIES_ALONE, 0
    while True:
        have = out.seek(0, os.SEEK_END)
        too_long = expected.bytes is not None and have > expected.bytes
        # without a mark and a checksum nothing would tell that the rest is of another version
        if too_long or (expected.md5 is None and not _mark(part)):
            out.truncate(0)
            have = 0
        if have and have == expected.bytes:
            return
        if have and not tries:
            say(f"{part.name[:-5]}: continuing at {have:,} bytes")
        try:
            _try(url, part, out, have, expected, say, timeout)
            return
        except _StoppedError as stopped:
            reason = str(stopped)
            most = most if isinstance(stopped, _SilentError) else TRIES
        size, reached = out.seek(0, os.SEEK_END), max(reached, have)
        tries = 1 if size > reached else tries + 1
        reached = max(reached, size)
        if tries >= most:
            raise DataError(
                "the download stopped",
                where=url,
                found=f"{reason}; {out.tell():,} bytes have arrived",
                remedy="the same command continues; or load the file otherwise and put it there",
            )
        time.sleep(min(60.0, wait * 2 ** (tries - 1)))


def _try(
    url: str, part: Path, out: BinaryIO, have: int, expected: Expected, say: Say, timeout: float
) -> None:
    """One request. Returns when the file is complete.

    Raises:
        _StoppedError: another try may go on. DataError: none will.
    """
    headers = {"User-Agent": "bitwake", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        mark = _mark(part)
        if mark:
            headers["If-Range"] = mark
    try:
        request = urllib.request.Request(url, headers=headers)
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # what we have is no beginning of what is there
            out.truncate(0)
            raise _StoppedError("the server has another file now") from None
        if error.code in AGAIN:
            raise _StoppedError(f"HTTP {error.code}") from None
        raise DataError(
            "the server does not give the file", where=url, found=f"HTTP {error.code}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _SilentError(_reason(error)) from None
    except ValueError as error:  # of the parts of an address, such as an IPv6 one without its end
        raise DataError("this is no address of a file", where=url, found=str(error)) from None
    with answer:
        total = _begin(url, part, out, have, expected, answer)
        _copy(answer, out, total, part.name[:-5], say)
    size = out.seek(0, os.SEEK_END)
    if total is not None and size < total:
        raise _StoppedError(f"the transfer broke off at {size:,} of {total:,} bytes")


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", error)
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__


def _begin(
    url: str, part: Path, out: BinaryIO, have: int, expected: Expected, answer: Any
) -> int | None:
    """Reads the answer's head; the whole file's size, if the server tells."""
    length = answer.headers.get("Content-Length")
    mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    total: int | None
    if answer.status == 206:
        known = _mark(part)
        if have and known and mark and mark != known:  # a server that does not look at If-Range
            out.truncate(0)
            raise _StoppedError("the server has another file now")
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
        if not found or int(found[1]) != have:
            out.truncate(0)
            raise _StoppedError("the server answered with another range than asked for")
        total = int(found[3])
    else:  # the whole file: the server knows no ranges, or has another version now
        out.truncate(0)
        have, total = 0, int(length) if length and length.isdigit() else None
    if expected.bytes is not None and total is not None and total != expected.bytes:
        out.truncate(0)
        raise DataError(
            "the server has another file than the published one",
            where=url,
            found=f"{total:,} bytes, not {expected.bytes:,}",
        )
    wanted = expected.bytes if total is None else total
    free = shutil.disk_usage(part.parent).free
    if wanted is not None and wanted - have > free:
        raise DataError(
            "there is no room for the download",
            where=str(part.parent),
            found=f"{free:,} bytes free, {wanted - have:,} needed",
            remedy="free some space, or set BITWAKE_DATA to a folder with room",
        )
    write_json(_note(part), {"url": url, "mark": mark})
    return wanted


def _mark(part: Path) -> str | None:
    """The version that the part is of; a weak ETag cannot continue anything."""
    try:
        mark = json.loads(_note(part).read_text("utf-8"))["mark"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(mark) if mark and not str(mark).startswith("W/") else None


def _copy(answer: Any, out: BinaryIO, total: int | None, name: str, say: Say) -> None:
    """The body to the end of the part; never more than the size that was agreed on."""
    said = time.monotonic()
    have = out.seek(0, os.SEEK_END)
    while total is None or have < total:
        try:
            # read1: read() loses what it has of a block when the line breaks or falls silent
            block = answer.read1(BLOCK if total is None else min(BLOCK, total - have))
        except (OSError, http.client.HTTPException) as error:
            out.flush()
            raise _StoppedError(_reason(error)) from None
        if not block:
            break
        out.write(block)
        have += len(block)
        if time.monotonic() - said >= SAID_EVERY:
            said = time.monotonic()
            of = "" if total is None else f" of {total / 1e6:,.0f}"
            say(f"{name}: {have / 1e6:,.0f}{of} MB")
    out.flush()


def _verify(url: str, part: Path, expected: Expected) -> None:
    """Deletes what is wrong: continuing it would stay wrong."""
    size = part.stat().st_size
    found = md5_of(part) if expected.md5 is not None else None
    if expected.bytes is not None and size != expected.bytes:
        wrong = f"{size:,} bytes, not {expected.bytes:,}"
    elif found != expected.md5:
        wrong = f"md5 {found}, not {expected.md5}"
    else:
        return
    part.unlink()
    _note(part).unlink(missing_ok=True)
    raise DataError(
        "the downloaded file is not the published one and was deleted",
        where=url,
        found=wrong,
        remedy="try again; if it stays, the file has changed on the server",
    )
