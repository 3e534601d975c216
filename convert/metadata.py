"""The `bitwake` entry of a flatbuffer's metadata: labels, input scale, where the model came from.

JSON, keys sorted. Readers that do not know it skip it: LCE's interpreter, Netron and TensorFlow do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convert import lce
from convert.errors import ModelError
from convert.ir import Graph
from convert.tflite_reader import METADATA

MOST_LABELS = 65535  # bw_model counts them in 16 bits


def with_metadata(content: bytes, entries: Mapping[str, Any]) -> bytes:
    """The flatbuffer with these entries, replacing those of the same names that are there.

    Args:
        content: a sound .tflite.
        entries: what JSON can hold. `labels`, `input_scale` and `input_offset` are read by the
            compiler; everything else is for people.

    Raises:
        DependencyError: LCE, whose schema can write, is not installed.
    """
    schema = lce.schema()
    model = lce.unpacked(content)
    present = list(model.metadata or [])
    found = next((m for m in present if _text(m.name) == METADATA), None)
    known: dict[str, Any] = {}
    if found is not None:
        known = json.loads(bytes(bytearray(model.buffers[found.buffer].data)))
        known = known if isinstance(known, dict) else {}
    text = json.dumps({**known, **entries}, sort_keys=True, ensure_ascii=False).encode()
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(text, np.uint8)
    if found is not None:
        model.buffers[found.buffer] = buffer
    else:
        entry = schema.MetadataT()
        entry.name, entry.buffer = METADATA, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*present, entry]
    return lce.packed(model)


def labels_in(metadata: Mapping[str, Any]) -> list[str]:
    """Class names in a model's metadata; none where it tells none.

    Raises:
        ModelError: they are no list of at most 65535 names.
    """
    listed = metadata.get("labels") or []
    known = isinstance(listed, list) and all(isinstance(v, str | int | float) for v in listed)
    if not known or len(listed) > MOST_LABELS:
        raise ModelError(
            "the metadata tells no usable labels",
            where="metadata bitwake",
            found=f"{len(listed)} labels" if known else repr(listed)[:80],
            remedy="kit convert --tflite FILE --out NEW.tflite --labels A,B writes them",
        )
    return [str(label) for label in listed]


def checked_labels(graph: Graph, labels: Sequence[str]) -> list[str]:
    """Class names, when there is one for each channel of the first output.

    Raises:
        ModelError: more or fewer, or an empty one.
    """
    names = [str(label) for label in labels]
    port = graph.outputs[0]
    channels = graph.tensors[port.tensor].shape[-1:]
    if (len(names),) != tuple(channels) or not all(names):
        raise ModelError(
            "the labels do not fit the model's first output",
            where=f"output {port.name}",
            found=f"{len(names)} labels ({', '.join(names)}), {channels[0] if channels else 0} "
            "channels",
            remedy="name every class once, in the order of the outputs",
        )
    return names


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
