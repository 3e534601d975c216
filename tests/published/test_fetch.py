"""Downloads: continued, verified, and given up with the reason."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convert.errors import DataError
from tests.published.server import Server, serving
from train.data import fetch
from train.data.manifest import Expected

CONTENT = np.random.default_rng(3).integers(0, 256, 700_001).astype(np.uint8).tobytes()
RIGHT = Expected(len(CONTENT), hashlib.md5(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving({"a.bin": CONTENT}) as running:
        yield running


def load(server: Server, folder: Path, expected: Expected = RIGHT, name: str = "a.bin") -> bytes:
    said: list[str] = []
    target = folder / name
    fetch.download(f"{server.url}/{name}", target, expected, say=said.append, wait=0, timeout=5)
    assert ("verified" if expected.md5 else "no checksum is published") in said[-1]
    left = sorted(path.name for path in folder.iterdir())
    assert left == [name], "nothing else stays"
    return target.read_bytes()


def refused(server: Server, folder: Path, expected: Expected = RIGHT, name: str = "a.bin") -> str:
    with pytest.raises(DataError) as caught:
        load(server, folder, expected, name)
    assert not (folder / name).exists()
    return str(caught.value)


def test_a_file_arrives_whole(server: Server, tmp_path: Path) -> None:
    assert load(server, tmp_path) == CONTENT
    assert server.asked == [("a.bin", None)]


def test_broken_transfers_are_continued(server: Server, tmp_path: Path) -> None:
    server.cut["a.bin"] = [100_000, 0, 1, 300_000]
    assert load(server, tmp_path) == CONTENT
    asked = [wanted for _, wanted in server.asked]
    assert asked == [None, "bytes=100000-", "bytes=100000-", "bytes=100001-", "bytes=400001-"]


def test_what_came_before_a_line_was_reset_is_kept(server: Server, tmp_path: Path) -> None:
    """However little: a line that breaks before every whole block still ends."""
    server.reset, server.cut["a.bin"] = True, [300_000, 150_000]
    assert load(server, tmp_path) == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=300000-", "bytes=450000-"]


@pytest.mark.parametrize("tag", ['W/"1"', ""])
def test_without_a_checksum_or_a_mark_nothing_is_continued(
    server: Server, tmp_path: Path, tag: str
) -> None:
    server.tag, server.cut["a.bin"] = tag, [50_000] + [0] * fetch.TRIES
    refused(server, tmp_path, Expected())
    server.files["a.bin"] = bytes(len(CONTENT))
    server.cut.clear()
    assert load(server, tmp_path, Expected()) == bytes(len(CONTENT))


def test_a_later_call_continues_where_an_earlier_one_gave_up(
    server: Server, tmp_path: Path
) -> None:
    server.cut["a.bin"] = [50_000] + [0] * fetch.TRIES
    text = refused(server, tmp_path)
    assert "broke off at 50,000 of 700,001" in text
    assert "same command continues" in text
    server.cut.clear()
    assert load(server, tmp_path) == CONTENT
    assert server.asked[-1] == ("a.bin", "bytes=50000-")


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.cut["a.bin"] = [100_000]
    assert load(server, tmp_path) == CONTENT


def test_a_server_without_ranges_that_never_comes_further_is_given_up(
    server: Server, tmp_path: Path
) -> None:
    server.ranges, server.cut["a.bin"] = False, [50_000, 90_000] * 20
    assert "the download stopped" in refused(server, tmp_path)
    assert len(server.asked) == fetch.TRIES + 1


def test_what_cannot_be_continued_and_never_comes_further_is_given_up(
    server: Server, tmp_path: Path
) -> None:
    """Without checksum and mark each try begins again: it went on for ever."""
    server.tag, server.cut["a.bin"] = "", [50_000] * 20
    assert "the download stopped" in refused(server, tmp_path, Expected())
    assert len(server.asked) == fetch.TRIES


@pytest.mark.parametrize("heedless", [False, True])
def test_a_file_that_changed_meanwhile_is_not_mixed(
    server: Server, tmp_path: Path, heedless: bool
) -> None:
    server.heedless = heedless
    server.files["a.bin"] = bytes(len(CONTENT))
    server.cut["a.bin"] = [50_000] + [0] * fetch.TRIES
    refused(server, tmp_path, Expected())
    server.files["a.bin"], server.tag = CONTENT, '"2"'
    server.cut.clear()
    assert load(server, tmp_path, Expected()) == CONTENT


def test_a_wrong_range_is_not_believed(server: Server, tmp_path: Path) -> None:
    server.shifted = True
    server.cut["a.bin"] = [100_000]
    assert load(server, tmp_path) == CONTENT


def test_a_part_longer_than_the_file_starts_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"x")
    assert load(server, tmp_path) == CONTENT
    (tmp_path / "a.bin").unlink()
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"x")
    assert load(server, tmp_path, Expected(None, RIGHT.md5)) == CONTENT


def test_a_complete_part_only_needs_its_name(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert load(server, tmp_path) == CONTENT
    assert not server.asked


def test_wrong_content_is_deleted_and_told(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    text = refused(server, tmp_path)
    assert f"not {RIGHT.md5}" in text
    assert list(tmp_path.iterdir()) == []
    server.files["a.bin"] = CONTENT
    assert load(server, tmp_path) == CONTENT


def test_another_size_is_refused_before_it_is_loaded(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT + b"x"
    assert "700,002 bytes, not 700,001" in refused(server, tmp_path)
    server.lengths = False  # without being told, no more than the size is taken
    assert load(server, tmp_path) == CONTENT


def test_statuses_that_pass_are_waited_for(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429, 500]
    assert load(server, tmp_path) == CONTENT
    server.statuses = [503] * fetch.TRIES
    (tmp_path / "a.bin").unlink()
    assert "HTTP 503" in refused(server, tmp_path)


def test_statuses_that_do_not_pass_are_told_at_once(server: Server, tmp_path: Path) -> None:
    assert "HTTP 404" in refused(server, tmp_path, name="b.bin")
    assert len(server.asked) == 1


def test_no_network_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for url, word in (
        (f"http://127.0.0.1:{port}/a.bin", "refused"),
        ("ftp://127.0.0.1/a.bin", "http and https"),
        ("file:///etc/passwd", "http and https"),
        ("http://[::1/a.bin", "no address"),
    ):
        with pytest.raises(DataError) as caught:
            fetch.download(url, tmp_path / "a.bin", RIGHT, say=print, wait=0, timeout=2)
        assert word in str(caught.value)
    assert not (tmp_path / "a.bin").exists()


def test_no_room_is_told_before_anything_is_loaded(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "1,000 bytes free, 700,001 needed" in refused(server, tmp_path)
