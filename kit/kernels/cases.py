"""The cases of `kit kernels`.

CMSIS-NN's figures were measured in TensorFlow Lite Micro (tflite-micro 90b983c2, CMSIS-NN
4ab83cc3, kernels at -O2, gcc 12.2) on the same emulated cores, around one operation each.
"""

from __future__ import annotations

from convert.planar import bench
from kit.kernels import binary, int8, level, pair
from kit.kernels.case import Case
from kit.kernels.int8 import Int8Shape

CORES = ("cortex-m4", "cortex-m7", "cortex-m55")
INT8: tuple[tuple[str, Int8Shape, tuple[int, ...]], ...] = (
    ("1x1 32 24x24", Int8Shape("CONV_2D", 24, 24, 32, 32), (1589861, 1566821, 365911)),
    ("1x1 128 6x6", Int8Shape("CONV_2D", 6, 6, 128, 128), (1079621, 1060037, 166705)),
    ("3x3 16 32x32", Int8Shape("CONV_2D", 32, 32, 16, 16, 3), (5493404, 5541699, 942245)),
    ("3x3 64 8x8", Int8Shape("CONV_2D", 8, 8, 64, 64, 3), (4156016, 4159071, 487553)),
    (
        "3x3 3 to 8, stride 2, 96x96",
        Int8Shape("CONV_2D", 96, 96, 3, 8, 3, 2),
        (3045290, 3153827, 1050462),
    ),
    ("3x3 1 to 16, stride 2, 64x64", Int8Shape("CONV_2D", 64, 64, 1, 16, 3, 2), ()),
    ("3x3 1 to 48, stride 2, 64x64", Int8Shape("CONV_2D", 64, 64, 1, 48, 3, 2), ()),
    ("5x5 1 to 16, 32x32", Int8Shape("CONV_2D", 32, 32, 1, 16, 5), ()),
    ("3x3 3 to 32, 32x32", Int8Shape("CONV_2D", 32, 32, 3, 32, 3), ()),
    (
        "depthwise 3x3 64 12x12",
        Int8Shape("DEPTHWISE_CONV_2D", 12, 12, 64, 64, 3),
        (653996, 654006, 193531),
    ),
    (
        "depthwise 3x3 128 6x6",
        Int8Shape("DEPTHWISE_CONV_2D", 6, 6, 128, 128, 3),
        (311666, 311676, 97894),
    ),
    ("dense 64 to 10", Int8Shape("FULLY_CONNECTED", 1, 1, 64, 10), (2155, 2161, 1037)),
)


def make(core: str) -> list[Case]:
    """Every case with the kernels that the compiler takes for a core."""
    cases: list[Case] = []
    for layout, name, shapes in (
        ("planar", "planes", bench.PLANAR),
        ("packed", "lanes", bench.LANES),
    ):
        for about, shape in shapes.items():
            cases.append(binary.case(f"{name} {about}", shape, layout, core, len(cases)))
    for layout, name in (("planar", "pair planes"), ("packed", "pair packed")):
        for about, shapes2 in bench.PAIRS.items():
            if layout == "planar" or about.endswith("12x12"):
                tabled = about.endswith("24x24")
                one = pair.case(f"{name} {about}", shapes2, layout, core, len(cases), table=tabled)
                cases.append(one)
    for about, shape8, figures in INT8:
        peer = dict(zip(CORES, figures, strict=True)) if figures else {}
        cases.append(int8.case(f"int8 {about}", shape8, core, len(cases), peer))
    for about, (shape1, in_c) in bench.TABLES.items():
        cases.append(level.case(f"table {about}", shape1, in_c, core, len(cases)))
    return cases
