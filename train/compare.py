"""Networks side by side on one test split; those with real weights also as int8.

int8 is TensorFlow Lite's quantization after training: int8 weights, activations, input and output,
ranges calibrated on the validation split, judged in TensorFlow Lite's own interpreter.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.errors import DataError
from train import recipes
from train.backend import keras, larq, tf
from train.card import macs_of
from train.data import Dataset
from train.datarecord import final_weights, read_run, recorded_data
from train.evaluate import build_net, predict
from train.figures import further
from train.netrecord import recorded_net
from train.runfolder import write_json, write_whole
from train.tasks.task import seen

CALIBRATION = 256  # pictures of the validation split, or of training where there is none


def restored(run: Path, recipe: Mapping[str, Any]) -> Any:
    """The run's Keras model with its final weights, see `final_weights`."""
    model, weights = build_net(recorded_net(recipe)), final_weights(run)
    try:
        model.set_weights(weights)
    except ValueError as error:
        raise DataError(
            "the weights do not fit the recipe's network",
            where=str(run / "weights.npz"),
            found=str(error).splitlines()[0][:200],
            remedy="check out the commit that stands in the run's metrics.json",
        ) from None
    return model


def macs(model: Any) -> int:
    """Multiply-accumulates of an inference: convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            _, h, w, _ = layer.output_shape
            total += h * w * int(np.prod(layer.depthwise_kernel.shape))
        elif isinstance(layer, keras.layers.Conv2D):
            _, h, w, _ = layer.output_shape
            total += h * w * int(np.prod(layer.kernel.shape))
    return total


def quantize(model: Any, pictures: npt.NDArray[np.uint8]) -> bytes:
    """The model as a fully int8 flatbuffer; `pictures` [N, H, W, C] give the ranges."""

    def representative() -> Iterator[list[Any]]:
        for picture in pictures:
            yield [np.asarray(picture, np.float32)[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        # int8 ports are asked for together with a representative set, which is enough
        warnings.simplefilter("ignore", UserWarning)
        content: bytes = converter.convert()
    return content


class _Keras:
    """A Keras model: byte pictures -> logits."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return predict(self.model, images)


class LiteModel:
    """An int8 flatbuffer in TensorFlow Lite's interpreter: byte pictures -> real outputs."""

    def __init__(self, content: bytes) -> None:
        with warnings.catch_warnings():
            # the notice of the interpreter's other package
            warnings.simplefilter("ignore", UserWarning)
            # two threads on one free core wait for each other: 190 ms a picture in place of 0.1
            self.interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]
        kinds = (self.input["dtype"], self.output["dtype"])
        if kinds != (np.int8, np.int8):
            raise DataError("the quantized model is not int8", found=str(kinds))

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        scale, zero = self.input["quantization"]
        out_scale, out_zero = self.output["quantization"]
        rows = []
        for image in images:
            q = np.clip(np.rint(image.astype(np.float32) / scale) + zero, -128, 127)
            self.interpreter.set_tensor(self.input["index"], q.astype(np.int8)[None])
            self.interpreter.invoke()
            found = self.interpreter.get_tensor(self.output["index"])[0].astype(np.float32)
            rows.append((found - out_zero) * out_scale)
        return np.stack(rows).astype(np.float32)


def _loaded(runs: Sequence[Path]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Dataset]:
    """Records, metrics and the one dataset of all runs.

    Raises:
        DataError: a run is unfinished, or the runs saw different data.
    """
    records, metrics = map(list, zip(*map(read_run, runs), strict=True))
    for run, found in zip(runs, metrics, strict=True):
        if not found.get("finished"):
            raise DataError(
                "a run is not finished", where=str(run), remedy=f"kit train --resume {run}"
            )
    hashes = {found["dataset_hash"] for found in metrics}
    if len(hashes) != 1:
        raise DataError(
            "these runs saw different data, so that their accuracies cannot be compared",
            where=", ".join(map(str, runs)),
            found=", ".join(sorted(h[:12] for h in hashes)),
            remedy="train them with the same data, data options and data seed",
        )
    return records, metrics, recorded_data(records[0], metrics[0], runs[0])


def compare(runs: Sequence[Path]) -> dict[str, Any]:
    """Rows of what each run's network gets on the test split, written beside the first run.

    Returns:
        comparison.json's content: data, split, hash, and `rows` of {"what", "run", "recipe",
        "weights", "metric", "score", "pictures", "weight_bytes", "macs", "epochs", "seed", …}; the
        other figures of the task, for classification "accuracy", stand beside the score.
    """
    records, metrics, dataset = _loaded(runs)
    rows: list[dict[str, Any]] = []
    for run, record, found in zip(runs, records, metrics, strict=True):
        task = recipes.get(str(record["name"])).task
        model = restored(run, record)
        binary = any(isinstance(layer, larq.layers.QuantConv2D) for layer in model.layers)
        base = {
            "run": run.name,
            "recipe": record["name"],
            "epochs": found["epochs"],
            "seed": found["seed"],
            "pictures": found["pictures"],
            "metric": task.metric,
        }
        rows.append(
            {
                **base,
                "what": f"{record['name']}, {'1-bit' if binary else 'float32'}",
                "weights": "binary" if binary else "float32",
                "score": found.get(
                    "score", found.get(task.metric)
                ),  # older runs hold the metric alone
                **({"accuracy": found["accuracy"]} if "accuracy" in found else {}),
                # a count of kernels takes real weights for 8 bits: those of the int8 twin
                "weight_bytes": -(-int(found["size_bits"]) // 8)
                if binary
                else 4 * model.count_params(),
                "macs": macs_of(found) if binary else macs(model),
                **further(dataset, _Keras(model)),
            }
        )
        if binary:
            continue
        shown = dataset.val if len(dataset.val) else dataset.train
        spread = np.linspace(0, len(shown) - 1, CALIBRATION).astype(int)
        content = quantize(model, seen(task, shown.take(spread)))
        write_whole(run / "int8.tflite", content)
        lite = LiteModel(content)
        scores = task.score(dataset.test, lite)
        rows.append(
            {
                **base,
                "what": f"{record['name']}, int8 (tf.lite, after training)",
                "weights": "int8",
                "score": scores[task.metric],
                **scores,
                "weight_bytes": model.count_params(),
                "macs": macs(model),
                "tflite_bytes": len(content),
                "model_sha256": hashlib.sha256(content).hexdigest(),
                **further(dataset, lite),
            }
        )
    result = {
        "data": dataset.name,
        "synthetic": dataset.synthetic,
        "split": "test",
        "dataset_hash": dataset.hash,
        "rows": rows,
    }
    write_json(runs[0] / "comparison.json", result)
    return result
