"""One worker of a training of several: `python -m tests.train.worker FOLDER CONFIG…`.

CONFIG is a TF_CONFIG. With one, this process is that worker. With several, each runs in a fork,
so that TensorFlow is read from the disk once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from tests.train import small
from train import distribute, loop
from train.models.backbone import Backbone
from train.recipes.recipe import TWO_STEP

RECIPE = small.recipe(epochs=2, stages=TWO_STEP, learning_rate=1e-3)
# one step on all pictures; later, signs of sums that are nearly 0 part two trainings
BINEAL = small.recipe(
    net=Backbone("bineal", small.SHAPE, widths=(8,), blocks=(1,), strides=(2,), planes=2),
    epochs=1,
    batch=32,
)


def work(folder: Path, config: str) -> None:
    """Trains, an epoch at first and then the rest; leaves what this worker holds in the end.
    Then a step of BINEAL, whose checkpoint stays."""
    os.environ["TF_CONFIG"] = config
    me = distribute.workers()
    run = folder / "run"
    loop.train(RECIPE, small.dataset(), run, resume=True, quiet=True, stop_after=1)
    model, metrics = loop.train(RECIPE, small.dataset(), run, resume=True, quiet=True)
    np.savez(folder / f"worker{me.rank}.npz", *model.get_weights())
    (folder / f"worker{me.rank}.json").write_text(json.dumps(metrics, default=str))
    loop.train(BINEAL, small.dataset(), folder / "bineal", quiet=True)


def main(folder: Path, configs: list[str]) -> None:
    children = []
    for config in configs:
        child = os.fork()
        if child == 0:
            try:
                work(folder, config)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    failed = [status for _, status in (os.waitpid(child, 0) for child in children) if status]
    if failed:
        raise SystemExit("a worker failed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
