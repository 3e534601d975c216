"""Block pruning: removal equals masking bit for bit, the criterion, the schedule, the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import BitWakeError, DataError

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def net() -> Any:
    """Every kind of region: of groups with a pool and a shuffle, of words, before the head."""
    from train.models.binary import BinaryNet, Conv, Pool, Shuffle

    return BinaryNet(
        input_shape=(16, 16, 1),
        planes=4,
        layers=(
            Conv(96, 3, stride=2),
            Conv(96, 3, groups=3),
            Pool(),
            Conv(192, 1, groups=3),
            Shuffle(3),
            Conv(64, 3),
            Conv(96, 1),
        ),
    )


def random_weights(net: Any, seed: int = 0) -> tuple[Any, dict[str, list[Any]]]:
    """A network as if trained: kernels of both signs, batch norm's statistics spread out."""
    from train.models.binary import build
    from train.prune.blocks import weights_of

    rng = np.random.default_rng(seed)
    model = build(net)
    for layer in model.layers:
        if "bn" in layer.name:
            count = layer.gamma.shape[0]
            draws = [rng.uniform(0.5, 2, count), rng.normal(0, 1, count), rng.normal(0, 3, count),
                     rng.uniform(4, 40, count)]  # fmt: skip
            layer.set_weights([draw.astype(np.float32) for draw in draws])
        elif layer.name.startswith(("bconv", "head")):
            layer.set_weights([rng.uniform(-1, 1, w.shape) for w in layer.get_weights()])
    return model, weights_of(model)


def pictures(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 1)).astype(np.uint8)


def smaller(net: Any, weights: Any, block: Any) -> Any:
    """The Keras model without the block."""
    from train.models.binary import build
    from train.prune.blocks import ordered, weights_without, without

    model = build(without(net, block))
    model.set_weights(ordered(model, weights_without(net, weights, block)))
    return model


def test_regions_are_found_and_mixing_ones_are_not(net: Any) -> None:
    from train.models.binary import Conv, Shuffle
    from train.prune.blocks import regions

    assert [(r.maker, r.taker, r.lanes) for r in regions(net)] == [
        (0, 5, 3),
        (5, 6, 2),
        (6, None, 3),
    ]
    mixing = replace(net, layers=(Conv(64), Conv(64, groups=2), Shuffle(2), Conv(64, groups=2)))
    assert regions(mixing) == ()


def test_removal_equals_masking_bit_for_bit(net: Any) -> None:
    from train.evaluate import predict
    from train.prune.blocks import blocks
    from train.prune.score import Masks

    _, weights = random_weights(net)
    images = pictures(8)
    masks = Masks(net, weights, calibrated=False)
    whole = masks.logits(images)
    found = blocks(net)
    assert len(found) == 8
    for block in found:
        masked = masks.logits(images, [block])
        assert np.array_equal(predict(smaller(net, weights, block), images), masked), block
        assert not np.array_equal(masked, whole), "negative control: every block does something"
    other = masks.logits(images, [found[1]])
    assert not np.array_equal(predict(smaller(net, weights, found[0]), images), other)


def test_size_and_work_fall_by_what_the_block_held(net: Any) -> None:
    from train.models.binary import count
    from train.prune.blocks import Block, blocks, without
    from train.prune.score import bits_of

    for block in blocks(net):
        left = without(net, block)
        assert count(left).macs < count(net).macs
        assert count(net).weight_bits - count(left).weight_bits == bits_of(net, block) > 0
    # 32 filters over 4 planes, a group of 32·32·9, one of 64·32, and 64 inputs of 64 filters 3x3
    assert bits_of(net, Block(0, 0)) == 32 * 4 * 9 + 32 * 32 * 9 + 64 * 32 + 64 * 64 * 9
    with pytest.raises(DataError, match="no such block"):
        without(net, Block(0, 3))


