"""Turns a training run or a Keras model into a .tflite with LCE, and checks it: types, float
layers, names, bits. Nothing is written unless every check held.

Examples:
  python -m kit convert --run runs/faces-wake
  python -m kit convert --keras mine.h5 --labels no,yes --input-scale 1 --out mine.tflite
  python -m kit convert --tflite other.tflite --input-scale 0.00392156862745098 --out mine.tflite
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import BitWakeError, ModelError
from kit import console
from kit.files import shown, write_json, write_whole

PICTURES = 200  # of the run's test split, compared between Keras and LCE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--run, --keras, --tflite, --out, --labels, --input-scale, --input-offset, --int8."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", metavar="DIR", help="folder of a training run")
    source.add_argument("--keras", metavar="FILE", help="a whole saved Keras 2 model (.h5)")
    source.add_argument("--tflite", metavar="FILE", help="only write metadata into a flatbuffer")
    parser.add_argument("--out", metavar="FILE", help="default: model.tflite in the run folder")
    parser.add_argument("--labels", metavar="A,B", help="class names, in the order of the outputs")
    parser.add_argument(
        "--input-scale", type=float, metavar="S", help="a float input is byte * S + offset"
    )
    parser.add_argument("--input-offset", type=float, default=0.0, metavar="O", help="default 0")
    parser.add_argument("--int8", action="store_true", help="int8 inputs and outputs")


def run(args: argparse.Namespace) -> int:
    """Converts and prints what was checked."""
    if args.run and not Path(args.run).is_dir():
        raise ModelError(
            "there is no such run folder", found=args.run, remedy="kit train --recipe … makes one"
        )
    if not args.run and not args.out:
        raise BitWakeError("where shall it go?", found="no --out", remedy="--out FILE.tflite")
    out = Path(args.out) if args.out else Path(args.run) / "model.tflite"
    if args.tflite:
        return _stamp(args, out)
    result = _from_run(Path(args.run), args) if args.run else _from_keras(args)
    content: bytes = result.pop("content")
    write_whole(out, content)
    result |= {"path": str(out), "model_sha256": hashlib.sha256(content).hexdigest()}
    if args.json:
        write_json(args.json, result)
    _show(result, out)
    return 0


def _options(args: argparse.Namespace) -> dict[str, Any]:
    from convert.pixels import Scaling

    given: dict[str, Any] = {"int8": args.int8}
    scale, offset = args.input_scale, args.input_offset
    usable = scale is None or (math.isfinite(scale) and scale != 0 and math.isfinite(offset))
    if not usable or (scale is None and offset):
        raise BitWakeError(
            "--input-scale is a number other than 0, and --input-offset goes with it",
            found=f"--input-scale {scale}, --input-offset {offset}",
            remedy="a byte b becomes scale * b + offset at the model's float input",
        )
    if args.labels:
        given["labels"] = [label.strip() for label in args.labels.split(",")]
    if args.input_scale is not None:
        given["scaling"] = Scaling(args.input_scale, args.input_offset)
    return given


def _from_keras(args: argparse.Namespace) -> dict[str, Any]:
    """A saved Keras model of the user's own."""
    from convert.from_keras import convert_keras, load_keras
    from train import layers  # noqa: F401  registers GLT and the grouped convolution
    from train.backend import export_mode, keras

    if args.input_scale is None and not args.int8:
        raise BitWakeError(
            "what does a byte of a picture become at the model's float input?",
            found="no --input-scale",
            remedy="--input-scale 1 for 0..255, --input-scale 0.00392156862745098 for 0..1, "
            "--input-scale 0.00784313725490196 --input-offset -1 for -1..1",
        )
    # Larq saves a quantizer by its class's name alone, without the package it is registered in
    ours = {
        name.removeprefix("bitwake>"): kind
        for name, kind in keras.utils.get_custom_objects().items()
        if name.startswith("bitwake>")
    }
    with export_mode(), keras.utils.custom_object_scope(ours):
        converted = convert_keras(load_keras(Path(args.keras)), **_options(args))
    return {**converted.as_dict(), "content": converted.content}


