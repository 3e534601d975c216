"""Where the published sets come from, which of their files are there, and how to get the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train.data import coco, stl10, vww
from train.data.fetch import download
from train.data.manifest import Expected, FilesError, Manifest, choose, state_of
from train.data.places import source_folder
from train.data.unpack import Members, unpack

Say = Callable[[str], None]
COCO_URL = "http://images.cocodataset.org"


@dataclass(frozen=True)
class Download:
    """A file at its published address.

    Attributes:
        name: file name, below the set's folder.
        url: the official one.
        members: what of an archive goes where; none: the file itself is what is needed.
        counts: folder -> name of the count in the manifest, for members that are whole folders.
        license: in a few words.
    """

    name: str
    url: str
    members: Members = ()
    counts: Mapping[str, str] = field(default_factory=dict)
    license: str = ""

    def targets(self) -> list[str]:
        """Files and folders (with "/") that must be there in the end."""
        return [target for _, target in self.members] or [self.name]


@dataclass(frozen=True)
class Source:
    """A published set: its folder, its expectations, its downloads."""

    folder: str
    published: Manifest
    downloads: tuple[Download, ...]
    # targets that only some options need: target -> whether these options do
    sometimes: Mapping[str, Callable[[Mapping[str, Any]], bool]] = field(default_factory=dict)


STL10_FILES = tuple(n for n in stl10.PUBLISHED_FILES.files if not n.endswith(".tar.gz"))
SOURCES: dict[str, Source] = {
    "stl10": Source(
        stl10.FOLDER,
        stl10.PUBLISHED_FILES,
        (
            Download(
                "stl10_binary.tar.gz",
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                tuple((f"stl10_binary/{name}", name) for name in STL10_FILES),
                license="pictures from ImageNet; no licence is stated",
            ),
        ),
        {
            "unlabeled_X.bin": lambda options: bool(options.get("unlabeled")),
            stl10.FOLDS_FILE: lambda options: options.get("fold") is not None,
            "class_names.txt": lambda options: False,
        },
    ),
    "vww": Source(
        vww.FOLDER,
        vww.PUBLISHED_FILES,
        (
            Download(
                "annotations_trainval2014.zip",
                f"{COCO_URL}/annotations/annotations_trainval2014.zip",
                tuple((coco.annotation_file(p), coco.annotation_file(p)) for p in coco.PARTS),
                license="CC BY 4.0",
            ),
            Download(
                vww.MINIVAL_FILE,
                "https://raw.githubusercontent.com/tensorflow/models/master/research/"
                f"object_detection/data/{vww.MINIVAL_FILE}",
                license="Apache-2.0",
            ),
            *(
                Download(
                    f"{part}.zip",
                    f"{COCO_URL}/zips/{part}.zip",
                    ((f"{part}/", f"{part}/"),),
                    {f"{part}/": part},
                    license="Flickr's terms; each picture has its own licence",
                )
                for part in ("val2014", "train2014")
            ),
        ),
        {vww.MINIVAL_FILE: lambda options: options.get("definition", vww.MINIVAL) == vww.MINIVAL},
    ),
}


@dataclass(frozen=True)
class Found:
    """One file or folder: where it belongs, whether it is right, what is there, who brings it."""

    target: str
    good: bool
    needed: bool
    state: str
    download: Download


def inspect(name: str, folder: Path, manifest: Manifest, options: Mapping[str, Any]) -> list[Found]:
    """Every file of a set and its state; checksums are computed."""
    source = SOURCES[name]
    rows = []
    for each in source.downloads:
        for target in each.targets():
            good, state = _state(folder, target, each, manifest)
            rule = source.sometimes.get(target)
            needed = rule is None or rule(options)
            rows.append(Found(target, good, needed, state, each))
    return rows


def _state(folder: Path, target: str, each: Download, manifest: Manifest) -> tuple[bool, str]:
    if not target.endswith("/"):
        return state_of(folder / target, manifest.files.get(target, Expected()))
    place, wanted = folder / target, manifest.counts.get(each.counts.get(target, ""))
    if not place.is_dir():
        return False, "missing"
    count = sum(1 for path in place.iterdir() if path.suffix == ".jpg")
    told = f"{count:,}" + ("" if wanted is None else f" of {wanted:,}") + " pictures"
    return count > 0 and (wanted is None or count >= wanted), told


def obtain(
    name: str,
    options: Mapping[str, Any],
    *,
    say: Say,
    mirror: str | None = None,
    network: bool = True,
    **patience: float,
) -> Path:
    """Makes the needed files of a set be there: unpacks archives that are, downloads the others.

    To be called when the loader lacks something.

    Args:
        options: of the set's loader; `folder`, `verify` and what decides which files are needed.
        say: gets lines about what happens.
        mirror: address of a folder that holds the same files, instead of the official ones.
        network: False: only look and unpack.
        patience: `wait` and `timeout` of `fetch.download`.

    Returns:
        The set's folder.

    Raises:
        FilesError: something is missing and cannot be had; says which file to put where.
    """
    source = SOURCES[name]
    folder = source_folder(source.folder, options.get("folder"))
    manifest = choose(name, folder, source.published, bool(options.get("verify", True)))
    wanting = [row.download for row in inspect(name, folder, manifest, options)
               if row.needed and not row.good]  # fmt: skip
    if not wanting:  # no count tells a picture from a stray one, or a whole folder from half of one
        wanting = [one for one in source.downloads if one.members and (folder / one.name).exists()]
    for each in source.downloads:
        if each not in wanting:
            continue
        try:
            _bring(each, folder, manifest, say, mirror, network, patience)
        except DataError as error:
            raise _instructions(name, folder, manifest, options, error) from None
    rows = inspect(name, folder, manifest, options)
    if any(row.needed and not row.good for row in rows):
        raise _instructions(name, folder, manifest, options, None)
    return folder


def _bring(
    each: Download,
    folder: Path,
    manifest: Manifest,
    say: Say,
    mirror: str | None,
    network: bool,
    patience: Mapping[str, float],
) -> None:
    """One download and its unpacking."""
    archive, expected = folder / each.name, manifest.files.get(each.name, Expected())
    good, state = state_of(archive, expected)
    if not good:
        if not network:
            raise DataError(f"{each.name} is not there" if state == "missing"
                            else f"{each.name}: {state}")  # fmt: skip
        if state != "missing":
            raise DataError(
                "a file of this name is there and is not the published one",
                where=str(archive),
                found=state,
                remedy="move it away",
            )
        url = each.url if mirror is None else f"{mirror.rstrip('/')}/{each.name}"
        size = "" if expected.bytes is None else f", {expected.bytes / 1e6:,.0f} MB"
        say(f"loading {url}{size}")
        download(url, archive, expected, say=say, **patience)
    if each.members:
        say(f"unpacking {archive.name}")
        unpack(archive, folder, each.members, lambda t: manifest.files.get(t, Expected()), say=say)
        say(f"{archive.name} is unpacked and may be deleted")


def _instructions(
    name: str,
    folder: Path,
    manifest: Manifest,
    options: Mapping[str, Any],
    error: DataError | None,
) -> FilesError:
    """What to put where, and what is there already."""
    rows = inspect(name, folder, manifest, options)
    wrong = [f"{row.target}: {row.state}" for row in rows if row.needed and not row.good]
    there = [row for row in rows if row.state != "missing" and (row.good or not row.needed)]
    lines = []
    for each in SOURCES[name].downloads:
        mine = [row for row in rows if row.download == each]
        if all(row.good or not row.needed for row in mine):
            continue
        expected = manifest.files.get(each.name, Expected())
        facts = [] if expected.bytes is None else [f"{expected.bytes:,} bytes"]
        facts += [] if expected.md5 is None else [f"md5 {expected.md5}"]
        lines.append(
            f"{each.url} to {folder / each.name}" + (f" ({', '.join(facts)})" if facts else "")
        )
    reason = ""
    if error is not None:
        reason = error.what + (f" ({error.found})" if error.found else "")
        if error.remedy:
            reason += f": {error.remedy}"
    return FilesError(
        f"{name} is not complete",
        where=str(folder),
        found="\n         ".join(
            [
                *wrong,
                *filter(None, [reason]),
                "there: " + (", ".join(f"{row.target}: {row.state}" for row in there) or "nothing"),
            ]
        ),
        remedy="\n         ".join(
            ["load on any machine and put there, packed, and run the command again:", *lines]
        ),
    )
