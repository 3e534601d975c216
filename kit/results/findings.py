"""What the numbers say, in sentences computed from them: differences of arms seed by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kit.results.tables import (
    INSTRUCTIONS,
    NOT_SHARES,
    Outcome,
    counted,
    in_the_dark,
    kernels_of,
    metric_of,
    points,
    score,
    told,
)
from train.results.aggregate import Mean, mean_of, over_seeds

Found = Mapping[str, Sequence[Outcome]]  # arm -> outcomes
# pairs of arms: one, the other, both in words
PAIRS = {
    "a": (
        ("encoder-glt", "encoder-binary", "GLT against the natural binary code"),
        ("encoder-glt", "encoder-linear", "GLT against the linear thermometer"),
        (
            "encoder-glt-32-dithered", "encoder-glt-32",
            "GLT of 32 planes: dithered kernels against ordinary ones",
        ),
    ),
    "d": (
        ("block-m1", "block-twin", "BiNeal, m = 1, against the 8-bit twin"),
        ("block-m2", "block-twin", "BiNeal, m = 2, against the 8-bit twin"),
        ("block-m2-67", "block-twin", "BiNeal, m = 2.67, against the 8-bit twin"),
        ("block-stem8", "block-m1", "BiNeal, m = 1: an 8-bit first layer against a binary one"),
        ("block-stem8", "block-twin", "BiNeal, m = 1, 8-bit first layer, against the 8-bit twin"),
        (
            "block-m2-67-stem8", "block-twin",
            "BiNeal, m = 2.67, 8-bit first layer, against the 8-bit twin",
        ),
        (
            "block-m2-67-dithered", "block-m2-67",
            "BiNeal, m = 2.67: dithered kernels on 32 planes against ordinary ones on 8",
        ),
        (
            "block-m2-67-dithered", "block-twin",
            "BiNeal, m = 2.67, dithered kernels, against the 8-bit twin",
        ),
        ("block-m1-sums", "block-m1", "BiNeal, m = 1: pooling trained on sums against on bits"),
        (
            "block-m2-67-sums", "block-m2-67",
            "BiNeal, m = 2.67: pooling trained on sums against on bits",
        ),
        (
            "block-m2-67-stem8-sums", "block-m2-67-stem8",
            "BiNeal, m = 2.67, 8-bit first layer: pooling trained on sums against on bits",
        ),
        (
            "block-m2-67-stem8-sums", "block-twin",
            "BiNeal, m = 2.67, 8-bit first layer, pooling of sums, against the 8-bit twin",
        ),
        ("block-m1", "block-bireal", "BiNeal, m = 1, against Bi-Real"),
        ("block-m2-67", "block-bireal", "BiNeal, m = 2.67, against Bi-Real"),
        ("block-m1", "block-reactnet", "BiNeal, m = 1, against ReActNet"),
        ("block-m2-67", "block-reactnet", "BiNeal, m = 2.67, against ReActNet"),
        (
            "block-m2-67-sums", "block-bireal",
            "BiNeal, m = 2.67, pooling of sums, against Bi-Real",
        ),
        (
            "block-m2-67-sums", "block-reactnet",
            "BiNeal, m = 2.67, pooling of sums, against ReActNet",
        ),
        (
            "block-m2-67", "block-bireal-third",
            "BiNeal, m = 2.67, against Bi-Real a third as wide",
        ),
        (
            "block-m2-67", "block-reactnet-third",
            "BiNeal, m = 2.67, against ReActNet a third as wide",
        ),
        (
            "block-m2-67-sums", "block-bireal-third",
            "BiNeal, m = 2.67, pooling of sums, against Bi-Real a third as wide",
        ),
        (
            "block-m2-67-sums", "block-reactnet-third",
            "BiNeal, m = 2.67, pooling of sums, against ReActNet a third as wide",
        ),
    ),
    "e": tuple(
        (f"task-{task}{one}", f"task-{task}{other}", f"{words}: {ours} against {theirs}")
        for task, words in (
            ("classify", "Classification"), ("detect", "Detection"), ("segment", "Segmentation"),
            ("upscale", "Super-resolution"), ("match", "Matching"),
        )
        for one, other, ours, theirs in (
            ("", "-int8", "BiNeal", "the 8-bit twin"),
            ("-ends8", "", "8-bit ends", "binary ones"),
            ("-ends8", "-int8", "BiNeal with 8-bit ends", "the 8-bit twin"),
            ("-taught", "-ends8", "taught by the twin", "by targets alone"),
            ("-taught", "-int8", "BiNeal with 8-bit ends, taught by the twin,", "the 8-bit twin"),
            ("-sums", "-taught", "m = 2.5 and pooling trained on sums", "m = 2 and on bits"),
            ("-sums", "-int8", "BiNeal, m = 2.5, taught, pooling of sums,", "the 8-bit twin"),
        )
        if one != "-sums" or task in ("classify", "detect", "segment")
    ),
    "f": (
        ("grouping-grouped", "grouping-narrow", "Grouped against dense, equal weight bits"),
        ("grouping-grouped", "grouping-dense", "Grouped against dense, equal channels"),
        ("grouping-grouped", "grouping-unshuffled", "With the shuffle against without"),
    ),
    "g": (
        ("headline-wake", "headline-binary", "GLT of 32 planes against the natural binary code"),
        ("headline-glt", "headline-binary", "GLT of 8 planes against the natural binary code"),
        ("headline-dithered", "headline-wake", "Dithered kernels against ordinary ones"),
        ("headline-wake", "headline-int8", "1 bit, GLT, against MobileNetV1-0.25 in 8 bits"),
        (
            "headline-pooled", "headline-wake",
            "Two signs fewer in a row and pooling against strides",
        ),
        ("headline-pooled", "headline-pooled-binary", "Pooled: GLT against the binary code"),
        ("headline-pooled", "headline-int8", "Pooled, 1 bit, against MobileNetV1-0.25 in 8 bits"),
    ),
}  # fmt: skip
# The "linear ADC" of such a comparison is its binary code, or a thermometer of even thresholds.
DARK = tuple(
    (f"robust-{name}-{suffix}", f"robust-{rival}-{suffix}", f"trained at {words}", ours, theirs)
    for name, ours in (
        ("glt-quantile", "GLT begun at quantiles"),
        ("glt-32", "GLT of 32 planes"),
        ("glt", "GLT begun at a ramp"),
    )
    for rival, theirs in (("binary", "the binary code"), ("linear", "the linear thermometer"))
    for suffix, words in (("metered", "0 EV"), ("exposed", "±3 EV"))
)


def findings(group: str, found: Found) -> list[str]:
    """Sentences for a group; none where an arm of a pair has not run."""
    lines = [line for pair in PAIRS.get(group, ()) for line in _pair(found, *pair)]
    if group == "b":
        lines += [line for pair in DARK for line in _dark(found, *pair)]
    if group == "c":
        lines += [line for arm in ("distilled", "plain") for line in _halved(found, arm)]
    return lines


def paired(ones: Sequence[Outcome], others: Sequence[Outcome]) -> Mean | None:
    """Score of one less that of the other, over the seeds that both have."""
    theirs = {other["seed"]: score(other) for other in others}
    values = []
    for one in ones:
        mine, their = score(one), theirs.get(one["seed"])
        if mine is not None and their is not None:
            values.append(mine - their)
    return mean_of(values)


def _pair(found: Found, first: str, second: str, words: str) -> Iterator[str]:
    ones, others = found.get(first, ()), found.get(second, ())
    gain = paired(ones, others)
    if gain is None:
        return
    metric = metric_of(ones[0])
    share = metric not in NOT_SHARES
    text = told(gain, 100 if share else 1)
    sign = "" if text.startswith("-") else "+"
    unit = "points" if share else "dB"
    line = f"{words}: {sign}{text} {unit} of {metric}"
    mine, theirs = over_seeds(ones, INSTRUCTIONS), over_seeds(others, INSTRUCTIONS)
    commits = {kernels_of(one) for one in (*ones, *others) if "bench" in one}
    if mine and theirs and len(commits) == 1:  # kernels of two commits are no comparison
        line += f" at {mine.mean / theirs.mean:.2f} times the instructions"
    yield f"{line} (n = {counted(gain)})."


def _dark(
    found: Found, first: str, second: str, words: str, thermometer: str, rival: str
) -> Iterator[str]:
    ones, others = found.get(first, ()), found.get(second, ())
    both = {one["seed"] for one in ones} & {other["seed"] for other in others}
    mine = over_seeds([one for one in ones if one["seed"] in both], in_the_dark)
    theirs = over_seeds([other for other in others if other["seed"] in both], in_the_dark)
    if mine and theirs:
        none = ", that is none," if mine.mean <= 0 else ","
        fraction = mine.mean > 0 and theirs.mean > 0
        ratio = f", {mine.mean / theirs.mean:.2f} times as much" if fraction else ""
        yield (
            f"At -3 EV, {words}: {thermometer} loses {told(mine, 100)} points{none} {rival} "
            f"{told(theirs, 100)}{ratio} (n = {counted(mine)})."
        )


def _halved(found: Found, arm: str) -> Iterator[str]:
    """The first step at no more than half the weights."""
    for at, size, _, lost in points(found.get(f"pruning-{arm}", ())):
        whole = points(found[f"pruning-{arm}"])[0][1].mean
        if lost is not None and at and size.mean <= 0.5 * whole:
            how = "with the teacher" if arm == "distilled" else "with labels alone"
            yield (
                f"{100 * size.mean / whole:.0f} % of the weights, {how}: {told(lost, 100)} points "
                f"lost (n = {counted(lost)})."
            )
            return
