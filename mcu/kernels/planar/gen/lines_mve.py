"""Decisions of pairs by factors, for `count_mve.py`: bw_mve_lines_W.

*Pairs.* With counts a and b of two branches, limit - (p a + q b) < 0 is the complement of the sign
of p a + q b - limit - 1, which is ~(limit - (p a + q b)) and so overflows where that would.
Products of half-words are two vectors of words, even and odd ones; `vsri.32` puts the upper halves
of the even ones below those of the odd ones, `vsri.16` and `vsri.8` go on as for half-words. 27
instructions a vector of bytes, 216 for W = 4.
"""

from assembly import function
from mve import Pointers, store


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
