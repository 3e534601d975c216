"""The ends of an output in `count_mve.py`: decisions and sums, by bw_count_kind.

*Decisions.* Bytes v - 128 and bias B - 128 as signed: v + B > 255 is v' + B' >= 0, the complement
of the sign of `vhadd.s8`. `vsri.8` puts the top bits of one vector behind those collected already,
so that a byte of the result holds the bits of all eight vectors (W = 4), or of the four or two that
there are in their places.

*Half-words.* With bytes v as half-words 256 y + x: A = sum(256 y + x), B = sum(y), x is A - 256 B.
"""

from mve import KINDS, PLACES, Frame, collect, each, following, q, store


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
