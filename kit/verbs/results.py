"""Runs the experiments behind docs/results.md, or makes that page from what came out.

Each finished arm and seed is one JSON file in docs/results/, with its commands; the queue goes on
where it stopped, on any machine that has those files. One arm runs at a time, at low priority: all
seeds of the arms that answer a group's question, then variants. An arm that fails is recorded and
does not stop the others.

Exit status 0: done, or out of time. 1: an arm failed, or with --check the page is out of date.

Examples:
  python -m kit results --list
  python -m kit results --only a --seeds 3 --limit-minutes 60 --threads 1
  python -m kit results --retry
  python -m kit results --page
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from convert.errors import BitWakeError
from kit import console
from kit.cli import typed
from kit.files import ROOT, lock, shown, write_json, write_whole
from kit.verbs import shared
from train.results import store
from train.results.arm import SEEDS, Arm, Job, jobs
from train.results.arms import ARMS, GROUPS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which experiments, how long and with what, or what to do in place of running them."""
    letters = "".join(group.key for group in GROUPS)
    parser.add_argument("--only", metavar="GROUPS", default="", help=f"some of {letters}")
    parser.add_argument("--arm", metavar="NAME", action="append", help="only this arm; repeatable")
    parser.add_argument("--seeds", type=shared.positive, default=SEEDS, help=f"default {SEEDS}")
    parser.add_argument(
        "--limit-minutes", type=shared.positive, metavar="N", help="stop then; default never"
    )
    parser.add_argument("--threads", type=shared.positive, default=1, help="default 1")
    parser.add_argument("--nice", type=int, default=10, help="of the programs; default 10")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--retry", action="store_true", help="run failed arms again")
    what.add_argument(
        "--recount", action="store_true", help="only count instructions and sizes again"
    )
    what.add_argument("--list", action="store_true", help="list the arms and what is done")
    what.add_argument("--page", action="store_true", help="only write docs/results.md")
    what.add_argument("--check", action="store_true", help="is docs/results.md up to date?")
    parser.add_argument("--results", metavar="DIR", help="default docs/results")
    parser.add_argument("--runs", metavar="DIR", help="default runs/results")


def run(args: argparse.Namespace) -> int:
    """Lists, writes the page, or runs the queue and then writes the page."""
    results = Path(args.results).resolve() if args.results else store.FOLDER
    if (args.page or args.check or args.list) and not results.is_dir():
        raise BitWakeError(
            "there is no folder of results",
            where=str(results),
            remedy="without --results it is docs/results; running the queue makes another",
        )
    if args.page or args.check:
        names = write_page(results, check=args.check)
        if args.json:
            ok = not (args.check and names)
            write_json(args.json, {"stale" if args.check else "written": names, "ok": ok})
        return 1 if args.check and names else 0
    arms = chosen(args.only, args.arm)
    queue = jobs(arms, seeds=args.seeds)
    if args.list:
        return listed(args, queue, results)
    from kit.results import counts, programs
    from kit.results import run as runner

    settings = programs.Settings(
        results=results,
        runs=Path(args.runs).resolve() if args.runs else ROOT / "runs" / "results",
        threads=args.threads,
        nice=args.nice,
        deadline=time.monotonic() + 60 * args.limit_minutes if args.limit_minutes else None,
        say=console.say,
    )
    for folder in (settings.runs, results):  # before an hour of training, not behind it
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BitWakeError(
                "the folder cannot be used",
                where=str(folder),
                found=error.strerror or str(error),
                remedy="name another with --results or --runs",
            ) from None
    with lock(settings.runs / "queue.lock", "another queue is running here; waiting for it"):
        reports = [] if args.recount else [
            runner.run_queue(
                queue, settings, lambda: runner.recipes_by_program(settings), retry=args.retry
            )
        ]  # fmt: skip
        missing = counts.wanting(arms, results, again=args.recount)
        reports.append(counts.count(missing, settings))
    told = {
        name: [each for report in reports for each in getattr(report, name)]
        for name in ("finished", "failed", "skipped", "left")
    }
    if args.json:
        write_json(args.json, {**told, "ok": not told["failed"]})
    console.say(
        f"{len(told['finished'])} finished, {len(told['failed'])} failed, "
        f"{len(told['skipped'])} skipped, {len(told['left'])} left for the next call"
    )
    write_page(results, check=False)
    return 1 if told["failed"] else 0


def chosen(only: str, names: Sequence[str] | None) -> tuple[Arm, ...]:
    """The arms asked for.

    Raises:
        BitWakeError: a letter or name that there is not.
    """
    letters = {group.key: group.title for group in GROUPS}
    wrong = sorted(set(only.replace(",", "")) - set(letters))
    if wrong:
        raise BitWakeError(
            "there is no such group of experiments",
            found=", ".join(wrong),
            remedy="groups: " + "; ".join(f"{key} {title}" for key, title in letters.items()),
        )
    unknown = sorted(set(names or ()) - {arm.name for arm in ARMS})
    if unknown:
        raise BitWakeError(
            "there is no such arm", found=", ".join(unknown), remedy="kit results --list"
        )
    kept = [arm for arm in ARMS if not only or arm.group in only]
    found = tuple(arm for arm in kept if not names or arm.name in names)
    if not found:
        raise BitWakeError(
            "no arm is in such a group",
            found=f"--only {only} --arm {' --arm '.join(names or ())}",
            remedy="leave out one of the two",
        )
    return found


def listed(args: argparse.Namespace, queue: Sequence[Job], results: Path) -> int:
    """The queue and its state."""
    rows = []
    for job in queue:
        path = store.path_of(results, job.arm.name, job.seed)
        found = store.load(path) if path.exists() else None
        state = "waiting" if found is None else "failed" if store.failed(found) else "done"
        rows.append({"arm": job.arm.name, "group": job.arm.group, "seed": job.seed,
                     "recipe": job.arm.recipe, "steps": list(job.arm.seed_steps),
                     "state": state})  # fmt: skip
    if args.json:
        write_json(args.json, {"jobs": rows})
    columns = ("group", "arm", "#seed", "recipe", "steps", "state")
    cells = [
        (row["group"], row["arm"], row["seed"], row["recipe"], " ".join(job.arm.seed_steps),
         row["state"])
        for row, job in zip(rows, queue, strict=True)
    ]  # fmt: skip
    console.table("experiments, in the order of the queue", columns, cells)
    return 0


def write_page(results: Path, *, check: bool) -> list[str]:
    """Writes the page of results and its plots, or only compares them.

    A folder NAME has its page beside it, NAME.md, and its plots in it. Plots of groups that have no
    result any more are taken away.

    Returns:
        With `check`, the files that are out of date; otherwise those that were written.
    """
    from kit.results.figures import PLOT
    from kit.results.page import contents

    made = contents(store.load_all(results), counts=store.load_counts(results), folder=results.name)
    files = {results.parent / name: text for name, text in made.items()}
    left = [path for path in results.glob("*.svg") if PLOT.match(path.name) and path not in files]
    if check:
        stale = sorted(
            shown(path)
            for path, text in files.items()
            if not path.is_file() or path.read_text("utf-8") != text
        )
        stale += sorted(map(shown, left))
        for name in stale:
            console.say(typed(f"out of date: {name}; renew: kit results --page"))
        if not stale:
            console.say(f"{shown(results)}.md: up to date")
        return stale
    for path in left:
        path.unlink()
    for path, text in files.items():
        write_whole(path, text.encode())
    page = results.with_name(f"{results.name}.md")
    console.say(f"written: {shown(page)}, {len(files) - 1} plots")
    return [shown(path) for path in files]
