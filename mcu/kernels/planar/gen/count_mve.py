"""Writes `../bw_planar_count_mve.S`: tables and counting for W = 4, 2 and 1 blocks at once, MVE.

Derivation; the interface is `bw_planar_count_mve.h`, the scheme with fields, folds and index stream
is that of `bw_planar_count.h`, with vectors in place of words.

*Entries.* An input is a vector X: element e holds the word of block e % W shifted right by
(e / W) W, so that (X >> k) & 0x1111... for k < W covers every lane once. An entry is W such vectors
of four-bit fields. One multi-register load reads it, whatever W: a triple
costs `ubfx`, `add`, `vldm`, W × `vadd` and half an `add` for the base.

*Folds.* Five entries fit a field. With byte F = 16 h + l of a fold, sums of all F (S) and of all h
(H) give the sum of all l as S - 16 H modulo 256. `vqdmlah.s8 H, F, 8` is H + floor(16 F / 256), one
instruction where shift and add would be two; but it is signed and saturates. So every fold begins
with 0x80 in its bytes (tables of slots 0 and 5 hold it, as does the constant before a first fold
that is not whole): F is then 16 (h - 8) + l as a signed byte. With nf folds and H begun at
I = 8 nf - off, H ends at sum(h) - off, and all sums on the way stay within -128 … 127 if
15 nf - 127 <= off <= 128: 84 triples are 17 folds, for which off = 128. S begins at 17 I - 8 nf, so
that S - 16 H is sum(l) - off too.

Instructions for 30 inputs, W = 4: 10 × (ubfx, add, vldm) + 5 add + 8 × 4 vadd + 2 vstm + 3, and
2 × (2 vldm + 4 vadd + 4 vqdmlah) = 92: 3.07 an input and 128 lanes.

What follows the counts is derived in `finish_mve.py` and `lines_mve.py`.
"""

import sys
from pathlib import Path

from assembly import function, run
from finish_mve import finish
from lines_mve import lines
from mve import FOLDS, KINDS, Frame, each, q

TARGET = Path(__file__).resolve().parent.parent / "bw_planar_count_mve.S"

# Offsets in bw_mve_job.
TABLE, TRIPLES, INDEX, OUTPUTS, KIND, BIAS, STATE, OUT, STRIDE, SUM, HIGH, WORDS = range(0, 48, 4)
V, BASE, END, IDX, FOLD = "r8", "r9", "r10", "r11", "r7"
CONST, BASE0, SLOT, EIGHT, FINISH = "r4", "r5", "r6", "r12", "lr"


def table(w: int, begins: bool) -> list[str]:
    """The table of one triple, vector by vector; `begins`: it begins a fold.

    q0-q2 inputs, q3 ones of fields, q4 2a - 1, q5 2(a - b), q6 entry, q7 threes.
    """
    code = [f"    vldrw.u32 q{n}, [r0], #16" for n in range(3)]
    for k in range(w):
        for to, source in ((4, 0), (5, 1), (6, 2)):
            if k:
                code.append(f"    vshr.u32 q{to}, q{source}, #{k}")
            code.append(f"    vand q{to}, q{to if k else source}, q3")
        code += [
            "    vadd.i32 q6, q6, q4",
            "    vadd.i32 q6, q6, q5",
            *(["    vadd.i32 q6, q6, r4"] if begins else []),
            "    vsub.i32 q5, q4, q5",
            "    vadd.i32 q5, q5, q5",
            "    vadd.i32 q4, q4, q4",
            "    vsub.i32 q4, q4, r3",
        ]
        one, next_, all_ = "vsub.i32 q6, q6, q4", "vadd.i32 q6, q6, q5", "veor q6, q6, q7"
        for number, step in enumerate(("", one, next_, one, all_, one, next_, one)):
            code += [f"    {step}"] if step else []
            code.append(f"    vstrw.32 q6, [r1, #{16 * (number * w + k)}]")
    return [*code, f"    add r1, r1, #{128 * w}"]


