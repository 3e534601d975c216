"""PlatformIO platform: boards are the folders beside this file, tools are the system's own."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from pathlib import Path
from typing import Any

import semantic_version
from platformio.dependencies import get_core_dependencies
from platformio.platform.base import PlatformBase
from platformio.platform.board import PlatformBoardConfig
from platformio.platform.exception import UnknownBoard

CROSS_COMPILER = "arm-none-eabi-gcc"


class _Board(PlatformBoardConfig):
    """A manifest that is called board.json in every folder; the folder's name is the id."""

    def __init__(self, manifest_path: str) -> None:
        super().__init__(manifest_path)
        self._id = Path(manifest_path).parent.name


class BitwakePlatform(PlatformBase):
    """Uses what the system has; PlatformIO fetches only what is missing."""

    def get_boards(self, id_: str | None = None) -> Any:
        """All boards by id, or the one named."""
        for path in sorted(Path(self.get_dir()).glob("*/board.json")):
            if path.parent.name not in self._BOARDS_CACHE:
                board = _Board(str(path))
                board.manifest["platform"] = self.name
                self._BOARDS_CACHE[board.id] = board
        if id_ is None:
            return self._BOARDS_CACHE
        if id_ not in self._BOARDS_CACHE:
            raise UnknownBoard(id_)
        return self._BOARDS_CACHE[id_]

    def configure_default_packages(self, options: dict[str, Any], targets: list[str]) -> None:
        """Chooses between the system's program and PlatformIO's package, tool by tool."""
        super().configure_default_packages(options, targets)
        self._use_installed_scons()
        board = self.board_config(options["board"])
        cross = board.get("build.toolchain") == "arm-none-eabi"
        missing = cross and shutil.which(CROSS_COMPILER) is None
        self.packages["toolchain-gccarmnoneeabi"]["optional"] = not missing
        chosen = os.environ.get("BITWAKE_UPLOAD_PROTOCOL") or options.get("upload_protocol")
        protocol = chosen or board.get("upload.protocol")
        fetch = protocol == "openocd" and "upload" in targets and shutil.which("openocd") is None
        self.packages["tool-openocd"]["optional"] = not fetch

    def _use_installed_scons(self) -> None:
        """Offers the SCons of this Python environment if it is the version PlatformIO wants.

        PlatformIO writes SCons 4.11.1 as 4.41101.0.
        """
        try:
            installed = importlib.metadata.version("scons")
        except importlib.metadata.PackageNotFoundError:
            return
        folder = Path(self.get_dir()) / "common" / "packages" / "tool-scons"
        offered = str(self.pm.load_manifest(str(folder))["version"])
        major, minor, patch = [*installed.split("."), "0", "0"][:3]
        try:
            encoded = f"{major}.{int(major)}{int(minor):02}{int(patch):02}.0"
        except ValueError:
            return
        wanted = semantic_version.SimpleSpec(get_core_dependencies()["tool-scons"])
        if encoded == offered and semantic_version.Version(offered) in wanted:
            self.packages["tool-scons"] = {
                "owner": "platformio",
                "version": f"symlink://{folder}",
                "optional": False,
            }
