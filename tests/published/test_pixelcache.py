"""The cache: killed anywhere and continued, damaged and repaired, it is the same in the end."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import DataError
from tests.published.files import write_coco
from train.data import load, pixelcache
from train.data.pixelcache import Bad, Cached, Plan, build, read

SHAPE = (3, 2, 1)


def picture(at: int) -> np.ndarray:
    return np.random.default_rng(at).integers(0, 256, SHAPE).astype(np.uint8)


def maker(bad: tuple[int, ...] = (), log: list[int] | None = None) -> pixelcache.Maker:
    def make(start: int, stop: int) -> tuple[np.ndarray, Bad]:
        if log is not None:
            log.append(start // pixelcache.CHUNK)
        return (
            np.stack([picture(at) for at in range(start, stop)]),
            {at: "unreadable" for at in bad if start <= at < stop},
        )

    return make


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixelcache, "CHUNK", 4)


def plan(count: int = 22, **key: Any) -> Plan:
    return Plan("toys", count, SHAPE, key)


def same(a: Cached, b: Cached) -> None:
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.kept, b.kept)
    assert (a.bad, a.sha256) == (b.bad, b.sha256)


@pytest.mark.parametrize("bad", [(), (0,), (4, 5, 6, 7), (21,)])
def test_it_holds_what_was_made_and_is_not_made_twice(tmp_path: Path, bad: tuple[int, ...]) -> None:
    log: list[int] = []
    found = build(tmp_path, plan(), maker(bad, log))
    assert sorted(log) == list(range(6))
    assert list(found.kept) == [at for at in range(22) if at not in bad]
    assert set(found.bad) == set(bad)
    np.testing.assert_array_equal(found.images, np.stack([picture(at) for at in found.kept]))
    assert isinstance(found.images, np.memmap)
    same(build(tmp_path, plan(), maker(bad, log)), found)
    assert len(log) == 6
    assert not (tmp_path / "images.part.npy").exists()


class Killed(BaseException):
    """Passes through every handler, as a kill would leave everything."""


@pytest.mark.parametrize("bad", [(), (5, 21)])
def test_killed_at_any_write_it_continues_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: tuple[int, ...]
) -> None:
    whole = build(tmp_path / "whole", plan(), maker(bad))
    names = ("fsync", "replace", "posix_fallocate", "unlink")
    for stop in range(200):
        folder, calls = tmp_path / f"killed{stop}", 0
        with monkeypatch.context() as patch:
            for name in names:
                real = getattr(os, name)

                def counted(*args: Any, real: Any = real, stop: int = stop, **more: Any) -> Any:
                    nonlocal calls
                    calls += 1
                    if calls > stop:
                        raise Killed
                    return real(*args, **more)

                patch.setattr(os, name, counted)
            try:
                same(build(folder, plan(), maker(bad)), whole)
                break
            except Killed:
                pass
        assert read(folder, plan()) is None or (folder / "index.json").exists()
        log: list[int] = []
        same(build(folder, plan(), maker(bad, log)), whole)
        assert len(log) <= 6
    assert 15 < stop < 199
    # near the end nearly nothing is made again
    assert len(log) == 0


def test_a_torn_line_and_torn_pixels_are_made_again(tmp_path: Path) -> None:
    whole = build(tmp_path / "whole", plan(), maker())
    for torn in ("line", "pixels", "both"):
        folder = tmp_path / torn
        build(folder, plan(), maker())
        os.replace(folder / "images.npy", folder / "images.part.npy")
        (folder / "index.json").unlink()
        lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
        if torn != "pixels":
            lines[-1] = lines[-1][:20]
            (folder / "journal.jsonl").write_bytes(b"".join(lines))
        if torn != "line":
            with (folder / "images.part.npy").open("r+b") as stream:
                stream.seek(-6 * 22, os.SEEK_END)
                stream.write(b"\0" * 12)
        log: list[int] = []
        same(build(folder, plan(), maker((), log)), whole)
        assert sorted(log) == {"line": [5], "pixels": [0], "both": [0, 5]}[torn]


def test_damage_is_repaired_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = build(tmp_path, plan(), maker())
    kept = whole.sha256
    del whole
    with (tmp_path / "images.npy").open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([picture(21)[-1, -1, 0] ^ 255]))
    log: list[int] = []
    assert build(tmp_path, plan(), maker((), log)).sha256 == kept
    assert log == [5]
    assert "damaged" in capsys.readouterr().err


def put(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def test_a_changed_list_of_what_is_left_out_moves_no_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many pictures, of the same bytes: only which ones they are would be another."""
    whole = build(tmp_path, plan(), maker((5, 9)))
    for old, new in ((b'"5": ', b'"4": '), (b'"kept"', b'"kepT"')):
        put(tmp_path / "index.json", old, new)
        assert read(tmp_path, plan()) is None
        assert "seal differs" in capsys.readouterr().err
        same(build(tmp_path, plan(), maker((5, 9))), whole)
    (tmp_path / "index.json").write_text('{"bad": [], "sha256": ""}')
    (tmp_path / "plan.json").write_text(f'{{"version": {pixelcache.VERSION}}}')
    assert read(tmp_path) is None
    same(build(tmp_path, plan(), maker((5, 9))), whole)