def tables(w: int) -> list[str]:
    """bw_mve_tables_W(inputs, table, triples, lead): r12 triples until one begins a fold."""
    return [
        *function(f"bw_mve_tables_{w}"),
        "    push {r4, lr}",
        "    vpush {d8-d15}",
        "    mov r12, r3",
        "    mov r3, #0x11111111",
        "    vdup.32 q3, r3",
        "    add r4, r3, r3, lsl #1",
        "    vdup.32 q7, r4",
        "    mov r4, #0x80808080",
        "    dls lr, r2",
        "1:  subs r12, #1",
        "    bmi.w 2f",
        *table(w, False),
        "    le lr, 1b",
        "    b.w 3f",
        "2:  mov r12, #4",
        *table(w, True),
        "    le lr, 1b",
        "3:  vpop {d8-d15}",
        "    pop {r4, pc}",
    ]


def slot(number: int, w: int) -> list[str]:
    """One triple of an index word."""
    first = number % 5 == 0
    to = q(0 if first else w, w)
    shift = {1: 4, 2: 5, 4: 6}[w]
    code = [f".Lslot{number}_{w}:", f"    ubfx r0, {V}, #{3 * number}, #3"]
    if number % 2 == 0:
        code += [f"    sub r0, {BASE}, r0, lsl #{shift}", f"    vldmdb r0!, {to}"]
    else:
        code += [
            f"    add r0, {BASE}, r0, lsl #{shift}",
            f"    vldmia r0, {to}",
            f"    add {BASE}, {BASE}, #{256 * w}",
        ]
    if not first:
        code += each("vadd.i8 {0}, {0}, {1}", w, 0, w)
    if number in (4, 9):
        code.append(f"    vstmia {FOLD}!, {q(0, w)}")
    return code


def row_bytes(w: int) -> int:
    """One fold in a row."""
    return 4 + 4 * w if w == 4 else 4 + 8 * w


def setup(w: int, f: Frame) -> list[str]:
    """Everything that is the same for all outputs."""
    code = [
        *function(f"bw_mve_count_{w}"),
        "    push {r4-r11, lr}",
        "    vpush {d8-d15}",
        f"    subw sp, sp, #{f.size}",
        "    mov r7, r0",
        f"    add {CONST}, sp, #{f.begin}",
        f"    mov r1, {CONST}",
    ]
    for word in ("#0x80808080", "#0x91919191"):
        code += [
            f"    mov r0, {word}",
            "    vdup.32 q0, r0",
            *["    vstrw.32 q0, [r1], #16"] * w,
        ]
    for offset in (SUM, HIGH):
        code += [
            f"    ldr r0, [r7, #{offset}]",
            "    vdup.32 q0, r0",
            *["    vstrw.32 q0, [r1], #16"] * w,
        ]
    code += [
        f"    ldrd r0, r1, [r7, #{TABLE}]",
        "    mov r2, #10",
        "    add r3, r1, #9",
        "    udiv r3, r3, r2",  # index words
        "    mls r2, r3, r2, r1",
        "    rsb r2, r2, #0",  # slot of the first triple
        f"    add {END}, r0, r1, lsl #{ {1: 7, 2: 8, 4: 9}[w] }",
        f"    add {END}, {END}, #{128 * w}",
        "    tst r2, #1",
        "    it eq",
        f"    addeq r0, r0, #{128 * w}",
        f"    mov {BASE0}, r0",
        f"    ldr {SLOT}, =.Lslots_{w}",
        f"    ldr {SLOT}, [{SLOT}, r2, lsl #2]",
        "    add r1, r1, #4",
        "    mov r0, #5",
        "    udiv r1, r1, r0",  # folds
        f"    rsb r1, r1, #{FOLDS}",
        f"    mov r0, #{row_bytes(w)}",
        "    mul r1, r1, r0",
        f"    ldr r2, =.Lrow_{w} + 1",
        "    add r2, r2, r1",
        f"    str r2, [sp, #{f.ROW}]",
    ]
    if w == 4:
        code += [
            f"    ldr r2, =.Lhigh_{w} + 1",
            "    add r2, r2, r1",
            f"    str r2, [sp, #{f.HROW}]",
        ]
    code += [
        f"    ldrd {IDX}, r1, [r7, #{INDEX}]",
        f"    str r1, [sp, #{f.LEFT}]",
        f"    ldr r0, [r7, #{KIND}]",
        f"    ldr {FINISH}, =.Lkinds_{w}",
        f"    ldr {FINISH}, [{FINISH}, r0, lsl #2]",
        f"    ldrd r0, r1, [r7, #{BIAS}]",
        f"    strd r0, r1, [sp, #{f.BIAS}]",
        f"    ldrd r0, r1, [r7, #{OUT}]",
        "    lsl r1, r1, #2",
        f"    strd r0, r1, [sp, #{f.OUT}]",
        f"    ldr r0, [r7, #{WORDS}]",
        f"    str r0, [sp, #{f.WORDS}]",
        f"    mov {EIGHT}, #8",
    ]
    return code


