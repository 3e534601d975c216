"""Every encoder, block and task from training to an emulated board, by the commands of the kit.

    python -m tests.train.every_model                       # about an hour on one core
    python -m tests.train.every_model --only bineal tasks   # names that begin so
    python -m tests.train.every_model --board host --inputs 24

Leave convert/ and mcu/ alone while it runs: C is built from the files as they are at the moment.

For each recipe of the families below: `kit train` for a few steps on a few pictures, `kit convert`
(of a network with real weights `kit train --compare`, which makes its int8 form), `kit compile`,
`kit validate`. Prints a row a model and writes every_model.json below --out. Exit status 1 when a
convolution was left in floating point, a step failed or a board's answer differed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FAMILIES = ("bineal", "compact", "tasks", "encoders", "grouping", "pruning")
BOARD, INPUTS = "netduino2plus", 10
# Large steps: a few of them move every number that training has away from where it begins.
SETTINGS: dict[str, Any] = {
    "epochs": 1, "batch": 4, "evaluate_every": 1, "learning_rate": 0.02, "warmup_epochs": 0.0,
    "gradual": 0.0,
}  # fmt: skip
COUNTS = {"n_train": 12, "n_val": 4, "n_test": 6}


def cases(families: tuple[str, ...] = FAMILIES) -> Iterator[Any]:
    """Recipes of the families whose networks differ, each network once."""
    seen = set()
    for family in families:
        for recipe in importlib.import_module(f"train.recipes.{family}").RECIPES:
            key = json.dumps([recipe.as_dict()["net"], recipe.task.name], sort_keys=True)
            if key not in seen:
                seen.add(key)
                yield recipe


def float_convolutions(content: bytes, layers: list[dict[str, Any]]) -> list[str]:
    """Names of layers that convolve real numbers: in the flatbuffer, but for the encoder's
    depth-wise form of comparisons, which must be gone from the compiled layers."""
    from convert.tflite_reader import read

    graph = read(content)
    found = [
        op.name
        for op in graph.ops
        if op.kind in ("CONV_2D", "TRANSPOSE_CONV")
        and graph.tensor(op.inputs[0]).dtype == "float32"
    ]
    names = [row["name"] for row in layers if row["float"] and row["kind"] != "binary"]
    return found + [
        op.name for op in graph.ops if op.kind == "DEPTHWISE_CONV_2D" and op.name in names
    ]


def real(recipe: Any) -> bool:
    """Its network has real weights: the 8-bit twin is what runs on a board."""
    backbone = getattr(recipe.net, "backbone", recipe.net)
    return getattr(backbone, "stem", "") == "real"


def call(*words: Any) -> None:
    """A command of the kit.

    Raises:
        RuntimeError: it failed.
    """
    from kit import cli

    status = cli.main([str(word) for word in words])
    if status:
        raise RuntimeError(f"kit {words[0]}: exit status {status}")


def walked(recipe: Any, folder: Path, board: str, count: int) -> dict[str, Any]:
    """One recipe's row; the commands write their JSON into the folder."""
    from train.backend import tf

    told = folder / "told.json"
    run = folder / "run"
    options = {**recipe.data_options, **COUNTS}
    asked = {**SETTINGS, "data_options": options}
    settings = [word for k, v in asked.items() for word in ("--set", f"{k}={json.dumps(v)}")]
    tf.config.run_functions_eagerly(True)  # a few steps are not worth tracing
    call("train", "--recipe", recipe.name, "--run", run, *settings)
    tf.config.run_functions_eagerly(False)
    model = run / "model.tflite"
    if real(recipe):
        call("train", "--compare", run)
        model = run / "int8.tflite"
    else:
        stem = getattr(getattr(recipe.net, "backbone", recipe.net), "stem", "")
        call("convert", "--run", run, *(["--int8"] if stem == "int8" else []))
    call("compile", model, "--out", folder / "c", "--json", told)
    layers = json.loads(told.read_text())["layers"]
    call("validate", "--board", board, "--model", model, "--inputs", count, "--json", told)
    found = json.loads(told.read_text())
    return {
        "float_convolutions": float_convolutions(model.read_bytes(), layers),
        "float_layers": sorted({row["op"] for row in layers if row["float"]}),
        "layers": [row["op"] for row in layers],
        **{k: found[k] for k in ("inputs", "mismatched_elements", "model_sha256", "oracle")},
    }


def main(arguments: list[str] | None = None) -> int:
    """Walks, prints, and tells by its status whether all held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of recipes' names")
    parser.add_argument("--board", default=BOARD)
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--out", type=Path, help="a scratch folder (default: a temporary one)")
    args = parser.parse_args(arguments)
    out = args.out or Path(tempfile.mkdtemp(prefix="every-model-"))
    os.environ["BITWAKE_DATA"] = str(out / "data")
    # kernels are the same in every firmware
    os.environ["PLATFORMIO_BUILD_CACHE_DIR"] = str(out / "objects")
    from convert.errors import BitWakeError
    from kit import console
    from train.backend import keras

    rows: dict[str, Any] = {}
    for recipe in cases():
        if not recipe.name.startswith(tuple(args.only)):
            continue
        began = time.monotonic()
        folder = out / recipe.name
        folder.mkdir(parents=True)
        try:
            rows[recipe.name] = walked(recipe, folder, args.board, args.inputs)
        except (BitWakeError, RuntimeError) as error:
            rows[recipe.name] = {"failed": str(error)}
        rows[recipe.name]["seconds"] = round(time.monotonic() - began)
        (out / "every_model.json").write_text(json.dumps(rows, indent=1) + "\n")
        keras.backend.clear_session()
    bad = [
        name
        for name, row in rows.items()
        if "failed" in row or row["mismatched_elements"] or row["float_convolutions"]
    ]
    console.table(
        f"on {args.board}",
        ("model", "#inputs", "#mismatched", "#float convolutions", "other float layers"),
        [
            (
                name,
                row["inputs"],
                row["mismatched_elements"],
                len(row["float_convolutions"]),
                ", ".join(row["float_layers"]),
            )
            if "failed" not in row
            else (name, "", "", "", row["failed"])
            for name, row in rows.items()
        ],
    )
    console.say(f"{len(rows) - len(bad)} of {len(rows)} hold; {out / 'every_model.json'}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
