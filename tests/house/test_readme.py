"""The README keeps its promises: commands run, names exist, figures are fresh.

Long commands (train, test, demo, flash …) are only taken apart here: make must know them with those
settings, and the verb behind them must accept those flags. tests/demo runs the demo itself.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from kit import boards, cli
from kit.report import readme
from kit.report.figures import Place

AFFORDABLE = ("make help", "make boards", "make supported")
OWN = ("ARGS", "BOARD", "MODEL", "INPUTS", "JOBS", "PYTHON", "RECIPE", "DATA", "RUN")
# Settings that stand for something of the reader's own.
EXAMPLES = {"RECIPE=…": "RECIPE=faces-wake", "DATA=…": "DATA=faces", "RUN=…": "RUN=runs/x",
            "BOARD=…": "BOARD=host", "MODEL=…": "MODEL=faces-wake"}  # fmt: skip


def text_of(repo: Path, name: str = "README.md") -> str:
    return (repo / name).read_text("utf-8")


def commands(text: str) -> list[str]:
    """Every `make …` of the page: lines of its sh blocks, and code in its sentences and tables."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.split(" #")[0].strip() for line in "".join(blocks).splitlines()]
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += re.findall(r"`(make [^`]+)`", outside)
    found = {line for line in lines if line.startswith("make ")}
    for example, value in EXAMPLES.items():
        found = {line.replace(example, value) for line in found}
    return sorted(found)


def fresh(command: str) -> tuple[list[str], dict[str, str]]:
    """The words of a make command as from a new terminal; nothing may be installed."""
    # Settings of the make that runs the tests (ARGS='-k …') are in the environment too.
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS")) and k not in OWN
    }
    return command.split(), {**environment, "BITWAKE_NO_INSTALL": "1"}


def make(repo: Path, command: str, *flags: str) -> subprocess.CompletedProcess[str]:
    words, environment = fresh(command)
    return subprocess.run(
        [*words, *flags], cwd=repo, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_page_documents_what_the_project_promises(repo: Path) -> None:
    found = commands(text_of(repo))
    verbs = {command.split()[1] for command in found}
    assert {"demo", "test", "train", "convert", "flash", "monitor", "bench", "validate", "report",
            "help"} <= verbs  # fmt: skip
    assert "make demo" in found


def test_every_documented_command_is_known_with_its_settings(repo: Path) -> None:
    """`make -n` expands each command; the kit verb behind it must accept the flags it is given."""
    for page in ("README.md", "docs/demo.md", "docs/installing.md", "CONTRIBUTING.md"):
        for command in commands(text_of(repo, page)):
            shown = make(repo, command, "-n")
            assert shown.returncode == 0, f"{page}: {command}: {shown.stderr}"
            for line in re.findall(r"-m kit (.*)", shown.stdout):
                verb, *words = line.split("#")[0].replace('"', "").split()
                parser = cli.parser_of(verb, cli.load(verb))
                parser.parse_args(words)


def test_a_wrong_command_would_be_noticed(repo: Path) -> None:
    """Negative controls of the test above."""
    assert make(repo, "make trian", "-n").returncode != 0
    assert make(repo, "make train", "-n").returncode != 0, "RECIPE is needed"
    parser = cli.parser_of("bench", cli.load("bench"))
    with pytest.raises(SystemExit):
        parser.parse_args(["--modle", "x"])


@pytest.mark.parametrize("command", AFFORDABLE)
def test_affordable_commands_run(repo: Path, command: str, monkeypatch) -> None:
    monkeypatch.setenv("ARGS", "--durations=9")  # as under `make test ARGS=--durations=9`
    done = make(repo, command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 2


def test_every_verb_of_the_command_line_page_exists_and_none_is_left_out(repo: Path) -> None:
    text = text_of(repo, "docs/command-line.md")
    rows = re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == set(cli.VERBS)
    for line in re.findall(r"^kit ([^\n|]+)", text, re.MULTILINE):
        verb, *words = line.split("  ")[0].split(" #")[0].split()
        cli.parser_of(verb, cli.load(verb)).parse_args(words)


def test_blocks_of_all_pages_hold_commands_as_they_are_typed(repo: Path) -> None:
    """From the checkout's folder, by the Python of .venv, with flags that the verb accepts."""
    seen = 0
    for page in (repo / "docs").glob("*.md"):
        blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)
        shell = "".join(text for language, text in blocks if language in ("", "sh"))
        for line in shell.splitlines():
            if page.name != "results.md":  # which records what was run
                assert not line.startswith("python "), f"{page.name}: {line}"
            called = re.search(r"\.venv/bin/python -m kit ([^#)]+)", line)
            if called:
                verb, *words = shlex.split(called.group(1))
                cli.parser_of(verb, cli.load(verb)).parse_args(words)
                seen += 1
            elif page.name != "command-line.md":  # which says what `kit` stands for there
                assert not line.startswith("kit "), f"{page.name}: {line}"
    assert seen > 30


def anchors(text: str) -> set[str]:
    """GitHub's anchors of a page's headings."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_links_anchors_and_named_files_lead_somewhere(repo: Path) -> None:
    broken = []
    for page in [*repo.glob("*.md"), *(repo / "docs").glob("*.md")]:
        text = page.read_text("utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            other = page.parent / path if path else page
            if not other.exists():
                broken.append(f"{page.name}: {target}")
            elif anchor and anchor not in anchors(other.read_text("utf-8")):
                broken.append(f"{page.name}: no heading for {target}")
        for name in re.findall(r"`((?:docs|boards|mcu|kit|convert|train|tests)/[\w./-]+)`", text):
            if not (repo / name).exists():
                broken.append(f"{page.name}: `{name}`")
    assert not broken


def test_the_layout_block_names_every_folder_of_ours(repo: Path) -> None:
    block = text_of(repo).split("## Layout")[1].split("```")[1]
    named = {word.rstrip("/") for word in re.findall(r"^(\w+/?) +\S", block, re.MULTILINE)}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=repo, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs git's list of files")
    folders = {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert named == {name for name in folders if not name.startswith(".")} | {"Makefile"}


def test_every_board_and_every_page_is_named(repo: Path) -> None:
    text = text_of(repo)
    table = text.split("## Boards")[1].split("##")[0]
    assert set(re.findall(r"`(\w+)`", table)) == {board.id for board in boards.all_boards()}
    pages = {f"docs/{page.name}" for page in (repo / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\((docs/[\w-]+\.md)\)", text))


def test_figures_are_fresh(repo: Path) -> None:
    """README.md ← docs/figures.json ← models/: renew with make report ARGS=--readme."""
    assert readme.out_of_date(Place(repo)) == []


def test_every_table_of_figures_is_made_by_a_command(repo: Path) -> None:
    """A percentage or a count of instructions outside the generated blocks is a figure by hand."""
    outside = readme.BLOCK.sub("", text_of(repo))
    assert not re.findall(r"\d+(?:\.\d+)? ?%", outside)
    assert not re.findall(r"\d[\d,.]* (?:M |k )?instructions", outside)


def test_the_readme_is_short_enough_to_be_read(repo: Path) -> None:
    assert len(text_of(repo).splitlines()) <= 200
