"""docs/own-firmware.md, followed to the letter: for a Cortex-M4, and here with pictures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from kit import models
from kit.files import ROOT

pytestmark = [
    pytest.mark.host_c,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc"),
]

PAGE = ROOT / "docs" / "own-firmware.md"
PICTURES = ROOT / "models" / "scenes-wake" / "pictures"
# Runs the page's function on pictures from the standard input; its answers and the logits come out.
MAIN = r"""
#include <stdio.h>
int main(void)
{
    static unsigned char picture[96 * 96];
    while (fread(picture, sizeof picture, 1, stdin) == 1) {
        putchar(sees_person(picture));
        fwrite(bw_linked_model.outputs[0].data, 8, 1, stdout);
    }
    return 0;
}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


def shell(command: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds bitwake/ and my_app/, with what the page says in it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "bitwake").symlink_to(ROOT)
    (folder / "my_app").mkdir()
    compile_it, _ = blocks("sh")
    # through the link, ../my_app would lie beside the checkout
    compile_it = compile_it.replace("../my_app", str(folder / "my_app"))
    done = shell(compile_it.replace(".venv/bin/python", sys.executable), folder)
    assert done.returncode == 0, done.stderr
    (function,) = blocks("c")
    (folder / "my_app" / "main.c").write_text(function + MAIN)
    return folder


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc")
def test_it_links_for_the_core_and_keeps_only_what_it_uses(project: Path) -> None:
    _, build_it = blocks("sh")
    done = shell(build_it.replace("-std=c11", "-std=c11 -Wall -Wextra"), project)
    assert done.returncode == 0, done.stderr
    assert "mcu/kernels" not in done.stderr
    with (project / "my_app" / "app.elf").open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        names = {symbol.name for symbol in table.iter_symbols()}
    assert {"bw_linked_model", "bw_planar_conv_bits"} <= names
    assert not any(name.startswith("bw_softmax") for name in names)


def test_its_function_answers_as_lce_does(project: Path) -> None:
    _, build_it = blocks("sh")
    host = re.sub(r"arm-none-eabi-gcc.*\\\n", "gcc \\\\\n", build_it, count=1)
    host = host.replace(" -o -name '*.S'", "").replace("--specs=nosys.specs", "")
    done = shell(host, project)
    assert done.returncode == 0, done.stderr
    rows = json.loads((PICTURES / "pictures.json").read_text("utf-8"))
    pixels = [models.picture(PICTURES / row["file"], (96, 96, 1)).tobytes() for row in rows]
    app = project / "my_app" / "app.elf"
    ran = subprocess.run([app], input=b"".join(pixels), capture_output=True, timeout=60)
    logits = [bytes.fromhex(row["logits_hex"]) for row in rows]
    persons = [bytes([np.argmax(np.frombuffer(raw, "<f4"))]) for raw in logits]
    assert set(persons) == {b"\0", b"\1"}
    assert ran.stdout == b"".join(one + raw for one, raw in zip(persons, logits, strict=True))
