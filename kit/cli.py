"""The command line: finds the verb, runs it, turns every ending into an exit status.

0 done · 1 the answer is no (mismatches, a stale page), or a bug of ours · 2 a mistake or a refusal
with its reason · 130 Ctrl-C. A verb's module is imported when that verb is called and not before.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import re
import shlex
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TextIO

from convert.errors import BitWakeError, DependencyError, did_you_mean
from kit import console
from kit.files import ROOT, shown, write_json


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes:
        module: has `add_arguments(parser)` and `run(args) -> int`; its docstring is the help.
        summary: one line for `kit --help`.
    """

    module: str
    summary: str


VERBS = {
    "demo": Verb("kit.demo.command", "run the shipped models on the emulated board"),
    "train": Verb("kit.verbs.train", "train a recipe into a run folder"),
    "prune": Verb("kit.verbs.prune", "prune blocks of a trained network, retraining in between"),
    "data": Verb("kit.verbs.data", "check a data set, or draw its contact sheet"),
    "sheet": Verb("kit.verbs.sheet", "draw a contact sheet of a data set"),
    "convert": Verb("kit.verbs.convert", "turn a training run into a checked .tflite"),
    "ship": Verb("kit.verbs.ship", "make a shipped model's folder from a finished run"),
    "compile": Verb("kit.verbs.compile", "turn a .tflite into C, or say why not"),
    "analyse": Verb("kit.verbs.analyse", "count BOPs, bits and systolic cycles of a .tflite"),
    "flash": Verb("kit.verbs.flash", "build the firmware, print RAM and flash, upload"),
    "monitor": Verb("kit.verbs.monitor", "show a board's serial line and talk to it"),
    "bench": Verb("kit.verbs.bench", "measure every layer on the board"),
    "kernels": Verb("kit.verbs.kernels", "measure single kernels on a board"),
    "validate": Verb("kit.verbs.validate", "compare the board bit for bit with the interpreter"),
    "results": Verb("kit.verbs.results", "run the experiments behind docs/results.md"),
    "report": Verb("kit.report.command", "accuracy against on-device cost, as pictures"),
    "boards": Verb("kit.verbs.boards", "list the boards"),
    "supported": Verb("kit.verbs.supported", "list the operators that compile, with their rules"),
}
# What the system refuses because of a place that the user named or owns: no room, no right, no such
# kind of file.
PLACES = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG,
    errno.ENOTDIR, errno.EISDIR,
}  # fmt: skip
# Packages of the full set only; a verb that fails to import one of them needs `make`.
FULL_SET = {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "skimage", "sklearn"}
COMMAND = re.compile(rf"(?<![\w./-])(?:python -m )?kit (?=(?:VERB|--help|{'|'.join(VERBS)})\b)")


def typed(text: str) -> str:
    """The text with its `kit VERB …` as they are typed here: `.venv/bin/python -m kit VERB …`."""
    try:
        python = os.path.relpath(sys.executable)
    except OSError:  # the folder where they are was deleted
        python = sys.executable
    python = sys.executable if python.startswith("..") else python
    return COMMAND.sub(lambda _: f"{shlex.quote(python)} -m kit ", text)