def _from_run(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """A training run: the network is built again from its record and given the run's weights."""
    from convert.from_keras import convert_keras
    from convert.pixels import Scaling
    from train.backend import AsTrained, export_mode
    from train.datarecord import digest, final_weights

    record, metrics = _record(folder, "recipe.json"), _record(folder, "metrics.json")
    if not metrics.get("finished"):
        raise ModelError(
            "the run is not finished",
            where=str(folder),
            found=f"{metrics.get('epochs', 0)} of {record.get('epochs')} epochs",
            remedy=f"kit train --resume {folder}",
        )
    weights = final_weights(folder)
    builder = network(record)
    trained = AsTrained(_with_weights(builder(), weights, folder))
    test = _test_pictures(record, metrics, folder)
    labels = list(metrics.get("labels", ())) if _classifies(record) else []
    pictures = None if test is None else test.images
    options = {"scaling": Scaling(1.0, 0.0), "labels": labels or None, **_options(args)}
    origin = {key: metrics.get(key) for key in ("recipe", "data", "dataset_hash", "seed", "commit",
                                                 "accuracy", "synthetic")}  # fmt: skip
    origin["weights_sha256"] = digest(weights)
    if not _classifies(record):
        origin |= {key: metrics.get(key) for key in ("task", "metric", "score")}
    with export_mode():
        exported = _with_weights(builder(), weights, folder)
        converted = convert_keras(
            exported, trained=trained, pictures=pictures, metadata=origin, **options
        )
    return {
        **converted.as_dict(),
        "run": str(folder),
        "accuracy_keras": metrics.get("accuracy"),
        "metric": metrics.get("metric", "accuracy"),
        "score_keras": metrics.get("score", metrics.get("accuracy")),
        **_scores(converted.content, test, record),
        "batch_norm_reestimated": metrics.get("batch_norm_reestimated"),
        "content": converted.content,
    }


def _record(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of the run.

    Raises:
        ModelError: it is missing or damaged.
    """
    try:
        found = json.loads((folder / name).read_text("utf-8"))
        if isinstance(found, dict):
            return found
        reason = "no JSON object"
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    raise ModelError(
        "this is no folder of a training run",
        where=str(folder / name),
        found=reason,
        remedy="kit train --recipe … makes one",
    )


def network(record: Mapping[str, Any]) -> Any:
    """The function that builds the run's Keras model.

    Raises:
        ModelError: the record describes a network that this checkout does not know.
    """
    from train.evaluate import build_net
    from train.netrecord import recorded_net

    net = recorded_net(record)
    return lambda: build_net(net)


def _with_weights(model: Any, weights: list[Any], folder: Path) -> Any:
    try:
        model.set_weights(weights)
    except ValueError as error:
        raise ModelError(
            "the weights do not fit the run's network",
            where=str(folder / "weights.npz"),
            found=str(error).splitlines()[0][:200],
            remedy="check out the commit that stands in the run's metrics.json",
        ) from None
    return model


def _classifies(record: Mapping[str, Any]) -> bool:
    return record.get("task", "classification") == "classification"


def _scores(content: bytes, test: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    """The flatbuffer's own figures, by the run's task, on the pictures that were compared."""
    from convert.agreement import real
    from convert.oracle import Oracle
    from train import recipes
    from train.tasks import Classification

    oracle = Oracle(content)
    outputs = oracle.graph.outputs
    if not test or len(oracle.graph.inputs) != 1 or len(outputs) != 1:
        return {}
    name = oracle.graph.inputs[0].name

    def predict(images: Any) -> Any:
        rows = [oracle.predict({name: p[None]})[outputs[0].name] for p in np.asarray(images)]
        return real(oracle, outputs[0].name, np.concatenate(rows)).astype(np.float32)

    if _classifies(record):
        found = Classification().score(test, lambda images: predict(images).reshape(len(test), -1))
        told = {"accuracy_lce": found["accuracy"], "accuracy_lce_pictures": len(test)}
        return {**told, "score_lce": found["accuracy"], "score_lce_pictures": len(test)}
    task = recipes.get(str(record["name"])).task
    found = dict(task.score(test, predict))
    return {"score_lce": found[task.metric], "score_lce_pictures": len(test), "scores_lce": found}


def _test_pictures(record: Mapping[str, Any], metrics: Mapping[str, Any], run: Path) -> Any:
    """Pictures of the run's test split; None when the data is not here or is not the run's."""
    from train.datarecord import recorded_data

    try:
        dataset = recorded_data(record, metrics, run)
    except BitWakeError as error:
        console.say(f"compared on noise only: {error.what}")
        return None
    count = len(dataset.test)
    chosen = np.unique(np.linspace(0, max(0, count - 1), min(PICTURES, count)).astype(int))
    return dataset.test.take(chosen)


def _stamp(args: argparse.Namespace, out: Path) -> int:
    """Metadata into a flatbuffer that another tool made."""
    from convert.metadata import checked_labels, with_metadata
    from convert.tflite_reader import load_bytes, read

    content, _ = load_bytes(Path(args.tflite))
    graph = read(Path(args.tflite))  # damaged files are refused here
    given = _options(args)
    if args.int8 or not ("labels" in given or "scaling" in given):
        raise BitWakeError(
            "--tflite writes --labels and --input-scale into a flatbuffer, and nothing else",
            found="--int8" if args.int8 else "neither of them",
            remedy="a flatbuffer's types are chosen where it is made: kit convert --keras … --int8",
        )
    entries: dict[str, Any] = {}
    if "labels" in given:
        entries["labels"] = checked_labels(graph, given["labels"])
    if "scaling" in given:
        entries |= {"input_scale": args.input_scale, "input_offset": args.input_offset}
    stamped = with_metadata(content, entries)
    write_whole(out, stamped)
    digest = hashlib.sha256(stamped).hexdigest()
    if args.json:
        write_json(args.json, {"ok": True, "path": str(out), "model_sha256": digest, **entries})
    console.say(f"{shown(out)}: {', '.join(sorted(entries))} written")
    return 0


def _run_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What only a run can tell."""
    rows = []
    if "score_lce" in result:
        rows.append(
            (
                result["metric"],
                f"{result['score_lce']:.4f} of the flatbuffer on "
                f"{result['score_lce_pictures']} test pictures; Keras had "
                f"{result['score_keras']:.4f} on the whole test split",
            )
        )
    if result.get("batch_norm_reestimated"):
        rows.append(("batch norm", "statistics re-estimated on training pictures before export"))
    return rows


def _show(result: Mapping[str, Any], out: Path) -> None:
    """What was checked, for people."""
    told = result["keras_against_lce"]
    ports = [
        f"{which[:-1]} {port['name']} {port['dtype']}{port['shape']}"
        for which in ("inputs", "outputs")
        for port in result[which]
    ]
    operators = ", ".join(f"{count} {kind}" for kind, count in result["operators"].items())
    rows = [
        ("file", f"{shown(out)}, {result['bytes']:,} bytes, sha256 {result['model_sha256'][:12]}"),
        ("ports", "; ".join(ports)),
        ("operators", operators),
        ("binary layers", f"{result['binary_layers']}, none left in floating point"),
        (
            "Keras against LCE",
            f"{told['agreeing']} of {told['pictures']} pictures agree, {told['same_class']} in the "
            f"class; largest difference {told['max_abs_diff']:.3g}",
        ),
        *_run_rows(result),
        (
            "compiles",
            f"arena {result['arena_bytes']:,} bytes of RAM, "
            f"weights {result['weights_bytes']:,} bytes of flash",
        ),
    ]
    console.table("converted", ("check", "result"), rows)
