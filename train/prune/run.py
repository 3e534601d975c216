"""Prunes a trained network step by step into a run folder; stopped anywhere, it goes on.

RUN/base        the unpruned run, unless it lies elsewhere
RUN/step1 …     a run folder each: the network after a step, retrained
RUN/prune.json  the plan, and for every step its size, score and removed blocks
RUN             the last step's record, metrics and weights, so that `kit convert --run RUN` works
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import DataError
from train.card import read_json
from train.data import Dataset
from train.datarecord import check_same
from train.distill import from_folder
from train.evaluate import predict
from train.loop import train
from train.models.binary import BinaryNet, build, count
from train.netrecord import recorded_net
from train.prune.blocks import Block, ordered, smallest, weights_of
from train.prune.plan import Cut, Plan, cut
from train.prune.score import Scored, scores
from train.recipes.recipe import Recipe
from train.runfolder import write_json, write_whole
from train.stages import phases

COPIED = ("recipe.json", "metrics.json", "weights.npz")


def prunable(net: Any, plan: Plan, where: str) -> BinaryNet:
    """The network, when the plan can be carried out on it.

    Args:
        where: recipe or run, for the message.

    Raises:
        DataError: it has no blocks, or what is left of it cannot become as small as asked for.
    """
    if not isinstance(net, BinaryNet):
        raise DataError(
            "only a BinaryNet has blocks to prune",
            where=where,
            found=type(net).__name__,
            remedy="prune a recipe whose network is a BinaryNet, such as pruning-base",
        )
    whole, least = count(net).weight_bits, count(smallest(net)).weight_bits
    if least == whole:
        raise DataError(
            "the network has no blocks that could go",
            where=where,
            found="no region between two dense convolutions has more than one lane",
            remedy="prune a network with wider ones, such as that of pruning-base",
        )
    if least > plan.sizes[-1] * whole:
        raise DataError(
            "the network cannot be pruned so far",
            where=where,
            found=f"size {plan.sizes[-1]:g}; with one lane left of every region it is "
            f"{least / whole:.3f} of {whole / 1e3:.1f} kbit",
            remedy="ask with --sizes for larger ones",
        )
    return net


def base_net(folder: Path) -> Any:
    """The network of a run folder."""
    return recorded_net(read_json(folder / "recipe.json"))


def prune(
    recipe: Recipe,
    dataset: Dataset,
    base: Path,
    folder: Path,
    plan: Plan,
    *,
    quiet: bool = False,
    record: Mapping[str, Any] | None = None,
    stop_after: int | None = None,
) -> dict[str, Any]:
    """Prune the finished run in `base`; with a part of it done already, go on.

    Args:
        recipe, dataset: those of the unpruned run.
        base: its folder.
        folder: of the pruning run.
        plan: the schedule.
        quiet: no lines on the terminal.
        record: further entries of the last step's recipe.json.
        stop_after: leave after this many steps, as if interrupted.

    Returns:
        prune.json's content: {"plan", "base", "points": [{"step", "size_bits", "macs", "score",
        "accuracy", "removed", …}]}; point 0 is the unpruned network.

    Raises:
        DataError: nothing to prune, another plan than before, a full disk.
    """
    net, teacher = prunable(base_net(base), plan, str(base)), from_folder(base)
    metrics = read_json(base / "metrics.json")
    check_same(dataset, metrics, base)
    done = _record(folder, plan, teacher.record)
    whole = count(net).weight_bits
    if not done["points"]:
        done["points"].append(_point(0, net, metrics, ()))
        write_json(folder / "prune.json", done)
    weights = weights_of(teacher.model)
    images = calibration(dataset, plan.pictures)
    wanted = predict(teacher.model, images)
    for step, share in enumerate(plan.sizes, 1):
        if stop_after is not None and step > stop_after:
            return done
        at = folder / f"step{step}"
        if len(done["points"]) > step:
            net = base_net(at)
            weights = weights_of(from_folder(at).model)
            continue
        made = _cut(net, weights, images, wanted, share * whole, at)
        if not quiet:
            print(
                f"step {step} of {len(plan.sizes)}: {len(made.removed)} blocks removed, "
                f"{count(made.net).weight_bits / 1e3:.1f} of {whole / 1e3:.1f} kbit left",
                flush=True,
            )
        model, found = train(
            retraining(recipe, made.net, plan, base),
            dataset,
            at,
            resume=True,
            quiet=quiet,
            record=record,
            teacher=teacher if plan.distilled else None,
            initial=ordered(build(made.net), made.weights),
        )
        net, weights = made.net, weights_of(model)
        done["points"].append(_point(step, net, found, rows_of(made.removed)))
        write_json(folder / "prune.json", done)
    for name in COPIED:
        write_whole(folder / name, (folder / f"step{len(plan.sizes)}" / name).read_bytes())
    return done


def _record(folder: Path, plan: Plan, teacher: Mapping[str, Any]) -> dict[str, Any]:
    """What is done already; the same plan and the same unpruned network, or nothing."""
    wanted = {"plan": plan.as_dict(), "base": dict(teacher)}
    path = folder / "prune.json"
    if not path.exists():
        return {**wanted, "points": []}
    found = read_json(path)
    before = {name: found.get(name) for name in wanted}
    if before != json.loads(json.dumps(wanted, default=str)):
        raise DataError(
            "the interrupted pruning had another plan or another network",
            where=str(path),
            found=str(before)[:200],
            remedy="ask for the same, or prune into a new folder",
        )
    return found


def _point(step: int, net: BinaryNet, metrics: Mapping[str, Any], removed: Any) -> dict[str, Any]:
    cost = count(net)
    kept = {k: metrics[k] for k in ("metric", "score", "accuracy", "split", "pictures")
            if k in metrics}  # fmt: skip
    return {"step": step, "size_bits": cost.weight_bits, "macs": cost.macs, **kept,
            "removed": list(removed)}  # fmt: skip


def calibration(dataset: Dataset, pictures: int) -> Any:
    """Training pictures spread evenly over the split, unaugmented, uint8 [N, H, W, C]."""
    most = len(dataset.train)
    chosen = np.unique(np.linspace(0, most - 1, min(pictures, most)).astype(int))
    return np.asarray(dataset.train.images[chosen])


def _cut(
    net: BinaryNet,
    weights: Mapping[str, Any],
    images: Any,
    wanted: Any,
    most_bits: float,
    at: Path,
) -> Cut:
    """Scores and removes. The choice is kept: a stop in the retraining does not change it."""
    path = at / "removed.json"
    if path.exists():
        rows = read_json(path)["removed"]
        ranked = [Scored(Block(r["maker"], r["lane"]), r["increase"], r["bits"]) for r in rows]
        return cut(net, weights, ranked, most_bits)
    ranked = scores(net, weights, images, wanted)
    made = cut(net, weights, ranked, most_bits)
    write_json(path, {"removed": rows_of(made.removed), "scores": rows_of(ranked)})
    return made


def rows_of(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Blocks as plain data: the convolution's place among the layers, the lane, score, bits."""
    return [
        {"maker": o.block.maker, "lane": o.block.lane, "increase": o.increase, "bits": o.bits}
        for o in scored
    ]


def retraining(recipe: Recipe, net: BinaryNet, plan: Plan, base: Path) -> Recipe:
    """The recipe by which what is left is trained on: what held in its last stage, which left the
    binary network, holds here."""
    last = phases(recipe)[-1]
    return replace(
        recipe,
        net=net,
        epochs=plan.epochs,
        learning_rate=last.learning_rate * plan.rate,
        schedule=last.schedule,
        warmup_epochs=last.warmup_epochs,
        weight_decay=last.weight_decay,
        stages=(),
        gradual=0.0,
        evaluate_every=plan.epochs,
        teacher=str(base) if plan.distilled else "",
        temperature=plan.temperature,
        label_weight=plan.label_weight if plan.distilled else 0.0,
    )
