"""The page of kernel benchmarks: a row a case, a column a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convert.planar import cost, pair

HEAD = """# Kernel benchmarks

Written by `kit kernels --page docs/benchmarks.md`; do not edit.

Figures are **instructions a multiply-accumulate**, counted on emulated boards (QEMU), of the whole
kernel with borders and output. They are no times and no cycles. Every answer was compared bit for
bit with a plain definition on random data. "–": the board has too little RAM for the case. A board
without vector or DSP instructions runs portable C. Sizes are of the input map; channels go to as
many channels unless told.
"""
BINARY = """
## Binary convolutions

`planes`: 32 neighbouring pixels a word; `lanes`: 32 outputs a word. A count on paper gives 0.135
for three-input tables of 4-bit counters on Thumb-2, the reference of the plots. The compiler
chooses the kernel of each layer by predicted cost; here each is shown on the maps it is for.
`pair`: two convolutions of one map, 3x3 and 1x1, and the sign of the sum of both, which is an
integer comparison a pixel and output; multiply-accumulates of both. `table`: encoder and first
convolution in one, from the picture's bytes to packed words; multiply-accumulates of the
convolution, over the thermometer's planes.

Scratch is what the compiler takes where RAM is not limited, at most so many bytes:

| core | one convolution | pair |
|---|---|---|
"""
INT8 = """
## int8 operators

In brackets: of CMSIS-NN's instructions for the same layer on the same emulated core, where they
were measured (TensorFlow Lite Micro's build, tflite-micro 90b983c2, CMSIS-NN 4ab83cc3, gcc 12.2,
-O2).
"""
CONDITIONS = """
## Conditions

| board | core | compiler | flags | commit |
|---|---|---|---|---|
"""


def scratch() -> str:
    """Rows of the table of scratch."""
    cores = {"m0plus": "M0", "m3": "M3", "m4": "M4, M7", "m55": "M55"}
    return "".join(
        f"| {name} | {cost.DEFAULT_SCRATCH[core]:,} | {pair.DEFAULT_SCRATCH[core]:,} |\n"
        for core, name in cores.items()
    )


def markdown(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The page.

    Args:
        results: board to the rows of `kit kernels`, of the same cases in the same order.
    """
    boards = list(results)
    cores = {board: rows[0]["core"].removeprefix("cortex-") for board, rows in results.items()}
    parts = [HEAD]
    for kind, text in (("binary", BINARY + scratch()), ("int8", INT8)):
        columns = " | ".join(f"{board} ({cores[board].upper()})" for board in boards)
        parts += [text, f"\n| case | {columns} |\n|---|{'---|' * len(boards)}\n"]
        for rows in zip(*results.values(), strict=True):
            if rows[0]["kind"] == kind:
                cells = " | ".join(_cell(row) for row in rows)
                parts.append(f"| {rows[0]['name']} | {cells} |\n")
    parts.append(CONDITIONS)
    for board, rows in results.items():
        first = rows[0]
        parts.append(
            f"| {board} | {first['core']} | {first['compiler']} | `{first['flags']}` | "
            f"`{first['commit']}` |\n"
        )
    return "".join(parts)


def _cell(row: Mapping[str, Any]) -> str:
    if row["per_mac"] is None:
        return "–"
    if not row["bit_exact"]:
        return "wrong"
    peer = f" ({row['ticks'] / row['cmsis_nn']:.2f})" if row["cmsis_nn"] else ""
    return f"{row['per_mac']:.3f}{peer}"
