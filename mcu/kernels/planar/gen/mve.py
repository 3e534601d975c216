"""What the generators of MVE code share: registers, the stack, storing an output's bits.

*Collecting.* `vsri.8` puts the top bits of one vector behind those collected already, so that a
byte of the result holds the bits of all eight vectors (W = 4), or of the four or two that there are
in their places.
"""

KINDS = ("only", "keep", "add", "pair", "first", "more", "last")
FOLDS = 17
FREE = ("r0", "r1", "r2", "r3")
# Places of the vectors' top bits in a byte, low fields first.
PLACES = {4: (0, 1, 2, 3, 4, 5, 6, 7), 2: (2, 3, 6, 7), 1: (3, 7)}


def q(first: int, count: int) -> str:
    """Register list of vectors first … first + count - 1."""
    return f"{{d{2 * first}-d{2 * (first + count) - 1}}}"


def each(text: str, count: int, *offsets: int) -> list[str]:
    """`text` for n = 0 … count - 1 with {0}, {1}, … = q(offset + n)."""
    return ["    " + text.format(*(f"q{offset + n}" for offset in offsets)) for n in range(count)]


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
            f"    mov r9, #{mask}",
        ]
        code += [f"    {op} {r}, r9, {r}" for r in FREE]
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
