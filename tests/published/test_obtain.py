"""`kit data`: loads what is missing, or says which file to put where; then tells what there is."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import cli
from tests.published.files import write_coco, write_stl10
from tests.published.server import Server, serving
from train.data import load, sources


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def tar_of(folder: Path, prefix: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for path in sorted(folder.iterdir()):
            packed.add(path, f"{prefix}/{path.name}")
    return out.getvalue()


def zip_of(folder: Path, names: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in names:
            for path in [folder / name] if "." in name else sorted((folder / name).iterdir()):
                packed.write(path, str(path.relative_to(folder)))
    return out.getvalue()


def put_manifest(place: Path, original: Path, archives: dict[str, bytes]) -> None:
    """The manifest of a miniature set, with its archives, where the set will be."""
    manifest = json.loads((original / "manifest.json").read_text())
    manifest.setdefault("files", {})
    for name, content in archives.items():
        manifest["files"][name] = {
            "bytes": len(content),
            "md5": hashlib.md5(content).hexdigest(),
        }
    place.mkdir(parents=True, exist_ok=True)
    (place / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def stl10_server(place: Path, tmp_path: Path) -> Iterator[Server]:
    """A mirror of the miniature STL-10, whose manifest lies in the empty data folder."""
    original = tmp_path / "original"
    write_stl10(original)
    archive = tar_of(original, "stl10_binary")
    put_manifest(place / "stl10_binary", original, {"stl10_binary.tar.gz": archive})
    with serving({"stl10_binary.tar.gz": archive}) as server:
        yield server


@pytest.fixture
def coco_server(place: Path, tmp_path: Path) -> Iterator[Server]:
    """A mirror of the miniature COCO."""
    original = tmp_path / "original"
    write_coco(original)
    annotations = [f"annotations/instances_{part}.json" for part in ("train2014", "val2014")]
    archives = {
        "annotations_trainval2014.zip": zip_of(original, annotations),
        "train2014.zip": zip_of(original, ["train2014"]),
        "val2014.zip": zip_of(original, ["val2014"]),
    }
    put_manifest(place / "coco", original, archives)
    ids = (original / "mscoco_minival_ids.txt").read_bytes()
    with serving({**archives, "mscoco_minival_ids.txt": ids}) as server:
        yield server


def test_stl10_is_loaded_unpacked_verified_and_told(
    place: Path, tmp_path: Path, stl10_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    stl10_server.cut["stl10_binary.tar.gz"] = [60_000]
    out = tmp_path / "told.json"
    command = ["data", "stl10", "--mirror", stl10_server.url, "--json", str(out)]
    assert cli.main(command) == 0
    told = json.loads(out.read_text())
    assert told["name"] == "stl10-manifest"
    assert told["splits"] == {"train": 20, "val": 0, "test": 10}
    assert set(told["balance"]["train"].values()) == {2}
    text = capsys.readouterr()
    assert "NOT the published files" in text.err
    assert "may be deleted" in text.out
    assert "airplane 10.0 %" in text.out
    asked = len(stl10_server.asked)
    assert asked == 2  # broken off once, then continued
    assert cli.main(command) == 0
    assert len(stl10_server.asked) == asked, "everything was there"


def test_a_damaged_file_is_unpacked_again_from_the_archive_that_is_there(
    place: Path, stl10_server: Server
) -> None:
    assert cli.main(["data", "stl10", "--mirror", stl10_server.url]) == 0
    whole = load("stl10").hash
    victim = place / "stl10_binary" / "test_X.bin"
    content = victim.read_bytes()
    victim.write_bytes(content[:-9])
    assert cli.main(["data", "stl10", "--no-download"]) == 0
    assert load("stl10").hash == whole
    assert victim.with_name("test_X.bin.replaced").stat().st_size == len(content) - 9


def test_wrong_folds_come_right_as_the_message_says(
    place: Path, stl10_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "stl10", "--mirror", stl10_server.url]) == 0
    folds = place / "stl10_binary" / "fold_indices.txt"
    folds.write_text("0 1\n")
    command = ["data", "stl10", "--no-download", "--set", "fold=0"]
    capsys.readouterr()
    assert cli.main(command) == 2
    assert "delete this file" in capsys.readouterr().err
    folds.unlink()
    assert cli.main(command) == 0, "unpacked again from the archive"


@pytest.mark.parametrize("name", ["mscoco_minival_ids.txt", "annotations/instances_val2014.json"])
def test_damage_of_a_file_without_checksum_comes_right_as_the_message_says(
    place: Path, coco_server: Server, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Such as the page of a network's login, which arrives whole in the place of any file."""
    command = ["data", "vww", "--set", "size=8", "--mirror", coco_server.url]
    assert cli.main(command) == 0
    shutil.rmtree(place / "vww-minival-manifest-8x3")
    (place / "coco" / name).write_text("<html>log in</html>")
    capsys.readouterr()
    assert cli.main(command) == 2
    assert "delete this file; then .venv/bin/python -m kit data vww" in capsys.readouterr().err
    (place / "coco" / name).unlink()
    assert cli.main(command) == 0


