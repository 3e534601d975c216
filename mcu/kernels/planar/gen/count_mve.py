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

*Decisions.* Bytes v - 128 and bias B - 128 as signed: v + B > 255 is v' + B' >= 0, the complement
of the sign of `vhadd.s8`. `vsri.8` puts the top bits of one vector behind those collected already,
so that a byte of the result holds the bits of all eight vectors (W = 4), or of the four or two that
there are in their places.

*Half-words.* With bytes v as half-words 256 y + x: A = sum(256 y + x), B = sum(y), x is A - 256 B.

*Pairs.* With counts a and b of two branches, limit - (p a + q b) < 0 is the complement of the sign
of p a + q b - limit - 1, which is ~(limit - (p a + q b)) and so overflows where that would.
Products of half-words are two vectors of words, even and odd ones; `vsri.32` puts the upper halves
of the even ones below those of the odd ones, `vsri.16` and `vsri.8` go on as for half-words. 27
instructions a vector of bytes, 216 for W = 4.

Instructions for 30 inputs, W = 4: 10 × (ubfx, add, vldm) + 5 add + 8 × 4 vadd + 2 vstm + 3, and
2 × (2 vldm + 4 vadd + 4 vqdmlah) = 92: 3.07 an input and 128 lanes.
"""

import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "bw_planar_count_mve.S"

# Offsets in bw_mve_job.
TABLE, TRIPLES, INDEX, OUTPUTS, KIND, BIAS, STATE, OUT, STRIDE, SUM, HIGH, WORDS = range(0, 48, 4)
KINDS = ("only", "keep", "add", "pair", "first", "more", "last")
FOLDS = 17
V, BASE, END, IDX, FOLD = "r8", "r9", "r10", "r11", "r7"
CONST, BASE0, SLOT, EIGHT, FINISH = "r4", "r5", "r6", "r12", "lr"
FREE = ("r0", "r1", "r2", "r3")
# Places of the vectors' top bits in a byte, low fields first.
PLACES = {4: (0, 1, 2, 3, 4, 5, 6, 7), 2: (2, 3, 6, 7), 1: (3, 7)}


def q(first: int, count: int) -> str:
    """Register list of vectors first … first + count - 1."""
    return f"{{d{2 * first}-d{2 * (first + count) - 1}}}"


def each(text: str, count: int, *offsets: int) -> list[str]:
    """`text` for n = 0 … count - 1 with {0}, {1}, … = q(offset + n)."""
    return ["    " + text.format(*(f"q{offset + n}" for offset in offsets)) for n in range(count)]


def function(name: str) -> list[str]:
    """Head of a global function."""
    return [
        "",
        f'    .section .text.{name}, "ax", %progbits',
        "    .balign 4",
        f"    .global {name}",
        f"    .type {name}, %function",
        "    .thumb_func",
        f"{name}:",
    ]


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


class Frame:
    """What lies on the stack: pointers, then constants, two spaces for vectors, folds."""

    ROW, HROW, OUT, STRIDE, BIAS, STATE, LEFT, WORDS = range(0, 32, 4)

    def __init__(self, w: int) -> None:
        size, self.tag = 16 * w, str(w)
        self.begin, self.sum = 32, 32 + 2 * size  # beginnings of folds; then S and H
        self.spill = self.sum + 2 * size
        self.folds = self.spill + 128
        self.size = self.folds + FOLDS * size + 4  # sp stays a multiple of 8


class Pointers(Frame):
    """The pointers alone, for another loop over outputs; `tag` ends its labels."""

    def __init__(self, tag: str) -> None:
        self.size, self.tag = 32, tag


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


def collect(vectors: list[int], places: tuple[int, ...]) -> list[str]:
    """Top bits of bytes to their places, in the last vector; places above the first are clean."""
    last = vectors[-1]
    lift = 7 - places[-1]
    return [
        f"    vsri.8 q{last}, q{v}, #{7 - lift - place}"
        for v, place in reversed(list(zip(vectors[:-1], places[:-1], strict=True)))
    ]


def store(w: int, f: Frame, vector: int, inverted: bool) -> list[str]:
    """The output words from collected bits; then on to the next output."""
    code = []
    if w == 4:
        if inverted:
            code.append(f"    vmvn q{vector}, q{vector}")
        code += [
            f"    ldr r2, [sp, #{f.WORDS}]",
            f"    ldrd r0, r1, [sp, #{f.OUT}]",
            "    vctp.32 r2",
            "    vpst",
            f"    vstrwt.32 q{vector}, [r0]",
        ]
    else:
        op = "bic" if inverted else "and"
        mask = {2: "0xcccccccc", 1: "0x88888888"}[w]
        code += [
            f"    vmov r0, r1, d{2 * vector}",
            f"    vmov r2, r3, d{2 * vector + 1}",
            f"    mov {BASE}, #{mask}",
        ]
        code += [f"    {op} {r}, {BASE}, {r}" for r in FREE]
        if w == 2:
            code += [
                "    orr r2, r2, r0, lsr #2",
                "    orr r3, r3, r1, lsr #2",
                f"    ldrd r0, r1, [sp, #{f.OUT}]",
                "    strd r2, r3, [r0]",
            ]
        else:
            code += [
                "    orr r2, r3, r2, lsr #1",
                "    orr r2, r2, r1, lsr #2",
                "    orr r2, r2, r0, lsr #3",
                f"    ldrd r0, r1, [sp, #{f.OUT}]",
                "    str r2, [r0]",
            ]
    return [*code, "    add r0, r1", f"    str r0, [sp, #{f.OUT}]", *following(w, f)]


def following(w: int, f: Frame) -> list[str]:
    """To the next output, or out."""
    return [
        f"    ldr r0, [sp, #{f.LEFT}]",
        "    subs r0, #1",
        f"    str r0, [sp, #{f.LEFT}]",
        f"    bne.w .Loutput_{f.tag}",
        f"    b.w .Lend_{f.tag}",
    ]


def bias(f: Frame) -> list[str]:
    """r0 = the half-word of bias."""
    return [
        f"    ldr r1, [sp, #{f.BIAS}]",
        "    ldrh r0, [r1], #2",
        f"    str r1, [sp, #{f.BIAS}]",
    ]


def groups(w: int) -> list[int]:
    """Vectors handled at once where each needs a partner: 4 and 4, 4, or 2."""
    return [4, 4] if w == 4 else [2 * w]


def wide(w: int, f: Frame, kind: str) -> list[str]:
    """first, more and last: counts as half-words A and B."""
    n = 2 * w
    code = [f".L{kind}_{w}:", "    mov r0, #128", *each("vadd.i8 {0}, {0}, r0", n, 0)]
    code += [f"    add r3, sp, #{f.spill}", f"    vstmia r3, {q(0, n)}"]
    if kind == "first":
        code += [*bias(f), "    add r2, r0, r0, lsl #8"]
    code.append(f"    ldr r1, [sp, #{f.STATE}]")
    for number, size in enumerate(groups(w)):
        code.append(f"    vldmia r3!, {q(0, size)}")
        if kind == "first":
            code += [
                *each("vshr.u16 {0}, {1}, #8", size, size, 0),
                *each("vadd.i16 {0}, {0}, r2", size, 0),
                *each("vadd.i16 {0}, {0}, r0", size, size),
                f"    vstmia r1!, {q(0, 2 * size)}",
            ]
            continue
        code += [
            f"    vldmia r1, {q(size, size)}",
            *each("vadd.i16 {0}, {0}, {1}", size, size, 0),
            f"    vstmia r1!, {q(size, size)}",
            f"    vldmia r1, {q(size, size)}",
            *each("vshr.u16 {0}, {0}, #8", size, 0),
            *each("vadd.i16 {0}, {0}, {1}", size, size, 0),
            f"    vstmia r1!, {q(size, size)}",
        ]
        if kind == "last":
            code += [
                f"    sub r0, r1, #{32 * size}",
                f"    vldmia r0, {q(0, size)}",
                "    mvn r0, #255",
                *each("vmla.s16 {0}, {1}, r0", size, 0, size),
                *each("vsri.16 {0}, {1}, #8", size, size, 0),
                *collect(list(range(size, 2 * size)), PLACES[w][:4] if w == 4 else PLACES[w]),
            ]
            if w == 4 and number == 0:
                code += [f"    add r2, sp, #{f.spill}", "    vstrw.32 q7, [r2]"]
            elif w == 4:
                code += ["    vldrw.u32 q0, [r2]", "    vsri.8 q7, q0, #4"]
    code.append(f"    str r1, [sp, #{f.STATE}]")
    return code + (store(w, f, groups(w)[0] * 2 - 1, False) if kind == "last" else following(w, f))


def finish(w: int, f: Frame) -> list[str]:
    """The ends of an output, by bw_count_kind."""
    n = 2 * w
    places = PLACES[w]
    bytes_ = [*bias(f), "    eor r0, #0x80"]
    code = [f".Lonly_{w}:", *bytes_, *each("vhadd.s8 {0}, {0}, r0", n, 0)]
    code += [*collect(list(range(n)), places), *store(w, f, n - 1, True)]

    state, keep = f"    ldr r1, [sp, #{f.STATE}]", f"    str r1, [sp, #{f.STATE}]"
    code += [f".Lkeep_{w}:", state, f"    vstmia r1!, {q(0, n)}", keep, *following(w, f)]

    code += [f".Ladd_{w}:", state]
    if w == 4:
        code += [f"    add r3, sp, #{f.spill}", f"    vstmia r3, {q(4, 4)}"]
        for part in (0, 1):
            code += [f"    vldmia r3, {q(0, 4)}"] if part else []
            code += [
                f"    vldmia r1, {q(4, 4)}",
                *each("vadd.i8 {0}, {0}, {1}", 4, 0, 4),
                f"    vstmia r1!, {q(0, 4)}",
            ]
    else:
        code += [
            f"    vldmia r1, {q(n, n)}",
            *each("vadd.i8 {0}, {0}, {1}", n, 0, n),
            f"    vstmia r1!, {q(0, n)}",
        ]
    code += [keep, *following(w, f)]

    code += [f".Lpair_{w}:", state]
    if w == 4:
        code += [
            f"    add r3, sp, #{f.spill}",
            f"    vstmia r3, {q(4, 4)}",
            f"    vldmia r1!, {q(4, 4)}",
            *each("vhadd.s8 {0}, {0}, {1}", 4, 0, 4),
            f"    vldmia r1!, {q(4, 4)}",
            keep,
            *bytes_,
            *each("vhadd.s8 {0}, {0}, r0", 4, 0),
            *collect([0, 1, 2, 3], places[:4]),
        ]
        for k in range(4):
            code += [f"    vldrw.u32 q0, [r3, #{16 * k}]", f"    vhadd.s8 q{4 + k}, q{4 + k}, q0"]
        code += [
            *each("vhadd.s8 {0}, {0}, r0", 4, 4),
            *collect([4, 5, 6, 7], places[:4]),
            "    vsri.8 q7, q3, #4",
            *store(w, f, 7, True),
        ]
    else:
        code += [
            f"    vldmia r1!, {q(n, n)}",
            keep,
            *each("vhadd.s8 {0}, {0}, {1}", n, 0, n),
            *bytes_,
            *each("vhadd.s8 {0}, {0}, r0", n, 0),
            *collect(list(range(n)), places),
            *store(w, f, n - 1, True),
        ]
    for kind in KINDS[4:]:
        code += wide(w, f, kind)
    return code


def line(w: int, v: int) -> list[str]:
    """Top bits of vector v of both branches: r4, r5 states, q4, q5 factors, r10 limit + 1.

    Bits that are there lie in q7 and q1 by turns.
    """
    group = min(4, 2 * w)
    both = 16 * (v // group * 2 * group + v % group)  # A; B lies a group behind
    odd, bits = ("q1", "q7") if v % 2 == 0 else ("q7", "q1")
    code = [
        f"    vldrw.u32 q0, [r4, #{both}]",
        f"    vldrw.u32 {odd}, [r4, #{both + 16 * group}]",
        f"    vmla.s16 q0, {odd}, r8",
        f"    vldrw.u32 q2, [r5, #{both}]",
        f"    vldrw.u32 q3, [r5, #{both + 16 * group}]",
        "    vmla.s16 q2, q3, r8",
    ]
    for a, b, other in (("q0", "q2", "q3"), (odd, "q3", "q2")):
        code += [
            f"    vmullb.s16 q6, {a}, q4",
            f"    vmullt.s16 {a}, {a}, q4",
            f"    vmullb.s16 {other}, {b}, q5",
            f"    vmullt.s16 {b}, {b}, q5",
            f"    vadd.i32 q6, q6, {other}",
            f"    vadd.i32 {a}, {a}, {b}",
            "    vsub.i32 q6, q6, r10",
            f"    vsub.i32 {a}, {a}, r10",
            f"    vsri.32 {a}, q6, #16",
        ]
        if a == "q0":
            code.append(f"    vldrw.u32 q3, [r5, #{both + 16 * group}]")
    code.append(f"    vsri.16 {odd}, q0, #8")
    if v:
        code.append(f"    vsri.8 {odd}, {bits}, #{5 - w if v == w else 1}")
    return code


def lines(w: int) -> list[str]:
    """bw_mve_lines_W(lines): one output after another."""
    f = Pointers(f"lines_{w}")
    code = [
        *function(f"bw_mve_lines_{w}"),
        "    push {r4-r11, lr}",
        "    vpush {d8-d15}",
        f"    sub sp, #{f.size + 4}",  # sp stays a multiple of 8
        "    ldm r0, {r4-r11}",  # states, factors, limits, out, stride, outputs, words
        "    lsl r9, r9, #2",
        f"    strd r8, r9, [sp, #{f.OUT}]",
        f"    strd r10, r11, [sp, #{f.LEFT}]",
        "    mvn r8, #255",
        f".Loutput_{f.tag}:",
        "    ldrsh r0, [r6], #2",
        "    vdup.16 q4, r0",
        "    ldrsh r0, [r6], #2",
        "    vdup.16 q5, r0",
        "    ldr r10, [r7], #4",
        "    add r10, #1",
    ]
    for v in range(2 * w):
        code += line(w, v)
    code += [f"    add r4, #{64 * w}", f"    add r5, #{64 * w}"]
    code += store(w, f, 7, True)  # vectors are even in number, so that the last bits lie in q7
    return [
        *code,
        f".Lend_{f.tag}:",
        f"    add sp, #{f.size + 4}",
        "    vpop {d8-d15}",
        "    pop {r4-r11, pc}",
    ]


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
    return "\n".join([*code, "#endif", ""])


def main() -> int:
    """Writes the file; with --check only says whether it is up to date."""
    if sys.argv[1:] == ["--check"]:
        return int(TARGET.read_text() != text())
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
