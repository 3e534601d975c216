"""A Keras/Larq model becomes a .tflite through LCE, and every known trap of that road is looked at.

LCE says little when it leaves a layer in floating point, swaps the order of inputs or keeps float
inputs where int8 was asked for. So the model is looked at before, the flatbuffer after, and both
are run on the same pictures. TensorFlow is imported only here, and only when a function is
called.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from convert import keras_checks
from convert.agreement import Agreement, compare
from convert.compile import compile_bytes
from convert.errors import DependencyError, ModelError
from convert.ir import Array, Graph
from convert.metadata import checked_labels, with_metadata
from convert.pixels import Scaling
from convert.tflite_reader import read

INSTALL = "make convert installs it, or: pip install --no-deps -r requirements-full.lock"
MIN_AGREEING = 0.98  # a sign on a rounding edge may fall either way in a picture now and then


@dataclass(frozen=True)
class Converted:
    """A checked flatbuffer.

    Attributes:
        content: the .tflite.
        graph: as read back from it.
        agreement: Keras against LCE.
        binary_layers: binary convolutions, all of which became LceBconv2d.
        operators: operator name -> how many.
        arena_bytes, weights_bytes: of the compiled C.
    """

    content: bytes
    graph: Graph
    agreement: Agreement
    binary_layers: int
    operators: Mapping[str, int]
    arena_bytes: int
    weights_bytes: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `kit convert --json`."""

        def ports(which: tuple[Any, ...]) -> list[dict[str, Any]]:
            found = [(port.name, self.graph.tensors[port.tensor]) for port in which]
            return [{"name": n, "dtype": t.dtype, "shape": list(t.shape)} for n, t in found]

        return {
            "ok": True,
            "bytes": len(self.content),
            "inputs": ports(self.graph.inputs),
            "outputs": ports(self.graph.outputs),
            "binary_layers": self.binary_layers,
            "operators": dict(self.operators),
            "keras_against_lce": asdict(self.agreement),
            "arena_bytes": self.arena_bytes,
            "weights_bytes": self.weights_bytes,
            "metadata": dict(self.metadata),
        }


def tensorflow() -> Any:
    """TensorFlow with Keras 2, quietly.

    Raises:
        DependencyError: it is not installed.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow as tf
    except ImportError as error:
        raise DependencyError(
            "converting needs TensorFlow, Larq and Larq Compute Engine",
            found=str(error),
            remedy=INSTALL,
        ) from None
    return tf


def load_keras(path: Path) -> Any:
    """A .h5, .keras or SavedModel file with Larq's layers; own layers must be registered before.

    Raises:
        ModelError: it cannot be loaded.
    """
    tf = tensorflow()
    import larq  # noqa: F401  registers its layers and quantizers

    if not path.exists():
        raise ModelError("there is no such Keras file", found=str(path), remedy="check the path")
    try:
        return tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises anything at all here
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            "the Keras model cannot be loaded",
            where=str(path),
            found=text[:200],
            remedy="save the whole model with model.save('model.h5') under Keras 2, with every "
            "layer of your own registered by keras.utils.register_keras_serializable",
        ) from None


def convert_keras(
    model: Any,
    *,
    labels: Sequence[str] | None = None,
    scaling: Scaling | None = None,
    int8: bool = False,
    pictures: Array | None = None,
    trained: Any = None,
    metadata: Mapping[str, Any] | None = None,
) -> Converted:
    """Convert and check.

    Args:
        model: a tf.keras.Model in the form that LCE understands.
        labels: class names for the metadata.
        scaling: what a byte of a picture becomes at a float input.
        int8: int8 inputs and outputs; the model needs fake quantization everywhere.
        pictures: uint8 [N, H, W, C] for the comparison, beside noise; one-input models only.
        trained: the model in its training form, to compare with; default `model`.
        metadata: further entries.

    Returns:
        The checked flatbuffer; nothing is written.

    Raises:
        ModelError: a trap; the message names the layer and what to change.
    """
    tf = tensorflow()
    binary = keras_checks.check_model(model)
    kind = tf.int8 if int8 else tf.float32
    content = _run_lce(model, kind)
    graph = read(content)
    keras_checks.check_ports(graph, model.input_names, model.output_names, int8)
    names = keras_checks.check_binary(graph, model, binary)
    entries: dict[str, Any] = dict(metadata or {})
    entries["operators"] = {str(index): name for index, name in names.items()}
    if labels:
        entries["labels"] = checked_labels(graph, labels)
    if scaling is not None:
        entries |= {"input_scale": scaling.scale, "input_offset": scaling.offset}
    content = with_metadata(content, entries)
    compiled = compile_bytes(content, name="model")
    if isinstance(compiled, list):
        first, more = compiled[0], len(compiled) - 1
        raise ModelError(
            "the converted model would not compile" + (f" ({more} more reasons)" if more else ""),
            where=f"layer {first.layer}",
            found=f"{first.found}; rule: {first.rule}",
            remedy=first.remedy,
        )
    agreement = compare(trained if trained is not None else model, content, pictures)
    if agreement.agreeing < MIN_AGREEING * agreement.pictures:
        raise ModelError(
            "LCE's flatbuffer does not compute what the Keras model computes",
            where="pictures run through both",
            found=f"{agreement.pictures - agreement.agreeing} of {agreement.pictures} differ, "
            f"by up to {agreement.max_abs_diff:.4g}",
            remedy="look for a quantizer that LCE miscompiles (ste_tern), or a layer that behaves "
            "otherwise in training and inference",
        )
    operators: dict[str, int] = {}
    for op in graph.ops:
        operators[op.kind] = operators.get(op.kind, 0) + 1
    return Converted(
        content,
        read(content),
        agreement,
        len(binary),
        operators,
        compiled.plan.arena_bytes,
        compiled.emitted.weights_bytes,
        entries,
    )


@contextlib.contextmanager
def _captured(into: list[bytes]) -> Iterator[None]:
    """What the process writes to standard error, C++ included; LCE speaks of float layers there."""
    import sys
    import tempfile

    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            into.append(file.read())


def _run_lce(model: Any, kind: Any) -> bytes:
    """The flatbuffer.

    Raises:
        ModelError: LCE refuses, with its last words.
    """
    said: list[bytes] = []
    try:
        with _captured(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import larq_compute_engine as engine

            content: bytes = engine.convert_keras_model(
                model, inference_input_type=kind, inference_output_type=kind, target="arm"
            )
    except ImportError as error:
        raise DependencyError(
            "Larq Compute Engine is not installed",
            found=str(error),
            remedy=INSTALL,
        ) from None
    except Exception as error:  # LCE and TensorFlow raise anything at all here
        words = said[-1].decode("utf-8", "replace") if said else ""
        lines = [row for row in (str(error) + "\n" + words).splitlines() if "error" in row.lower()]
        text = (lines or [str(error) or type(error).__name__])[0].strip()
        raise ModelError(
            "LCE cannot convert the model",
            where=f"model {model.name}",
            found=text[:300],
            remedy="see docs/supported-operators.md for what compiles",
        ) from None
    return content