@pytest.mark.parametrize("new", [b'"4": ', b'"x": '])
def test_a_changed_line_of_the_journal_is_made_again(tmp_path: Path, new: bytes) -> None:
    whole = build(tmp_path / "whole", plan(), maker((5, 9)))
    make = maker((5, 9))

    def stopped(start: int, stop: int) -> tuple[np.ndarray, Bad]:
        if start >= 16:
            raise Killed
        return make(start, stop)

    folder = tmp_path / "stopped"
    with pytest.raises(Killed):
        build(folder, plan(), stopped, threads=1)
    put(folder / "journal.jsonl", b'"5": ', new)
    log: list[int] = []
    same(build(folder, plan(), maker((5, 9), log)), whole)
    assert sorted(log) == [1, 4, 5]


def test_another_plan_is_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(tmp_path, plan(rule=1), maker())
    log: list[int] = []
    build(tmp_path, plan(rule=2), maker((), log))
    assert len(log) == 6
    assert "made otherwise" in capsys.readouterr().err
    assert read(tmp_path, plan(rule=1)) is None


def test_a_full_disk_leaves_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.fsync, 9

    def full(descriptor: int) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataError, match="cannot be written") as caught:
            build(tmp_path, plan(), maker(), threads=1)
    assert "No space" in str(caught.value)
    log: list[int] = []
    build(tmp_path, plan(), maker((), log))
    assert 0 < len(log) < 6


@pytest.mark.parametrize("damaged", [False, True])
def test_a_finished_cache_is_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    before = build(tmp_path, plan(), maker())
    if damaged:
        with (tmp_path / "images.npy").open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\0\1")

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(pixelcache, "locked", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    if not damaged:
        return same(build(tmp_path, plan(), maker()), before)
    with pytest.raises(DataError, match="cannot be written"):
        build(tmp_path, plan(), maker())
    with pytest.raises(DataError, match="cannot be written"):
        build(tmp_path, plan(23), maker())


BUILD = """
import sys, time
from train.data import pixelcache, vww
pixelcache.CHUNK = 4
slow = vww.load_picture
def load_picture(*args):
    time.sleep(0.02)
    return slow(*args)
vww.load_picture = load_picture
from train.data import load
load("vww", size=16, processes=2)
"""


def test_a_process_killed_while_building_loses_no_chunk(
    place: Path, repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL, on the real builder, then the same call again."""
    write_coco(place / "coco")
    folder = place / "vww-minival-manifest-16x3"
    command = [sys.executable, "-c", BUILD]
    with subprocess.Popen(command, cwd=repo, stderr=subprocess.DEVNULL) as process:
        journal = folder / "journal.jsonl"
        for _ in range(600):
            if journal.exists() and journal.read_bytes().count(b"\n") >= 3:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "index.json").exists()
    done = [json.loads(line)["chunk"] for line in journal.read_text().splitlines()]
    resumed = load("vww", size=16)
    assert f"{len(done)} of 11 chunks are there" in capsys.readouterr().err
    monkeypatch.setenv("BITWAKE_DATA", str(place / "anew"))
    whole = load("vww", size=16, folder=str(place / "coco"))
    assert whole.hash == resumed.hash
    assert (folder / "images.npy").read_bytes() == (
        place / "anew" / folder.name / "images.npy"
    ).read_bytes()
