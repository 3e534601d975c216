"""The `bitwake` entry of a flatbuffer's metadata: labels, input scale, where the model came from.

JSON, keys sorted. Readers that do not know it skip it: LCE's interpreter, Netron and TensorFlow do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from convert import lce
from convert.tflite_reader import METADATA


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


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
