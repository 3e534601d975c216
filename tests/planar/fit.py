"""Fits the cost table to measured runs: python -m tests.planar.fit writes cost_table.py.

Every part of a kernel gets a number of instructions, never negative, so that the relative error
over the measured shapes is least.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from tests.planar import build
from tests.planar.cases import Case
from tests.planar.spread import spread

TARGET = build.ROOT / "convert" / "planar" / "cost_table.py"
CORES = ("m4", "m3", "m0plus")
Row = tuple[Case, dict[str, float]]


def fit(rows: Sequence[Row], measured: Sequence[int]) -> tuple[dict[str, float], float]:
    """Instructions of each part, and the largest relative error."""
    names = list(rows[0][1])
    counts = np.array([[terms[name] for name in names] for _, terms in rows], float)
    b = np.array(measured, float)
    scale = np.maximum(np.abs(counts / b[:, None]).max(0), 1e-30)
    x = nnls(counts / b[:, None] / scale, np.ones_like(b))[0] / scale
    return dict(zip(names, x, strict=True)), float(np.abs(counts @ x / b - 1).max())


def main() -> int:
    """Measures on every core, fits every kernel, writes the table."""
    kernels = spread()
    lines = [
        '"""Instructions of each part of a kernel: written by tests/planar/fit.py."""',
        "",
        "from __future__ import annotations",
        "",
        "TABLE: dict[str, dict[str, dict[str, float]]] = {",
    ]
    for core in CORES:
        lines.append(f'    "{core}": {{')
        for kernel, rows in kernels.items():
            with tempfile.TemporaryDirectory() as folder:
                results = build.run_core(core, [case for case, _ in rows], Path(folder))
            assert not any(r.mismatches for r in results)
            table, error = fit(rows, [r.instructions for r in results])
            print(
                f"{core:<7} {kernel:<12} {len(rows):>3} shapes, error at most {100 * error:.1f} %"
            )
            lines.append(f'        "{kernel}": {{')
            lines += [f'            "{name}": {value:.2f},' for name, value in table.items()]
            lines.append("        },")
        lines.append("    },")
    TARGET.write_text("\n".join([*lines, "}", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