def overview() -> str:
    """The text of `kit --help`."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items())
    return typed(
        "usage: python -m kit VERB [options]\n\n"
        "From a binarized Larq model to a Cortex-M camera.\n\n"
        f"verbs:\n{verbs}\n\n"
        "Every verb takes --json FILE for machines (- is standard output) and --help.\n"
        "Exit status: 0 done, 1 the answer is no, 2 a mistake or a refusal, 130 Ctrl-C.\n\n"
        "examples:\n"
        "  python -m kit boards\n"
        "  python -m kit compile models/faces-wake/model.tflite --out build/c\n"
        "  python -m kit bench --board netduino2plus --model scenes-wake --json bench.json\n"
    )


def parser_of(name: str, module: ModuleType) -> argparse.ArgumentParser:
    """The parser of one verb; the module's docstring is its help."""
    description, _, examples = (module.__doc__ or "").partition("\nExamples:\n")
    parser = argparse.ArgumentParser(
        prog=f"kit {name}",
        description=description.strip(),
        epilog="examples:\n" + typed(examples.rstrip()) if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is stdout")
    return parser


def load(name: str) -> ModuleType:
    """Imports a verb's module.

    Raises:
        DependencyError: a package or a part of BitWake is not installed.
    """
    verb = VERBS[name]
    try:
        return importlib.import_module(verb.module)
    except ModuleNotFoundError as error:
        raise not_installed(name, error) from error


def not_installed(name: str, error: ModuleNotFoundError) -> DependencyError:
    """A missing package, told with the command that installs it; others are raised again."""
    package = (error.name or "").partition(".")[0]
    if package in ("kit", "convert", "train"):
        if error.name in ("kit.demo", "kit.demo.command", "kit.report", "kit.report.command"):
            return DependencyError(
                f"this checkout has no `{name}`",
                where=VERBS[name].module,
                remedy="update the checkout: git pull",
            )
        raise error
    make = "make test" if package in FULL_SET else "make boards"
    which = "full" if package in FULL_SET else "small"
    return DependencyError(
        f"`kit {name}` needs a Python package that is not installed",
        found=f"no package {package}",
        remedy=f"`{make}` sets up the {which} set; then use .venv/bin/python -m kit {name}",
    )


def main(argv: list[str] | None = None) -> int:
    """Runs one verb and returns the exit status; never raises but SystemExit of argparse."""
    words = sys.argv[1:] if argv is None else argv
    console.to_stderr(False)
    name = words[0] if words else ""
    try:
        status = dispatch(name, words[1:])
        sys.stdout.flush()  # here, where it is told what went wrong
        return status
    except KeyboardInterrupt:
        print("\nstopped; nothing was left half-written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0  # the reader (head, less) has gone: not our error
    except BitWakeError as error:
        print_error(error, sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in PLACES:
            return bug(name)
        print_error(refused_place(error, "standard output"), sys.stderr)
        return 2
    except Exception:
        return bug(name)
    finally:
        _settle_stdout()


def _settle_stdout() -> None:
    """What cannot be written goes nowhere: Python would try once more as it ends, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def dispatch(name: str, words: list[str]) -> int:
    """Finds the verb and runs it; also what stands in the place of a verb."""
    if name in ("", "-h", "--help", "help"):
        print(overview(), end="")
        return 0 if name else 2
    if name == "--version":
        from kit import __version__

        print(f"bitwake {__version__}")
        return 0
    if name not in VERBS:
        hint = did_you_mean(name, VERBS, mark="`")
        raise BitWakeError(
            "there is no such verb", found=name, remedy=f"{hint}`python -m kit --help` lists them"
        )
    module = load(name)
    args = parser_of(name, module).parse_args(words)
    if args.json == "":
        raise BitWakeError(
            "--json names a file", found="an empty name", remedy="--json FILE, or - for stdout"
        )
    if args.json == "-":  # and stays so for a verb that this one calls
        console.to_stderr(True)
    try:
        status = called(name, module, args)
    except BitWakeError as error:
        # Verbs that promise reasons to machines write them themselves; this serves the rest.
        if args.json and not getattr(error, "reported", False):
            with contextlib.suppress(OSError):  # standard output; what is raised is told there
                write_json(args.json, {"ok": False, "error": error.as_dict()})
        raise
    return int(status or 0)


def called(name: str, module: ModuleType, args: argparse.Namespace) -> int | None:
    """What the verb returns.

    Raises:
        DependencyError: a package is not installed.
        BitWakeError: the verb's, or a place that the system refuses, whichever file it was.
    """
    try:
        status: int | None = module.run(args)
        return status
    except ModuleNotFoundError as error:
        raise not_installed(name, error) from error
    except OSError as error:
        if error.errno not in PLACES:
            raise
        raise refused_place(error) from error


def refused_place(error: OSError, where: str = "") -> BitWakeError:
    """What the system says against a place; `where` serves where it does not name it."""
    return BitWakeError(
        "the system refuses a file or folder",
        where=str(error.filename or where),
        found=error.strerror or str(error),
        remedy="free some space, mend its rights or name another place; then run the command again",
    )


def print_error(error: BitWakeError, out: TextIO) -> None:
    """The one-screen message, its remedy with commands that can be copied."""
    text = BitWakeError(
        error.what, where=error.where, found=error.found, remedy=typed(error.remedy)
    )
    print(f"error: {text}", file=out, flush=True)


def bug(name: str) -> int:
    """An exception that nobody foresaw: a short message, the traceback in a file. Status 1."""
    kind, value, _ = sys.exc_info()
    text = f"kit {name}\n\n{traceback.format_exc()}"
    try:
        folder = ROOT / "build"
        folder.mkdir(exist_ok=True)
        handle, log = tempfile.mkstemp(prefix="internal-error-", suffix=".log", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        place = shown(Path(log))
    except OSError:
        print(text, file=sys.stderr)
        place = "above (the log could not be written)"
    summary = str(value).splitlines()[0][:200] if str(value) else ""
    print(
        f"internal error in `kit {name}`: {kind.__name__ if kind else ''}: {summary}\n"
        f"  This is a mistake in BitWake, not in what you did.\n  traceback: {place}",
        file=sys.stderr,
    )
    return 1
