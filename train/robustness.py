"""Accuracy over exposure and gamma: how a network stands light that it was not trained for.

  python -m train.robustness runs/NAME [--n-test 500] [--json FILE]

The test scenes are exposed anew at the sensor (`train.data.scenes.exposures`): the same scenes, the
same noise streams, another exposure or another gamma. Nothing of it is ever trained on.

Exposure sweep: -4 … +4 stops through a linear converter (gamma 1). Gamma sweep: 0.4 … 2.5, with
the exposure drawn as in the data set. A gamma of g means output = signal^(1/g); 1 is a linear
converter, 2.2 what most cameras deliver, values below 1 darken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import BitWakeError, DataError
from train.data.mosaic import mosaic
from train.data.scenes.exposures import Setting, exposures

EVS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
GAMMAS = (0.4, 0.6, 0.8, 1.0, 1.4, 1.8, 2.2, 2.5)

# Byte pictures uint8 [N, H, W, C] -> outputs [N, classes]; the largest is the verdict.
Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]


def sweep(
    model: Any,
    *,
    seed: int = 0,
    n_test: int = 500,
    size: int = 96,
    channels: int = 1,
    rule: str = "vww",
    evs: Sequence[float] = EVS,
    gammas: Sequence[float] = GAMMAS,
    ev_gamma: float | None = 1.0,
    gamma_ev: float | None = None,
    prepare: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] | None = None,
    processes: int = 1,
) -> dict[str, Any]:
    """Score a network over exposures and gammas, on scenes of the test split.

    Args:
        model: a Keras model of byte pictures, or a function of uint8 [N, H, W, C] to [N, classes].
        seed: of the scenes; that of the training data, so that photographs stay apart.
        n_test, size, channels, rule: of the scenes; see `train.data.scenes.load`.
        evs, gammas: what to force.
        ev_gamma: gamma throughout the exposure sweep; None draws it as the data set does.
        gamma_ev: exposure throughout the gamma sweep; None draws it.
        prepare: pictures as rendered -> as the network takes them, such as a Bayer mosaic.
        processes: that render.

    Returns:
        {"ev": {"-4": accuracy, …}, "gamma": {"0.4": accuracy, …}, and what the numbers depend on}.

    Raises:
        DataError: nothing to score.
    """
    if n_test < 1 or processes < 1 or not (evs or gammas):
        raise DataError(
            "nothing to score",
            found=f"{n_test} scenes, evs {evs}, gammas {gammas}, {processes} processes",
            remedy="at least one scene, one setting and one process",
        )
    settings: list[Setting] = [(float(ev), ev_gamma) for ev in evs]
    settings += [(gamma_ev, float(gamma)) for gamma in gammas]
    pictures, labels = exposures(
        seed, n_test, settings, size=size, channels=channels, rule=rule, processes=processes
    )
    predict = _predictor(model)
    scores = [
        float((predict(shots if prepare is None else prepare(shots)).argmax(1) == labels).mean())
        for shots in pictures
    ]
    return {
        "ev": {f"{ev:g}": score for ev, score in zip(evs, scores, strict=False)},
        "gamma": {f"{g:g}": score for g, score in zip(gammas, scores[len(evs) :], strict=True)},
        "ev_gamma": ev_gamma,
        "gamma_ev": gamma_ev,
        "data": "scenes",
        "synthetic": True,
        "split": "test",
        "seed": seed,
        "pictures": n_test,
        "size": size,
        "channels": channels,
        "rule": rule,
    }


def _predictor(model: Any) -> Predictor:
    """A Keras model as a function of byte pictures; a function as it is."""
    if not hasattr(model, "trainable_variables"):
        found: Predictor = model
        return found
    from train.evaluate import predict

    return lambda images: predict(model, images)


def sweep_run(folder: Path, *, n_test: int = 500, processes: int = 1) -> dict[str, Any]:
    """The sweep of a finished run's network, on scenes as its recipe asks for.

    Raises:
        DataError: no finished run, or one that does not tell people in scenes from none.
    """
    from train.card import read_json

    record = read_json(folder / "recipe.json")
    options = {"size": 96, "channels": 1, "rule": "vww", **dict(record.get("data_options", {}))}
    data = str(record.get("data"))
    task = str(record.get("task", "classification"))
    if data not in ("scenes", "scenes-raw") or task != "classification":
        raise DataError(
            "exposure and gamma can be forced on rendered scenes only, and verdicts counted there",
            where=str(folder),
            found=f"data {data}, task {task}",
            remedy="use a run that classifies scenes or scenes-raw",
        )
    from train.compare import restored

    raw = data == "scenes-raw"
    found = sweep(
        restored(folder, record),
        seed=int(options.get("seed", 0)),
        n_test=n_test,
        size=int(options["size"]),
        channels=3 if raw else int(options["channels"]),
        rule=str(options["rule"]),
        prepare=mosaic if raw else None,
        processes=processes,
    )
    return {"recipe": record.get("name"), "training_seed": record.get("seed"), **found}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m train.robustness", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--n-test", type=int, default=500, help="scenes of the test split")
    parser.add_argument("--processes", type=int, default=1, help="that render")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        found = sweep_run(args.run, n_test=args.n_test, processes=args.processes)
        for name in ("ev", "gamma"):
            row = "  ".join(f"{key}: {100 * value:.1f}" for key, value in found[name].items())
            print(f"{name}  {row}")
        scenes = f"{found['pictures']} rendered test scenes (synthetic), seed {found['seed']}"
        print(f"% right of {scenes}")
        if args.json:
            from train.runfolder import write_json

            write_json(args.json, found)
    except BitWakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
