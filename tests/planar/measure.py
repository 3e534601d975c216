"""Instructions of the planar kernels on emulated cores: python -m tests.planar.measure [core …]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from convert.planar import cost
from tests.planar import build, maps, shapes


def main(cores: list[str]) -> None:
    """Prints core, case, bytes of scratch, instructions and instructions a multiply-accumulate."""
    for core in cores:
        cases = [*shapes.layer_cases(cost.BLOCKS[core][0]), *maps.bench_cases()]
        for level in ("-O2",):
            with tempfile.TemporaryDirectory() as folder:
                results = build.run_core(core, cases, Path(folder), level)
            for case, result in zip(cases, results, strict=True):
                verdict = "" if result.mismatches == 0 else f"  {result.mismatches} words differ"
                each = result.instructions / case.macs if case.macs else 0
                print(
                    f"{core:<7} {case.name:<38} {case.scratch:>6} B {result.instructions:>10}"
                    f" {each:.4f}{verdict}"
                )


if __name__ == "__main__":
    main(sys.argv[1:] or list(build.CORES))
