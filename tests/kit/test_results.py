"""The queue of experiments: order, kill and resume, failures, and the page made from the files."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import BitWakeError, DataError
from kit.results import counts, page, plots, programs, run, steps, tables
from kit.results.findings import PAIRS, findings
from kit.verbs import results as verb
from train import runfolder
from train.results import store
from train.results.aggregate import mean_of, mixed
from train.results.arm import CORE, SEEDS, Arm, Group, jobs
from train.results.arms import ARMS, GROUPS

# In the place of `python -m kit`: leaves what a step leaves, in a run folder.
PROGRAM = """
import json, os, pathlib, shutil, signal, sys, time
words = sys.argv[2:]
def after(flag, other=None):
    return words[words.index(flag) + 1] if flag in words else other
with open(pathlib.Path(__file__).with_name("calls"), "a") as calls:
    calls.write(" ".join(words) + chr(10))
if words[0] == "train":
    folder = pathlib.Path(after("--run", after("--resume")))
    recipe = after("--recipe", "r")
    folder.mkdir(parents=True, exist_ok=True)
    if "--recipe" in words:
        asked = {"name": recipe, "seed": int(after("--seed")), "changed": {}}
        (folder / "recipe.json").write_text(json.dumps(asked))
    if recipe == "breaks":
        sys.exit("\\nerror: the disk is full\\n  where: " + str(folder.resolve()))
    if recipe == "slow" and not (folder / "checkpoint.npz").exists():
        (folder / "checkpoint.npz").write_text("")
        time.sleep(60)
    if recipe == "killed" and not (folder / "checkpoint.npz").exists():
        (folder / "checkpoint.npz").write_text("")
        os.kill(os.getpid(), signal.SIGTERM)
    if recipe == "always killed":
        sys.exit(137)
    metrics = {"finished": True, "accuracy": 0.75, "size_bits": 1000, "data": "scenes",
               "synthetic": True, "split": "test", "pictures": 4, "dataset_hash": "ab",
               "train_seconds": 86.4}
    (folder / "metrics.json").write_text(json.dumps(metrics))
else:
    if words[0] == "convert":
        shutil.copy("models/faces-wake/model.tflite", after("--run"))
    found = {"total": 5, "model_sha256": "cd"}
    pathlib.Path(after("--json")).write_text(json.dumps(found))