def counting(w: int, f: Frame) -> list[str]:
    """From `.Loutput` to bytes less off: low fields in q0 …, high fields in q(w) …."""
    code = [
        f".Loutput_{w}:",
        f"    ldr {V}, [{IDX}], #4",
        f"    mov {BASE}, {BASE0}",
        f"    add {FOLD}, sp, #{f.folds}",
        f"    lsr r0, {V}, #31",
        f"    add r0, {CONST}, r0, lsl #{ {1: 4, 2: 5, 4: 6}[w] }",
        f"    vldmia r0, {q(0, w)}",
        f"    bx {SLOT}",
        f".Lword_{w}:",
        f"    ldr {V}, [{IDX}], #4",
    ]
    for number in range(10):
        code += slot(number, w)
    code += [
        f"    cmp {BASE}, {END}",
        f"    bne.w .Lword_{w}",
        f"    add r1, sp, #{f.sum}",
        f"    add {FOLD}, sp, #{f.folds}",
        f"    ldr r0, [sp, #{f.ROW}]",
    ]
    if w == 4:
        code += [f"    vldmia r1!, {q(0, 4)}", "    bx r0", f".Lrow_{w}:"]
        for _ in range(FOLDS):
            code += [f"    vldmia {FOLD}!, {q(4, 4)}", *each("vadd.i8 {0}, {0}, {1}", 4, 0, 4)]
        code += [
            f".Lrow_end_{w}:",
            f"    add {FOLD}, sp, #{f.folds}",
            f"    ldr r0, [sp, #{f.HROW}]",
            f"    add r2, sp, #{f.spill}",
            f"    vstmia r2, {q(0, 4)}",
            f"    vldmia r1, {q(4, 4)}",
            "    bx r0",
            f".Lhigh_{w}:",
        ]
        for _ in range(FOLDS):
            code += [
                f"    vldmia {FOLD}!, {q(0, 4)}",
                *each(f"vqdmlah.s8 {{0}}, {{1}}, {EIGHT}", 4, 4, 0),
            ]
        code += [f"    vldmia r2, {q(0, 4)}"]
    else:
        code += [f"    vldmia r1, {q(0, 2 * w)}", "    bx r0", f".Lrow_{w}:"]
        for _ in range(FOLDS):
            code += [
                f"    vldmia {FOLD}!, {q(2 * w, w)}",
                *each("vadd.i8 {0}, {0}, {1}", w, 0, 2 * w),
                *each(f"vqdmlah.s8 {{0}}, {{1}}, {EIGHT}", w, w, 2 * w),
            ]
        code.append(f".Lrow_end_{w}:")
    code += [
        f"    .if .Lrow_end_{w} - .Lrow_{w} != {FOLDS * row_bytes(w)}",
        '    .error "a fold of the row has another size"',
        "    .endif",
        "    mvn r0, #15",
        *each("vmla.s8 {0}, {1}, r0", w, 0, w),
        f"    bx {FINISH}",
    ]
    return code


def text() -> str:
    """The whole file."""
    code = [
        "/* Generated by gen/count_mve.py, which derives it; do not edit. */",
        "#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)",
        "    .syntax unified",
        "    .thumb",
    ]
    for w in (4, 2, 1):
        f = Frame(w)
        code += [*tables(w), *setup(w, f), *counting(w, f), *finish(w, f)]
        code += [
            f".Lend_{w}:",
            f"    addw sp, sp, #{f.size}",
            "    vpop {d8-d15}",
            "    pop {r4-r11, pc}",
            "    .balign 4",
            f".Lslots_{w}:",
            *(f"    .word .Lslot{number}_{w} + 1" for number in range(10)),
            f".Lkinds_{w}:",
            *(f"    .word .L{kind}_{w} + 1" for kind in KINDS),
            "    .ltorg",
            *lines(w),
        ]
    code += ["#elif defined(__linux__)", '    .section .note.GNU-stack, "", %progbits']
    return "\n".join([*code, "#endif", ""])


if __name__ == "__main__":
    sys.exit(run(TARGET, text()))
