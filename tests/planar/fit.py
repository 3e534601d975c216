"""Fits the cost table to measured runs: python -m tests.planar.fit [core …] writes the tables.

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

FOLDER = build.ROOT / "convert" / "planar"
FILES = {"cost_table.py": ("m4", "m3", "m0plus"), "cost_table_mve.py": ("m55",)}
Row = tuple[Case, dict[str, float]]


def fit(rows: Sequence[Row], measured: Sequence[int]) -> tuple[dict[str, float], float]:
    """Instructions of each part, and the largest relative error."""
    names = list(rows[0][1])
    counts = np.array([[terms[name] for name in names] for _, terms in rows], float)
    b = np.array(measured, float)
    scale = np.maximum(np.abs(counts / b[:, None]).max(0), 1e-30)
    x = nnls(counts / b[:, None] / scale, np.ones_like(b))[0] / scale
    return dict(zip(names, x, strict=True)), float(np.abs(counts @ x / b - 1).max())


def table(cores: Sequence[str]) -> str:
    """The module with the tables of some cores, measured now."""
    lines = [
        '"""Instructions of each part of a kernel: written by tests/planar/fit.py."""',
        "",
        "from __future__ import annotations",
        "",
        "TABLE: dict[str, dict[str, dict[str, float]]] = {",
    ]
    for core in cores:
        lines.append(f'    "{core}": {{')
        for kernel, rows in spread(core).items():
            with tempfile.TemporaryDirectory() as folder:
                results = build.run_core(core, [case for case, _ in rows], Path(folder))
            assert not any(r.mismatches for r in results)
            parts, error = fit(rows, [r.instructions for r in results])
            print(
                f"{core:<7} {kernel:<12} {len(rows):>3} shapes, error at most {100 * error:.1f} %"
            )
            lines.append(f'        "{kernel}": {{')
            lines += [f'            "{name}": {value:.2f},' for name, value in parts.items()]
            lines.append("        },")
        lines.append("    },")
    return "\n".join([*lines, "}", ""])


def main(cores: Sequence[str]) -> int:
    """Measures and fits every kernel, and writes the files that hold any of the cores."""
    for name, held in FILES.items():
        if not cores or set(cores) & set(held):
            (FOLDER / name).write_text(table(held))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
