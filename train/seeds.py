"""A recipe over several seeds: mean and sample deviation of what came out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from convert.errors import DataError
from train import api
from train.card import command, write_card
from train.distribute import workers
from train.recipes.check import check
from train.runfolder import write_json

# figures of metrics.json that are the same by construction, or not of the network
NO_FIGURES = ("seed", "epochs", "finished", "batch_norm_reestimated", "workers", "pictures")


def summary(values: Sequence[float]) -> dict[str, Any]:
    """{"mean", "deviation", "n", "values"}; the deviation is the sample's (n - 1), None of one."""
    return {
        "mean": statistics.fmean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "n": len(values),
        "values": list(values),
    }


def aggregate(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A summary of every number that all rows have."""
    found = {}
    for name in sorted(set.intersection(*(set(row) for row in rows)) - set(NO_FIGURES)):
        values = [row[name] for row in rows]
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        if numbers and all(math.isfinite(v) for v in values):
            found[name] = summary([float(v) for v in values])
    return found


def seeds_command(
    *,
    recipe: str | None,
    seeds: int,
    data: str | None = None,
    run_dir: Path | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    quiet: bool = False,
    stop_after: int | None = None,
) -> dict[str, Any]:
    """Train the same recipe with so many seeds, counted from its own; the data is the same.

    Runs lie in seed0, seed1, … of the folder; one that is there already is resumed or reused, so
    that the same command goes on after a stop.

    Args:
        seeds: how many; recipe, data, run_dir, seed, overrides, quiet: as in api.train_command.
        stop_after: leave after this many epochs of a run in all, as if interrupted.

    Returns:
        seeds.json's content: recipe, data, seeds, metric, `score` and `figures` as summary() gives
        them, the command; without `figures` while a run is unfinished.

    Raises:
        DataError: less than one seed, or what train_command raises.
    """
    from train.loop import train
    from train.record import finished

    if seeds < 1:
        raise DataError("at least one seed is trained", found=str(seeds))
    first, record = api.prepared(recipe, data, seed, overrides or {})
    check(replace(first, seed=first.seed + seeds - 1))
    folder = run_dir or api.RUNS / f"{first.name}-seeds"
    dataset = api.load_data(first)
    rows = []
    for k in range(seeds):
        chosen = replace(first, seed=first.seed + k)
        at = folder / f"seed{chosen.seed}"
        found = finished(at, chosen, dataset)
        if found is None:
            _, found = train(
                chosen,
                dataset,
                at,
                resume=True,
                quiet=quiet,
                record=record,
                stop_after=stop_after,
            )
        # here, for a kill may have come between the figures and the card
        if found["finished"] and workers().chief and not (at / "model_card.md").exists():
            write_card(at)
        rows.append(found)
    asked = {"name": first.name, **record}
    result = {
        **{k: rows[0].get(k) for k in ("recipe", "data", "dataset_hash", "split", "synthetic")},
        "metric": rows[0]["metric"],
        "seeds": [row["seed"] for row in rows],
        "finished": all(row["finished"] for row in rows),
        "commits": sorted({row["commit"] for row in rows}),
        "command": command(asked, {"seed": first.seed}) + f" --seeds {seeds}",
    }
    if result["finished"]:
        figures = aggregate(rows)
        if "score" not in figures:
            raise DataError(
                f"{rows[0]['metric']} is not a number for every seed, so there is no mean",
                where=str(folder),
                found=", ".join(f"seed {row['seed']}: {row['score']}" for row in rows),
                remedy="each seed's own folder has what came out; give the data more pictures",
            )
        result |= {"score": figures["score"], "figures": figures}
    if workers().chief:
        write_json(folder / "seeds.json", result)
    return {"run": str(folder), **result}