def test_pictures_that_no_count_misses_come_from_the_archive_that_is_there(
    place: Path, coco_server: Server
) -> None:
    """A kill while unpacking, where nothing says how many pictures there are; a stray one more."""
    command = ["data", "vww", "--set", "size=8"]
    assert cli.main([*command, "--mirror", coco_server.url]) == 0
    whole, folder = load("vww", size=8).hash, place / "coco" / "train2014"
    victims = sorted(folder.iterdir())[:2]
    for more in (["--set", "verify=false"], []):
        for cache in place.glob("vww-*"):
            shutil.rmtree(cache)
        victims[0].unlink()
        assert cli.main([*command, *more, "--no-download"]) == 0
        assert victims[0].exists()
    shutil.rmtree(place / "vww-minival-manifest-8x3")
    os.replace(victims[1], folder / "stray.jpg")
    assert cli.main([*command, "--no-download"]) == 0
    assert load("vww", size=8).hash == whole


def test_a_mirror_that_nothing_is_taken_from_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["faces"], ["stl10", "--no-download"]):
        assert cli.main(["data", *more, "--mirror", "http://127.0.0.1:9"]) == 2
        assert more[-1] in capsys.readouterr().err


def test_the_seed_is_no_option_of_the_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "stl10", "--set", "seed=4"]) == 2
    assert "--seed 4" in capsys.readouterr().err


def test_vww_is_loaded_built_and_its_balance_told(
    place: Path, tmp_path: Path, coco_server: Server
) -> None:
    out = tmp_path / "told.json"
    command = ["data", "vww", "--set", "size=16", "--mirror", coco_server.url, "--json", str(out)]
    assert cli.main(command) == 0
    told = json.loads(out.read_text())
    assert told["balance"]["test"] == {"no_person": 4, "person": 3}
    assert told["options"]["definition"] == "minival"
    assert cli.main([*command, "--set", "definition=mlperf"]) == 0
    assert json.loads(out.read_text())["name"] == "vww-mlperf-manifest"
    assert len(coco_server.asked) == 4


def test_mlperf_does_not_need_the_minival_list(place: Path, coco_server: Server) -> None:
    del coco_server.files["mscoco_minival_ids.txt"]
    command = ["data", "vww", "--set", "size=16", "--mirror", coco_server.url]
    assert cli.main([*command, "--set", "definition=mlperf"]) == 0
    assert cli.main(command) == 2


def test_without_network_it_says_what_to_put_where(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "stl10", "--no-download"]) == 2
    told = capsys.readouterr().err
    for word in ("stl10_binary.tar.gz", "2,640,397,119 bytes", "91f7769df0f17e558f3565bffb0c7dfb",
                 str(place / "stl10_binary"), "there: nothing"):  # fmt: skip
        assert word in told
    assert cli.main(["data", "vww", "--no-download"]) == 2
    told = capsys.readouterr().err
    for word in ("annotations_trainval2014.zip", "train2014.zip", "val2014.zip",
                 "mscoco_minival_ids.txt", "0da8c0bd3d6becc4dcb32757491aca88"):  # fmt: skip
        assert word in told


def test_what_is_there_is_told_with_its_state(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "stl10_binary"
    write_stl10(folder)
    (folder / "manifest.json").unlink()
    (folder / "train_X.bin").unlink()
    assert cli.main(["data", "stl10", "--no-download"]) == 2
    told = capsys.readouterr().err
    # what is wrong comes first, and by name
    wrong, right = told.split("there: ")
    assert "test_X.bin: 276,480 bytes, not 221,184,000" in wrong
    assert "train_X.bin: missing" in wrong
    assert "stl10_binary.tar.gz is not there" in wrong
    assert "fold_indices.txt" in right


def test_refused_connection_and_wrong_archive_end_with_instructions(
    place: Path, stl10_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "stl10", "--mirror", "http://127.0.0.1:9/x"]) == 2
    told = capsys.readouterr().err
    assert "refused" in told
    assert "put there, packed" in told
    content = stl10_server.files["stl10_binary.tar.gz"]
    stl10_server.files["stl10_binary.tar.gz"] = content[:-1] + bytes([content[-1] ^ 1])
    assert cli.main(["data", "stl10", "--mirror", stl10_server.url]) == 2
    assert "not the published one and was deleted" in capsys.readouterr().err
    archive = place / "stl10_binary" / "stl10_binary.tar.gz"
    assert not archive.exists()
    archive.write_bytes(b"a page of a captive portal")
    assert cli.main(["data", "stl10", "--mirror", stl10_server.url]) == 2
    assert "move it away" in capsys.readouterr().err
    assert archive.read_bytes().startswith(b"a page"), "a user's file is never overwritten"


def test_a_bad_option_downloads_nothing(
    place: Path, stl10_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("fold=x", "channels=2", "sizes=3"):
        assert cli.main(["data", "stl10", "--mirror", stl10_server.url, "--set", option]) == 2
    assert not stl10_server.asked
    assert "channels=1 or 3" in capsys.readouterr().err


def test_every_published_set_has_a_loader_and_checksums() -> None:
    from train.data import DATASETS

    for name, source in sources.SOURCES.items():
        assert name in DATASETS
        for each in source.downloads:
            assert each.url.startswith("http")
            assert each.license
            if each.members:
                assert source.published.files[each.name].md5 is not None