def test_a_useless_block_ranks_first_and_a_needed_one_last(net: Any) -> None:
    """In the region before the head: lane 0 is constant, lane 2 decides the verdict alone."""
    from train.evaluate import predict, reestimate_batch_norm
    from train.models.binary import build
    from train.prune.blocks import Block, ordered, weights_of
    from train.prune.score import scores

    model, weights = random_weights(net)
    name = "bconv5"
    weights["bn5"][1][:32] = 1e3  # beta: always +1
    kernel = weights[name][0]
    kernel[..., 64:] = kernel[..., 64:65]  # one channel 32 times
    weights["bn5"][0][64:], weights["bn5"][1][64:] = 1.0, 0.0
    weights["head"][0][:, :, 64:, 0], weights["head"][0][:, :, 64:, 1] = 1.0, -1.0
    model.set_weights(ordered(build(net), weights))
    images = pictures(64)
    reestimate_batch_norm(model, images, 64)
    ranked = scores(net, weights_of(model), images, predict(model, images))
    mine = [one for one in ranked if one.block.maker == 6]
    assert [one.block.lane for one in mine] == [0, 1, 2]
    assert mine[0].increase == pytest.approx(0.0, abs=1e-5)
    assert mine[2].increase > 10 * max(mine[1].increase, 1e-4)
    assert ranked == sorted(ranked, key=lambda one: one.increase)
    assert Block(6, 0) in [one.block for one in ranked[:2]]


def test_cutting_stops_at_the_size_and_keeps_a_lane(net: Any) -> None:
    from train.models.binary import count
    from train.prune.blocks import blocks, regions
    from train.prune.plan import Plan, cut
    from train.prune.score import Scored

    _, weights = random_weights(net)
    ranked = [Scored(block, float(i), 1) for i, block in enumerate(blocks(net))]
    whole = count(net).weight_bits
    half = cut(net, weights, ranked, 0.5 * whole)
    assert count(half.net).weight_bits <= 0.5 * whole
    again = cut(net, weights, half.removed[:-1], whole)
    assert again.removed == (), "nothing to do"
    assert (
        count(cut(net, weights, half.removed, 0.5 * whole).net).weight_bits
        == count(half.net).weight_bits
    )
    with pytest.raises(DataError, match="no more blocks"):
        cut(net, weights, ranked, 0.01 * whole)
    least = cut(net, weights, ranked, min_bits(net, weights, ranked))
    assert regions(least.net) == (), "one lane of each is left"
    # a group that is left alone is dense, and begins a region that was not ranked
    from train.prune.blocks import smallest
    from train.recipes import get

    big: Any = get("pruning-base").net
    _, weights = random_weights(big)
    ranked = [Scored(block, float(i), 1) for i, block in enumerate(blocks(big))]
    least = cut(big, weights, ranked, count(smallest(big)).weight_bits)
    assert least.net == smallest(big)
    assert regions(least.net)
    for sizes in ((), (0.5, 0.6), (1.0,), (0.5, 0.0)):
        with pytest.raises(DataError, match="sizes that fall"):
            Plan(sizes=sizes)
    for fields in ({"rate": 0.0}, {"temperature": float("nan")}, {"label_weight": -0.1},
                   {"pictures": 0}):  # fmt: skip
        with pytest.raises(DataError, match="rate and a temperature"):
            Plan(**fields)


def test_the_last_lane_stays_whole_where_it_is_wide() -> None:
    """A lane of 64 channels is two of 32 once it is the only one; no score speaks of either."""
    from train.models.binary import BinaryNet, Conv, count
    from train.prune.blocks import blocks, smallest
    from train.prune.plan import cut
    from train.prune.score import Scored

    wide = BinaryNet(
        input_shape=(16, 16, 1),
        planes=4,
        layers=(Conv(128, 1), Conv(128, 3, groups=2), Conv(64, 1)),
    )
    _, weights = random_weights(wide)
    ranked = [Scored(block, float(i), 1) for i, block in enumerate(blocks(wide))]
    assert [(one.block.maker, one.block.lane) for one in ranked] == [(0, 0), (0, 1), (2, 0), (2, 1)]
    made = cut(wide, weights, ranked, count(smallest(wide)).weight_bits)
    assert [one.block for one in made.removed] == [ranked[0].block, ranked[2].block]
    assert made.net == smallest(wide)
    np.testing.assert_array_equal(made.weights["bconv1"][0], weights["bconv1"][0][..., 64:])


