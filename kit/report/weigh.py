"""What a flatbuffer costs apart from boards: the report's other axes.

A network with real weights has no flatbuffer of its own; where its int8 form lies beside the run,
its layers are counted as float32 ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from convert.analysis import analyse
from convert.errors import BitWakeError

INT8 = "int8.tflite"  # what `kit train --compare` leaves beside a run's metrics.json


@dataclass(frozen=True)
class Weight:
    """Of a network: the kind of most of its products, bits of its kernels, systolic cycles."""

    form: str
    weight_bits: int
    cycles: int


def weigh(path: Path, *, real: bool = False) -> Weight | None:
    """Counts a flatbuffer; None where there is none or it cannot be read.

    Args:
        path: of the file.
        real: count its int8 layers as float32.
    """
    if not path.is_file():
        return None
    try:
        found = analyse(path, real=real)
    except BitWakeError:
        return None
    products: Counter[str] = Counter()
    for layer in found.layers:
        products[layer.kind] += layer.macs
    form = products.most_common(1)[0][0] if products else ""
    return Weight(form, found.total("weight_bits"), found.total("cycles"))
