"""Archives: only what is wanted, only below the folder, continued, never half a file."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from convert.errors import DataError
from train.data import unpack as unpacking
from train.data.manifest import Expected
from train.data.unpack import target_of, unpack

FILES = {"set/a.bin": b"a" * 5000, "set/b.txt": b"b", "set/other": b"?", "more/c.jpg": b"c" * 300}
MEMBERS = (("set/a.bin", "a.bin"), ("set/b.txt", "deep/b.txt"), ("more/", "more/"))
WANTED = {"a.bin": b"a" * 5000, "deep/b.txt": b"b", "more/c.jpg": b"c" * 300}


def make_tar(path: Path, files: dict[str, bytes], *special: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for info in special:
            out.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return path


def make(kind: str, folder: Path, files: dict[str, bytes] = FILES) -> Path:
    path = folder / f"packed.{kind}"
    return make_zip(path, files) if kind == "zip" else make_tar(path, files)


def run(archive: Path, folder: Path, **expected: Expected) -> int:
    said: list[str] = []
    return unpack(
        archive, folder, MEMBERS, lambda t: expected.get(t[0], Expected()), say=said.append
    )


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_wanted_files_come_out_and_no_others(tmp_path: Path, kind: str) -> None:
    archive, folder = make(kind, tmp_path), tmp_path / "out"
    assert run(archive, folder) == 3
    assert content(folder) == WANTED
    assert run(archive, folder) == 0


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_what_is_there_stays_and_what_is_wrong_is_moved_aside(tmp_path: Path, kind: str) -> None:
    archive, folder = make(kind, tmp_path), tmp_path / "out"
    run(archive, folder)
    stamp = (folder / "a.bin").stat().st_mtime_ns
    (folder / "more/c.jpg").unlink()
    (folder / "deep/b.txt").write_bytes(b"longer")
    assert run(archive, folder) == 2
    assert (folder / "a.bin").stat().st_mtime_ns == stamp
    assert content(folder) == {**WANTED, "deep/b.txt.replaced": b"longer"}
    (folder / "a.bin").write_bytes(b"x" * 5000)  # the right size, the wrong content
    assert run(archive, folder, a=Expected(5000, "0" * 31 + "1")) == 1
    assert (folder / "a.bin").read_bytes() == WANTED["a.bin"]


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_killed_while_writing_leaves_no_half_file(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, folder = make(kind, tmp_path), tmp_path / "out"

    class Killed(BaseException):
        pass

    def half(source: object, out: object, _: int) -> None:
        out.write(source.read(1))  # type: ignore[attr-defined]
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(unpacking.shutil, "copyfileobj", half)
        with pytest.raises(Killed):
            run(archive, folder)
    assert not (folder / "a.bin").exists()
    assert run(archive, folder) == 3
    assert content(folder) == WANTED


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
@pytest.mark.parametrize("name", ["../evil", "set/../../evil", "/evil", "set/..", "C:/evil"])
def test_names_that_lead_out_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    files = {name: b"evil", **FILES}
    archive, folder = make(kind, tmp_path, files), tmp_path / "deep" / "out"
    with pytest.raises(DataError, match="not safe"):
        run(archive, folder)
    assert not list(tmp_path.rglob("*evil*"))
    if kind == "zip":
        assert not folder.exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("set/a.bin")
    info.type, info.linkname = kind, "/etc/passwd"
    archive = make_tar(tmp_path / "packed.tar.gz", FILES, info)
    with pytest.raises(DataError, match="not safe") as caught:
        run(archive, tmp_path / "out")
    assert "no plain file" in str(caught.value)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as out:
        info = zipfile.ZipInfo("more/link.jpg")
        info.external_attr = 0o120777 << 16
        out.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="not safe"):
        run(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_damaged_archives_are_told(tmp_path: Path, kind: str) -> None:
    big = {**FILES, "set/a.bin": os.urandom(5000)}
    archive = make(kind, tmp_path, big)
    whole = archive.read_bytes()
    flipped = bytearray(whole)
    flipped[2000] ^= 0xFF
    for damage in (whole[: len(whole) // 2], bytes(flipped), b"", b"<html>404</html>"):
        archive.write_bytes(damage)
        with pytest.raises(DataError) as caught:
            run(archive, tmp_path / "out")
        assert "damaged" in str(caught.value), damage[:10]
        assert not (tmp_path / "out" / "a.bin").exists()


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_an_archive_without_what_is_wanted_is_told(tmp_path: Path, kind: str) -> None:
    archive = make(kind, tmp_path, {"set/b.txt": b"b", "more/deeper/c.jpg": b""})
    with pytest.raises(DataError, match="lacks") as caught:
        run(archive, tmp_path / "out")
    assert "a.bin" in str(caught.value)


def test_a_folder_takes_its_own_files_only() -> None:
    assert target_of("more/x.jpg", MEMBERS) == "more/x.jpg"
    assert target_of("more/deep/x.jpg", MEMBERS) is None
    assert target_of("more/", MEMBERS) is None
    assert target_of("set/a.bin.exe", MEMBERS) is None