def min_bits(net: Any, weights: Any, ranked: Any) -> int:
    """What is left when every region has one lane."""
    from train.models.binary import count
    from train.prune.blocks import blocks, without

    while blocks(net):
        net = without(net, blocks(net)[0])
    return count(net).weight_bits


@pytest.fixture(scope="module")
def base(
    net: Any, make_blobs: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any, Path]:
    """Recipe, data and run folder of a network to prune."""
    from train.loop import train
    from train.recipes import Recipe

    recipe = Recipe("tiny", "blobs", net, epochs=1, batch=32, learning_rate=3e-3)
    data = make_blobs(64)
    folder = tmp_path_factory.mktemp("base")
    train(recipe, data, folder, quiet=True)
    return recipe, data, folder


def test_a_stopped_pruning_goes_on_to_the_same_network(
    base: tuple[Any, Any, Path], tmp_path: Path
) -> None:
    from train.prune.plan import Plan
    from train.prune.run import prune
    from train.runfolder import load_arrays

    recipe, data, folder = base
    plan = Plan(sizes=(0.8, 0.5), epochs=1, pictures=32)
    whole = prune(recipe, data, folder, tmp_path / "whole", plan, quiet=True)
    # killed in the second step, after the choice and before the retraining
    halves = tmp_path / "halves"
    shutil.copytree(tmp_path / "whole" / "step1", halves / "step1")
    (halves / "step2").mkdir()
    shutil.copy(tmp_path / "whole" / "step2" / "removed.json", halves / "step2")
    stopped = {**whole, "points": whole["points"][:2]}
    (halves / "prune.json").write_text(json.dumps(stopped))
    resumed = prune(recipe, data, folder, halves, plan, quiet=True)
    assert resumed == whole
    one, two = (load_arrays(at / "weights.npz") for at in (tmp_path / "whole", halves))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    sizes = [point["size_bits"] for point in whole["points"]]
    assert sizes[1] <= 0.8 * sizes[0]
    assert sizes[2] <= 0.5 * sizes[0]
    assert json.loads((tmp_path / "whole" / "metrics.json").read_text())["size_bits"] == sizes[2]
    with pytest.raises(DataError, match="another plan"):
        prune(recipe, data, folder, halves, replace(plan, epochs=2), quiet=True)
    with pytest.raises(DataError, match="data has changed"):
        prune(recipe, replace(data, test=data.val), folder, tmp_path / "x", plan, quiet=True)


def test_without_a_teacher_the_labels_alone_train(base: tuple[Any, Any, Path]) -> None:
    from train.prune.plan import Plan
    from train.prune.run import retraining

    recipe, _, folder = base
    taught = retraining(recipe, recipe.net, Plan(), folder)
    alone = retraining(recipe, recipe.net, Plan(distilled=False), folder)
    assert (taught.teacher, alone.teacher) == (str(folder), "")
    assert taught.learning_rate == alone.learning_rate == 0.5 * recipe.learning_rate