"""


def arm(name: str, recipe: str = "r", **fields: object) -> Arm:
    return Arm(name, "a", f"what {name} is", recipe, **fields)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> run.Settings:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    return run.Settings(
        results=tmp_path / "results",
        runs=tmp_path / "runs",
        program=(sys.executable, str(script)),
        say=lambda line: None,
    )


def calls(settings: run.Settings) -> list[str]:
    path = Path(settings.program[1]).with_name("calls")
    return path.read_text().splitlines() if path.exists() else []


KNOWN = {"r": "", "breaks": "", "slow": "", "killed": "", "always killed": ""}


def test_seed_0_of_every_arm_runs_first_and_by_priority() -> None:
    queue = jobs((arm("late", priority=9), arm("early", priority=1)), seeds=2)
    assert [job.name for job in queue] == ["early-s0", "late-s0", "early-s1", "late-s1"]
    assert queue[0].arm.seed_steps == ("train", "convert"), "instructions follow from structure"
    pruned = arm("pruned", steps=("prune", "convert", "bench"))
    assert pruned.seed_steps == pruned.steps, "what a pruned network is made of was learned"


def test_variants_wait_for_all_seeds_of_the_others() -> None:
    queue = jobs((arm("variant", priority=CORE + 1), arm("core", priority=CORE)), seeds=2)
    assert [job.name for job in queue] == ["core-s0", "core-s1", "variant-s0", "variant-s1"]


def test_failed_and_unknown_arms_do_not_stop_the_queue(settings: run.Settings) -> None:
    queue = jobs((arm("x", "breaks"), arm("y", "nowhere"), arm("z")), seeds=1)
    report = run.run_queue(queue, settings, lambda: KNOWN)
    assert (report.failed, report.skipped, report.finished) == (("x-s0",), ("y-s0",), ("z-s0",))
    broken = store.load(settings.results / "x-s0.json")
    assert broken["failed"]["step"] == "train"
    assert "the disk is full" in broken["failed"]["message"]
    assert str(settings.runs) not in broken["failed"]["message"], "no folder of this machine"
    good = store.load(settings.results / "z-s0.json")
    assert (good["accuracy"], good["size_bits"]) == (0.75, 1000)
    assert good["seconds"]["train"] == 86.4, "those of all calls, as the training says"
    assert good["environment"]["TF_NUM_INTRAOP_THREADS"] == "1"
    assert good["analysis"]["cycles"] > good["analysis"]["activation_bits"] / 100 > 0
    assert "layers" not in good["analysis"]
    assert good["commands"][0].startswith("python -m kit train --recipe r --seed 0")
    before = len(calls(settings))
    again = run.run_queue(queue, settings, lambda: KNOWN)
    assert (again.finished, again.failed, again.skipped) == ((), (), ("y-s0",))
    assert len(calls(settings)) == before, "what has a result does not run again"
    mended = run.run_queue(jobs((arm("x"), arm("z")), seeds=1), settings, lambda: KNOWN, retry=True)
    assert mended.finished == ("x-s0",)


def test_a_stopped_queue_goes_on_where_it_stopped(settings: run.Settings) -> None:
    queue = jobs((arm("fast", priority=1), arm("slow", "slow", priority=2)), seeds=1)
    began = time.monotonic()
    run.run_queue(jobs((arm("gauge"),), seeds=1), settings, lambda: KNOWN)
    took = time.monotonic() - began  # of three programs: how busy the machine is
    hasty = replace(settings, deadline=time.monotonic() + 2 + 3 * took)
    report = run.run_queue(queue, hasty, lambda: KNOWN)
    assert (report.finished, report.left) == (("fast-s0",), ("slow-s0",))
    assert not (settings.results / "slow-s0.json").exists()
    assert run.run_queue(queue, settings, lambda: KNOWN).finished == ("slow-s0",)
    said = calls(settings)
    assert sum("fast" in line and line.startswith("train") for line in said) == 1
    assert [line.split()[1] for line in said if "slow-s0" in line and line[:5] == "train"] == [
        "--recipe",
        "--resume",
    ], "the second call continues from the checkpoint"


def test_a_retry_that_is_stopped_goes_on_too(settings: run.Settings) -> None:
    queue = jobs((arm("slow", "slow"),), seeds=1)
    store.save(settings.results, run.run_job(queue[0], replace(settings, arm_minutes=0.01)))
    hasty = replace(settings, deadline=time.monotonic() + 2)
    assert run.run_queue(queue, hasty, lambda: KNOWN, retry=True).left == ("slow-s0",)
    before = [line for line in calls(settings) if line.startswith("train")]
    assert run.run_queue(queue, settings, lambda: KNOWN, retry=True).finished == ("slow-s0",)
    [said] = [line for line in calls(settings) if line.startswith("train")][len(before) :]
    assert "--resume" in said


def test_what_was_killed_from_outside_goes_on(settings: run.Settings) -> None:
    queue = jobs((arm("k", "killed", priority=1), arm("z", priority=2)), seeds=1)
    report = run.run_queue(queue, settings, lambda: KNOWN)
    assert (report.finished, report.failed, report.left) == (("z-s0",), (), ("k-s0",))
    assert not (settings.results / "k-s0.json").exists()
    assert run.run_queue(queue, settings, lambda: KNOWN).finished == ("k-s0",)
    assert any(line.startswith("train --resume") for line in calls(settings)), "from its checkpoint"


def test_what_is_killed_at_the_same_place_again_and_again_has_failed(
    settings: run.Settings,
) -> None:
    queue = jobs((arm("k", "always killed"),), seeds=1)
    reports = [run.run_queue(queue, settings, lambda: KNOWN) for _ in range(run.MOST_KILLS)]
    assert [report.left for report in reports[:-1]] == [("k-s0",)] * (run.MOST_KILLS - 1)
    assert reports[-1].failed == ("k-s0",)
    message = store.load(settings.results / "k-s0.json")["failed"]["message"]
    assert f"killed {run.MOST_KILLS} times" in message


def test_kills_between_checkpoints_are_counted_anew(tmp_path: Path) -> None:
    assert [programs.kills(tmp_path, "train") for _ in range(2)] == [1, 2]
    (tmp_path / "step1").mkdir()
    (tmp_path / "step1" / "checkpoint.npz").write_text("")
    assert [programs.kills(tmp_path, "train") for _ in range(2)] == [1, 2]
    assert programs.kills(tmp_path, "convert") == 1


def test_a_training_that_a_killed_queue_left_is_waited_for(settings: run.Settings) -> None:
    """Its run folder has no checkpoint yet: a second training there would be refused."""
    queue = jobs((arm("z"),), seeds=1)
    folder = settings.runs / "z-s0"
    folder.mkdir(parents=True)
    with runfolder.locked(folder, ""):
        hasty = replace(settings, deadline=time.monotonic() + 1)
        assert run.run_queue(queue, hasty, lambda: KNOWN).left == ("z-s0",)
        assert not calls(settings)
    assert run.run_queue(queue, settings, lambda: KNOWN).finished == ("z-s0",)


def test_what_another_queue_brings_meanwhile_stays(settings: run.Settings) -> None:
    [job] = jobs((arm("z"),), seeds=1)
    theirs = {"arm": "z", "group": "a", "seed": 0, "commands": [], "commit": "theirs"}

    def known() -> dict[str, str]:
        store.save(settings.results, theirs)
        return KNOWN

    for retry in (False, True):
        store.path_of(settings.results, "z", 0).unlink(missing_ok=True)
        report = run.run_queue([job], settings, known, retry=retry)
        assert report.finished == ()
        assert store.load(settings.results / "z-s0.json") == theirs
    assert not calls(settings)


@pytest.mark.parametrize("other", [{"name": "x"}, {"seed": 1}, {"changed": {"epochs": 1}}])
def test_another_run_is_never_an_arms_result(settings: run.Settings, other: dict[str, Any]) -> None:
    [job] = jobs((arm("z"),), seeds=1)
    run.run_job(job, settings)
    folder = settings.runs / job.name
    (folder / "checkpoint.npz").write_text("")
    assert "failed" not in run.run_job(job, settings)
    record = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps({**record, **other}))
    assert "holds another run" in run.run_job(job, settings)["failed"]["message"]


def test_an_arm_that_takes_too_long_has_failed(settings: run.Settings) -> None:
    outcome = run.run_job(jobs((arm("slow", "slow"),))[0], replace(settings, arm_minutes=0.01))
    assert "longer than 0.01 minutes" in outcome["failed"]["message"]


def test_programs_run_at_low_priority_with_fixed_threads(tmp_path: Path) -> None:
    script = tmp_path / "p.py"
    script.write_text("import os; print(os.nice(0), os.environ['TF_NUM_INTRAOP_THREADS'])")
    settings = run.Settings(tmp_path, tmp_path, 3, 7, program=(sys.executable, str(script)))
    assert run.execute([], tmp_path / "log", settings, time.monotonic() + 30) == 0
    assert (tmp_path / "log").read_text().split()[-2:] == [str(os.nice(0) + 7), "3"]


@pytest.mark.parametrize("steps", [(), ("bench",), ("convert", "train"), ("train", "fly")])
def test_nonsense_arms_are_refused(steps: tuple[str, ...]) -> None:
    with pytest.raises(DataError):
        arm("x", steps=steps)


def test_the_arms_of_the_project_are_sound() -> None:
    assert len({one.name for one in ARMS}) == len(ARMS)
    assert {one.group for one in ARMS} <= {group.key for group in GROUPS}
    with pytest.raises(BitWakeError, match="no such group"):
        verb.chosen("z", None)
    with pytest.raises(BitWakeError, match="no arm is in such a group"):
        verb.chosen("a", ["grouping-dense"])


def test_damaged_result_files_are_told(tmp_path: Path) -> None:
    outcome = {"arm": "x", "group": "a", "seed": 0, "commands": [], "commit": "c"}
    path = store.save(tmp_path, outcome)
    assert store.load_all(tmp_path) == [outcome]
    for content in ("{", "[]", json.dumps({**outcome, "seed": "0"}),
                    json.dumps({**outcome, "seed": 1})):  # fmt: skip
        path.write_text(content)
        with pytest.raises(DataError, match="damaged"):
            store.load_all(tmp_path)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"synthetic": None}, "synthetic is 'None'"),  # the page would not call it so
        ({"score": "0.7"}, "score is '0.7'"),
        ({"score": True}, "score is 'True'"),
        ({"score": 1e400}, "score is 'inf'"),
        ({"what": 5}, "what is '5'"),
        ({"metrics": [1]}, "metrics is"),
        ({"metrics": {"train_pictures": 1.5}}, "metrics.train_pictures"),
        ({"bench": {"total": "x"}}, "bench.total is 'x'"),
        ({"robustness": {"ev": {"dark": 0.5}}}, "dark"),
        ({"robustness": {"ev": {"0": "x"}}}, "robustness.ev.0 is 'x'"),
        ({"points": [{"size_bits": 3}]}, "no points[0].accuracy"),
        ({"failed": {"step": "train"}}, "no failed.message"),
        ({"dataset_hash": {"a": 1}}, "dataset_hash is"),
        ({"seconds": {"train": "1 h"}}, "seconds.train is '1 h'"),
    ],
)
def test_result_files_of_another_form_are_told_with_the_field(
    tmp_path: Path, fields: dict[str, Any], word: str
) -> None:
    store.save(tmp_path, made("x", 0, 0.5, score=0.5, robustness={"ev": {"0": 0.5, "-3": 0.4}}))
    assert len(store.load_all(tmp_path)) == 1
    store.save(tmp_path, made("x", 0, 0.5) | fields)
    with pytest.raises(DataError, match="damaged") as caught:
        store.load_all(tmp_path)
    assert word in str(caught.value)


def test_nothing_is_less_than_no_difference() -> None:
    assert tables.told(mean_of([-0.001, 0.0]), 1.0) == "0.00 ± 0.00"
    assert tables.told(mean_of([-0.0000763, 0.01]), 100, 0) == "0 ± 1"
    assert tables.told(mean_of([-0.006]), 1.0) == "-0.01"


def test_mean_and_deviation_are_numpys() -> None:
    values = np.random.default_rng(0).normal(size=7)
    found = mean_of(values)
    assert found is not None
    assert found.n == 7
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))
    assert found.deviation != pytest.approx(values.std())
    single = mean_of([0.5])
    assert single is not None
    assert math.isnan(single.deviation)
    assert mean_of([]) is None
    assert mixed([{"a": 1, "b": 2}, {"a": 1, "b": 3}], ["a", "b"]) == ["b"]


def made(name: str, seed: int, accuracy: float, **more: object) -> store.Outcome:
    return {"arm": name, "group": "a", "what": f"what {name} is", "seed": seed, "recipe": "r",
            "overrides": {}, "commands": [f"python -m kit train {name}"], "commit": "c0ffee",
            "accuracy": accuracy, "size_bits": 2000, "data": "scenes", "synthetic": True,
            "split": "test", "pictures": 2000, "dataset_hash": "ab", **more}  # fmt: skip


ARM_PAIR = (arm("x"), arm("y"))
GROUP = (Group("a", "Title", "Question?", cost="instructions"),)


def test_the_page_says_means_numbers_and_conditions() -> None:
    outcomes = [made("x", s, a) for s, a in enumerate((0.6, 0.7, 0.8))]
    outcomes += [made("y", 0, 0.5, bench={"total": 1234}), {**made("y", 1, 0.5), "failed": {
        "step": "convert", "status": 2, "message": "why | not"}}]  # fmt: skip
    files = page.contents(outcomes, ARM_PAIR, GROUP)
    text = files["results.md"]
    assert "| what x is | 70.00 ± 10.00 | 3 | 2.0 |" in text
    assert f"2 of {SEEDS}" in text
    assert "1,234" in text
    assert "(synthetic), test split, 2,000 pictures" in text
    assert "`y`, seed 1, failed at `convert`: why" in text
    assert "seeds differ" not in text
    assert page.contents(list(reversed(outcomes)), ARM_PAIR, GROUP) == files, "deterministic"
    outcomes[0]["seconds"], outcomes[1]["seconds"] = {"train": 1200, "convert": 60}, {"train": 90}
    told = page.contents(outcomes, ARM_PAIR, GROUP)["results.md"]
    assert "Together they took 0.4 hours" in told
    assert "the longest 21." in told
    changed = [*outcomes[:2], {**outcomes[2], "dataset_hash": "other"}]
    assert "seeds differ in dataset_hash" in page.contents(changed, ARM_PAIR, GROUP)["results.md"]


def test_an_arm_is_counted_once_on_a_short_training(settings: run.Settings) -> None:
    arms = (
        arm("x"),
        arm("waits"),
        arm("y", steps=("prune", "convert", "bench")),
        arm("u", "breaks"),
    )
    run.run_queue(jobs((arms[0],), seeds=1), settings, lambda: KNOWN)
    for other in (arms[2], arms[3]):
        store.save(settings.results, {**made(other.name, 0, 0.5)})
    wanted = counts.wanting(arms, settings.results, again=False)
    assert [one.name for one in wanted] == ["x", "u"], "waits has no result, y was pruned"
    report = counts.count(wanted, settings)
    assert (report.finished, report.failed) == (("x-count",), ("u-count",))
    line = next(line for line in calls(settings) if "x-count" in line)
    assert "epochs=1" in line
    assert 'teacher=""' in line
    found = store.load_counts(settings.results)["x"]
    assert found["bench"]["total"] == 5
    assert "accuracy" not in found, "of a few steps"
    assert [one["arm"] for one in store.load_all(settings.results)] == ["u", "x", "y"]
    names = [one.name for one in counts.wanting(arms, settings.results, again=False)]
    assert names == ["u"], "what failed is counted again"
    assert len(counts.wanting(arms, settings.results, again=True)) == 2


def test_a_count_holds_for_all_seeds_and_names_its_kernels() -> None:
    outcomes = [made("x", s, 0.6, bench={"total": 9, "commit": "0ld"}) for s in range(2)]
    outcomes += [made("y", 0, 0.5, bench={"total": 500, "commit": "0ld"})]
    outcomes[0]["float_score"] = 0.9
    both = {"x": {"arm": "x", "kernels": "4ew", "bench": {"total": 1000},
                  "float": {"size_bits": 64000, "cycles": 7}}}  # fmt: skip
    files = page.contents(outcomes, ARM_PAIR, GROUP, both, "my res")
    text = files["my res.md"]
    assert "| what x is | 60.00 ± 0.00 | 2 of 3 | 2.0 | 1,000 |" in text
    assert "commit `4ew`, `0ld` (of y)" in text
    assert "my%20res/a-bytes.svg" in text
    assert "what x is, before it in float32" in files["my res/a-bytes.svg"]
    assert "float32" not in files["my res/a-instructions.svg"], "it runs on no board"


def test_instructions_of_two_kernels_are_no_ratio() -> None:
    one, other, _ = PAIRS["f"][0]
    for commit, told in (("a", True), ("b", False)):
        found = {
            one: [made(one, 0, 0.6, bench={"total": 50, "commit": "a"})],
            other: [made(other, 0, 0.5, bench={"total": 100, "commit": commit})],
        }
        (line,) = findings("f", found)
        assert ("0.50 times the instructions" in line) == told
        assert "+10.00 points" in line


def test_conditions_name_the_experiments_that_saw_other_pictures() -> None:
    outcomes = [
        made("x", 0, 0.6, data_options={"size": 64, "ev": 0.0, "n_train": 9}),
        made("y", 0, 0.5, data_options={"size": 64, "even": True}, dataset_hash="cd"),
    ]
    swept = {"ev": {"0": 0.5}, "gamma": {}, "pictures": 1000}
    outcomes[0]["robustness"] = swept
    text = page.contents(outcomes, ARM_PAIR, GROUP)["results.md"]
    assert "ev 0.0; data hash ab: `x`." in text
    assert "even True; data hash cd: `y`." in text
    assert "At each exposure and gamma, 1,000 test pictures" in text


def test_instructions_of_an_arm_without_a_count_are_those_of_its_last_seed() -> None:
    """A mean over seeds would mix the kernels of several commits."""
    outcomes = [
        made("x", 0, 0.6, bench={"total": 3000, "commit": "0ld"}),
        made("x", 1, 0.7, bench={"total": 1000, "commit": "4ew"}),
        made("x", 2, 0.8),
    ]
    for order in (outcomes, outcomes[::-1]):
        text = page.contents(order, ARM_PAIR, GROUP)["results.md"]
        assert "| 1,000 |" in text
        assert "commit `4ew`." in text
        assert "0ld" not in text


def test_curves_and_sizes_are_drawn() -> None:
    points = [{"size_bits": 4000, "accuracy": 0.7}, {"size_bits": 2000, "accuracy": 0.6}]
    outcomes = [
        made("x", s, 0.7, points=points,
             robustness={"ev": {"-3": 0.5 - 0.1 * s, "0": 0.7}, "gamma": {"1": 0.7}})
        for s in range(2)
    ]  # fmt: skip
    group = (replace(GROUP[0], cost="size_bits"),)
    files = page.contents(outcomes, ARM_PAIR, group)
    assert {"results/a-ev.svg", "results/a-gamma.svg", "results/a-size.svg"} <= set(files)
    text = files["results.md"]
    assert "| what x is | 1 | 2.0 ± 0.0 | 60.00 ± 0.00 | 10.00 ± 0.00 | 2 of 3 |" in text
    assert "| what x is | 45.0 ± 7.1 | 70.0 ± 0.0 | 25.0 ± 7.1 |" in text


def test_a_plot_is_well_formed_and_names_are_escaped() -> None:
    import xml.etree.ElementTree as ET

    dots = (plots.Dot(1, 50, 2), plots.Dot(3e6, 60))
    text = plots.chart([plots.Series("a < b & c", dots, True)], "t", "x", "y")
    drawn = ET.fromstring(text)
    assert "a < b & c" in [element.text for element in drawn.iter()]
    assert plots.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    for alone in (5, 0, -3, 5_891_456, 0.0123):
        low, *_, high = plots.ticks(alone, alone)
        assert low <= alone <= high
        assert low < high
        plots.chart([plots.Series("one", (plots.Dot(alone, alone),))], "t", "x", "y")


def test_the_verb_lists_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kit import cli

    results = tmp_path / "results"
    for look in ("--list", "--page", "--check"):
        assert cli.main(["results", look, "--results", str(results)]) == 2
        assert "no folder of results" in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "nothing was written beside a folder that is not there"
    store.save(results, made(ARMS[0].name, 0, 0.5))
    assert cli.main(["results", "--list", "--results", str(results), "--json", "-"]) == 0
    listed = json.loads(capsys.readouterr().out)["jobs"]
    assert len(listed) == SEEDS * len(ARMS)
    assert [job["arm"] for job in listed if job["state"] == "done"] == [ARMS[0].name]
    check = ["results", "--check", "--results", str(results)]
    assert cli.main(check) == 1
    assert cli.main(["results", "--page", "--results", str(results)]) == 0
    assert cli.main(check) == 0
    (results / "c-size.svg").write_text("<svg/>")  # of results that are gone
    (results / "own-plot.svg").write_text("<svg/>")
    assert cli.main(check) == 1
    assert cli.main(["results", "--page", "--results", str(results)]) == 0
    assert cli.main(check) == 0
    assert not (results / "c-size.svg").exists()
    assert (results / "own-plot.svg").exists()


def test_the_page_is_made_from_the_files(repo: Path) -> None:
    """docs/results.md ← docs/results/*.json: renew with kit results --page."""
    assert verb.write_page(repo / "docs" / "results", check=True) == []


def test_what_a_pruning_and_an_8_bit_twin_leave(repo: Path, tmp_path: Path) -> None:
    metrics = {"finished": True, "metric": "accuracy", "score": 0.8, "accuracy": 0.8,
               "size_bits": 32000, "data": "scenes"}  # fmt: skip
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "recipe.json").write_text(json.dumps({"data_options": {"size": 64}}))
    (tmp_path / "prune.json").write_text(json.dumps({"points": [{"size_bits": 5}]}))
    pruned = steps.collect("prune", tmp_path)
    assert pruned["points"] == [{"size_bits": 5}]
    assert pruned["data_options"] == {"size": 64}
    (tmp_path / steps.INT8).write_bytes((repo / "models/faces-wake/model.tflite").read_bytes())
    rows = [{"weights": "float32", "score": 0.8}, {"weights": "int8", "score": 0.79}]
    (tmp_path / "int8.json").write_text(json.dumps({"rows": rows}))
    twin = steps.collect("int8", tmp_path)
    assert (twin["score"], twin["float_score"]) == (0.79, 0.8)
    assert twin["size_bits"] == twin["analysis"]["weight_bits"] == 121_344, "its own, not the float"
    (tmp_path / "metrics.json").write_text(json.dumps({**metrics, "finished": False}))
    with pytest.raises(ValueError, match="did not finish"):
        steps.collect("train", tmp_path)
    said = steps.words("prune", jobs((ARMS[-1],))[0], "runs/x/y")
    assert said[:2] == ["kit", "prune"]
    places = arm("x", steps=("prune",), options={"prune": ("--base", "{runs}/b-s{seed}")})
    assert steps.words("prune", jobs((places,))[1], "runs/x/y")[-1] == "runs/x/b-s1"


def test_findings_are_paired_by_seed_and_wait_for_both_arms() -> None:
    glt = [made("encoder-glt", s, a) for s, a in enumerate((0.70, 0.80))]
    binary = [made("encoder-binary", s, a) for s, a in ((0, 0.69), (1, 0.77), (2, 0.1))]
    (line,) = findings("a", {"encoder-glt": glt, "encoder-binary": binary})
    assert line == (
        "GLT against the natural binary code: +2.00 ± 1.41 points of accuracy (n = 2 of 3)."
    )
    assert findings("a", {"encoder-glt": glt}) == []
    dark = {"ev": {"0": 0.8, "-3": 0.7}, "gamma": {}}
    worse = {"ev": {"0": 0.8, "-3": 0.6}, "gamma": {}}
    lost = findings("b", {
        "robust-glt-metered": [made("robust-glt-metered", 0, 0.8, robustness=dark),
                               made("robust-glt-metered", 1, 0.8, robustness=worse)],
        "robust-binary-metered": [made("robust-binary-metered", 0, 0.8, robustness=worse)],
    })  # fmt: skip
    assert "loses 10.00 points, the binary code 20.00, 0.50 times as much" in lost[0]
    bright = {"ev": {"0": 0.8, "-3": 0.81}, "gamma": {}}
    (gained,) = findings("b", {
        "robust-glt-metered": [made("robust-glt-metered", 0, 0.8, robustness=bright)],
        "robust-binary-metered": [made("robust-binary-metered", 0, 0.8, robustness=worse)],
    })  # fmt: skip
    assert "loses -1.00 points, that is none, the binary code 20.00 (n" in gained
    points = [{"size_bits": size, "accuracy": a} for size, a in ((100, 0.8), (60, 0.8), (50, 0.79))]
    (halved,) = findings("c", {"pruning-distilled": [made("pruning-distilled", 0, 0.8,
                                                          points=points)]})  # fmt: skip
    assert halved == "50 % of the weights, with the teacher: 1.00 points lost (n = 1 of 3)."
    named = {
        name for pairs in PAIRS.values() for first, second, _ in pairs for name in (first, second)
    }
    assert named <= {one.name for one in ARMS}