def test_the_pruned_network_compiles_smaller(base: tuple[Any, Any, Path], tmp_path: Path) -> None:
    """Flash, RAM and the predicted instructions of the compiled network fall with its blocks."""
    from convert.compile import compile_model
    from convert.from_keras import convert_keras
    from convert.pixels import Scaling
    from train.backend import export_mode
    from train.models.binary import build
    from train.prune.blocks import Block, ordered, weights_without, without

    recipe, _, _ = base
    _, weights = random_weights(recipe.net)
    net, reports = recipe.net, []
    for blocks in ((), (Block(0, 1), Block(6, 2))):
        for removed in blocks:
            weights, net = weights_without(net, weights, removed), without(net, removed)
        with export_mode():
            model = build(net)
            model.set_weights(ordered(model, weights))
            converted = convert_keras(model, scaling=Scaling(1.0, 0.0))
        path = tmp_path / "model.tflite"
        path.write_bytes(converted.content)
        report = compile_model(path, tmp_path / "c", name="pruned")
        assert report.ok, report.as_dict()["errors"]
        reports.append(report)
    assert reports[0].weights_bytes > reports[1].weights_bytes
    assert reports[0].arena_bytes > reports[1].arena_bytes
    work = [report.arranged.chosen.instructions for report in reports]
    assert work[0] > work[1] > 0


def test_mistakes_are_told(tmp_path: Path) -> None:
    from kit import cli
    from train.prune.command import prune_command
    from train.prune.plan import Plan

    (tmp_path / "recipe.json").write_text("{}")  # killed in its first epoch
    with pytest.raises(DataError, match="no finished run"):
        prune_command(recipe=None, base=tmp_path, folder=tmp_path / "x", plan=Plan())
    assert cli.main(["prune", "--run", str(tmp_path / "x")]) == 2
    # before anything is trained: no block, and fewer bits than one lane of every region has
    less = "cannot be pruned so far"
    for recipe, size, said in (("bineal-m1", 0.5, "only a BinaryNet"), ("pruning-base", 0.01, less),
                               ("faces-wake", 1e-9, less)):  # fmt: skip
        with pytest.raises(DataError, match=said):
            prune_command(recipe=recipe, base=None, folder=tmp_path / "x", plan=Plan(sizes=(size,)))
    with pytest.raises(DataError, match="no blocks that could go"):
        prune_command(recipe="grouping-grouped", base=None, folder=tmp_path / "x", plan=Plan())
    assert not (tmp_path / "x").exists()
    with pytest.raises(BitWakeError, match="sizes that fall"):
        Plan(sizes=(0.3, 0.5))
    with pytest.raises(DataError, match="overwrite"):
        prune_command(recipe=None, base=tmp_path / "x" / "..", folder=tmp_path, plan=Plan())


def test_the_run_that_is_pruned_is_the_one_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One killed in its first epoch has its recipe.json alone and is begun again; a finished one is
    not taken for another; of one that was pruned before, its own blocks count, not its recipe's."""
    from train.prune import command
    from train.prune.plan import Plan

    class BegunError(Exception):
        pass

    def trains(**asked: Any) -> None:
        assert asked["run_dir"] == tmp_path / "base"
        assert not asked["resume"]
        raise BegunError

    monkeypatch.setattr(command, "train_command", trains)
    base = tmp_path / "base"
    base.mkdir()
    record = {"name": "pruning-base", "seed": 0, "data": "scenes", "changed": {"batch": 8}}
    (base / "recipe.json").write_text(json.dumps(record))
    asked: dict[str, Any] = {"recipe": "pruning-base", "base": base, "folder": tmp_path / "run",
                             "plan": Plan()}  # fmt: skip
    with pytest.raises(BegunError):
        command.prune_command(**asked)
    (base / "metrics.json").write_text(json.dumps({"finished": True}))
    with pytest.raises(DataError, match="another set"):
        command.prune_command(**asked, overrides={"batch": 16})
    from train.netrecord import net_record
    from train.prune.blocks import smallest
    from train.recipes import get

    record["net"] = net_record(smallest(get("pruning-base").net))  # type: ignore[arg-type]
    (base / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"of 45\.8 kbit"):
        command.prune_command(**asked)


def test_the_command_takes_the_whole_plan(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from kit import cli
    from train.prune import command
    from train.prune.plan import Plan

    seen: list[Any] = []

    def called(*, plan: Plan, **_: Any) -> dict[str, Any]:
        seen.append(plan)
        return {"run": "x", "points": []}

    monkeypatch.setattr(command, "prune_command", called)
    words = ["prune", "--base", "b", "--run", "x"]
    more = {"sizes": "0.9,0.4", "epochs": 2, "rate": 0.25, "pictures": 64, "temperature": 3.5,
            "label_weight": 0.0}  # fmt: skip
    given = [word for name, value in more.items()
             for word in (f"--{name.replace('_', '-')}", str(value))]  # fmt: skip
    assert cli.main([*words, *given]) == 0
    assert seen.pop() == Plan(**{**more, "sizes": (0.9, 0.4)})  # type: ignore[arg-type]
    assert cli.main([*words, "--no-teacher"]) == 0
    assert seen.pop() == Plan(distilled=False)
    assert cli.main([*words, "--temperature", "0"]) == 2
    assert cli.main([*words, "--no-teacher", "--label-weight", "1"]) == 2
    assert not seen
    assert "--no-teacher and --label-weight" in capsys.readouterr().err


def test_a_step_is_retrained_as_its_base_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where that base is a pruned network itself."""
    from train.api import train_command
    from train.prune import command, run
    from train.prune.plan import Plan
    from train.recipes import get

    seen: dict[str, Any] = {}

    def pruned(recipe: Any, *_: Any, record: Any, **__: Any) -> dict[str, Any]:
        seen.update(recipe=recipe, record=record)
        return {}

    monkeypatch.setattr(run, "prune", pruned)
    monkeypatch.setattr(command, "load_data", lambda recipe: None)
    base = tmp_path / "base"
    base.mkdir()
    changes = {"batch": 8, "augment": {"flip": False}}
    record = {**json.loads(json.dumps(get("pruning-base").as_dict())), "changed": changes}
    for _ in range(2):
        (base / "recipe.json").write_text(json.dumps(record))
        (base / "metrics.json").write_text(json.dumps({"finished": True}))
        asked: dict[str, Any] = {"recipe": None, "base": base, "folder": tmp_path / "run"}
        command.prune_command(**asked, plan=Plan(sizes=(0.5,)))
        assert (seen["recipe"].batch, seen["recipe"].augment.flip) == (8, False)
        record = {**record, **seen.pop("record")}
        if "changed" in record:
            record["changed"] = dict(record["changed"])
    assert record["pruned_from"] == str(base)
    with pytest.raises(DataError, match="a step of a pruning"):
        train_command(recipe=None, run_dir=base, resume=True)


def test_retraining_goes_by_the_last_stage(net: Any, tmp_path: Path) -> None:
    """Which has no weight decay in two-step binarization, whatever the recipe says beside it."""
    from tests.train import small
    from train.prune.plan import Plan
    from train.prune.run import retraining
    from train.recipes.recipe import TWO_STEP

    slow = replace(TWO_STEP[1], learning_rate=4e-3, schedule="linear", warmup_epochs=0.0)
    staged = small.recipe(weight_decay=1e-3, learning_rate=1e-2, stages=(TWO_STEP[0], slow))
    found = retraining(staged, net, Plan(rate=0.5, epochs=7), tmp_path)
    assert (found.weight_decay, found.learning_rate, found.schedule) == (0.0, 2e-3, "linear")
    assert (found.warmup_epochs, found.epochs, found.stages) == (0.0, 7, ())
    plain = retraining(replace(staged, stages=()), net, Plan(rate=0.5), tmp_path)
    assert (plain.weight_decay, plain.learning_rate, plain.schedule) == (1e-3, 5e-3, "cosine")


def test_statistics_are_of_many_pictures(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture more than a batch is ranked as well as without it: no batch of one."""
    from train.prune import score

    _, weights = random_weights(net)
    monkeypatch.setattr(score, "BATCH", 32)
    masks = score.Masks(net, weights)
    sizes: list[int] = []
    step = masks._step
    masks._step = lambda x: sizes.append(len(x)) or step(x)  # type: ignore[func-returns-value]
    assert len(masks.logits(pictures(65))) == 65
    assert sizes == [22, 22, 21]
