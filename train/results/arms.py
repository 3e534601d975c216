"""The experiments behind docs/results.md, by group."""

from __future__ import annotations

from train.results.arm import Arm, Group

GROUPS = (
    Group(
        "a",
        "Input encoders",
        "Which encoder turns a byte into bits best, with as many planes and as many weight bits?",
    ),
    Group(
        "b",
        "Robustness to exposure and gamma",
        "The same scenes rendered at other exposures and gammas: what does a learned thermometer "
        "lose, and what a network behind a linear ADC, with and without exposure augmentation?",
    ),
    Group(
        "c",
        "Block pruning",
        "How small can a trained network be made, with and without distillation?",
        cost="size_bits",
    ),
    Group(
        "d",
        "BiNeal against other binary blocks and 8 bits",
        "Accuracy at about equal instructions on the emulated Cortex-M4: BiNeal with m = 2.67, the "
        "8-bit twin, Bi-Real and ReActNet a third as wide; the others are of other widths. "
        "Networks whose maps are real "
        "(Bi-Real, ReActNet, XNOR-Net, the twin) end in a mean and a dense layer, the others in a "
        "binary convolution over the map.",
        cost="instructions",
    ),
    Group(
        "e",
        "Five tasks against their 8-bit twins",
        "The same backbone with BiNeal blocks and with int8 convolutions. With 8-bit ends, our "
        "reading of the paper (see tasks), the first and last layers are int8 around binary ones.",
        cost="instructions",
    ),
    Group(
        "f",
        "Grouped against dense convolutions",
        "What do groups cost in accuracy, at equal channels and at equal weight bits?",
        cost="instructions",
    ),
    Group(
        "g",
        "The headline networks at full size",
        "96×96 pixels, 20,000 training pictures, 40 epochs: what does the learned thermometer "
        "bring there, and how far is a binary network below 8 bits?",
        cost="instructions",
    ),
)

_GROUPING = (
    Arm("grouping-grouped", "f", "grouped, shuffled", "grouping-grouped", priority=20),
    Arm("grouping-narrow", "f", "dense, equal weight bits", "grouping-narrow", priority=20),
    Arm("grouping-dense", "f", "dense, equal channels", "grouping-dense", priority=40),
    Arm("grouping-unshuffled", "f", "grouped, not shuffled", "grouping-unshuffled", priority=60),
)

# Encoder of train.recipes.encoders, words for tables, priority.
_ENCODERS = (
    ("glt", "GLT, learned thermometer", 10),
    ("binary", "natural binary code (conventional ADC)", 10),
    ("linear", "linear thermometer", 12),
    ("quantile", "quantile thermometer", 25),
    ("dither", "linear thermometer, ordered dither", 25),
    ("bitplanes", "bit-plane depthwise", 25),
    ("fracbnn", "FracBNN thermometer", 25),
    ("gray", "Gray code", 45),
    ("glt-quantile", "GLT begun at quantiles", 45),
    ("glt-rect", "GLT, rectangular surrogate", 70),
    ("glt-reste", "GLT, ReSTE surrogate", 70),
    ("glt-32", "GLT of 32 planes, begun at quantiles", 72),
    ("glt-32-dithered", "GLT of 32 planes, begun at quantiles, dithered kernels", 72),
)
_ENCODING = tuple(
    Arm(f"encoder-{name}", "a", what, f"encoders-{name}", priority=priority)
    for name, what, priority in _ENCODERS
)

_SWEEP = {"robustness": ("--n-test", "1000")}
_ROBUSTNESS = tuple(
    Arm(
        f"robust-{name}{suffix}", "b", f"{what}, {words}", f"encoders-{name}{suffix}",
        steps=("train", "robustness", "convert"), options=_SWEEP, priority=priority,
    )
    for name, what, priority in (
        ("glt-quantile", "GLT begun at quantiles", 11),
        ("binary", "binary code of a linear ADC", 11),
        ("glt-32", "GLT of 32 planes begun at quantiles", 24),
        ("glt", "GLT begun at a ramp", 60), ("linear", "thermometer of a linear ADC", 24),
        ("quantile", "quantile thermometer", 60),
    )
    for suffix, words in (("-metered", "trained at 0 EV"), ("-exposed", "trained at ±3 EV"))
)  # fmt: skip

# Both begin with the network of the unpruned arm, and train it where its run is not at hand.
_BASE = ("--base", "{runs}/pruning-unpruned-s{seed}")
_PRUNING = (
    Arm(
        "pruning-distilled", "c", "blocks pruned, retrained with the unpruned network as teacher",
        "pruning-base", steps=("prune", "convert", "bench"), options={"prune": _BASE}, priority=15,
    ),
    Arm(
        "pruning-plain", "c", "blocks pruned, retrained with labels alone", "pruning-base",
        steps=("prune", "convert"), options={"prune": (*_BASE, "--no-teacher")}, priority=15,
    ),
    Arm(
        "pruning-unpruned", "c", "unpruned", "pruning-base", priority=14,
    ),
)  # fmt: skip

_EIGHT: tuple[str, ...] = ("train", "int8", "bench")
_INT8: dict[str, tuple[str, ...]] = {"convert": ("--int8",)}
# Recipe of train.recipes.bineal or .compact, words for tables, priority.
_BLOCKS = (
    ("bineal-m1", "BiNeal, m = 1", 16),
    ("bineal-m2", "BiNeal, m = 2", 16),
    ("bineal-m2-67", "BiNeal, m = 2.67", 16),
    ("bineal-m1-sums", "BiNeal, m = 1, pooling of sums", 18),
    ("bineal-m2-67-sums", "BiNeal, m = 2.67, pooling of sums", 18),
    ("bineal-bireal", "Bi-Real", 16),
    ("bineal-reactnet", "ReActNet", 16),
    ("bineal-bireal-third", "Bi-Real, a third as wide", 18),
    ("bineal-reactnet-third", "ReActNet, a third as wide", 18),
    ("bineal-m1-5", "BiNeal, m = 1.5", 50),
    ("compact", "compact, no skip", 50),
    ("compact-or", "compact, OR residual", 50),
    ("compact-mux", "compact, MUX residual", 50),
    ("compact-mor", "compact, MUX-OR residual", 65),
    ("bineal-xnor", "XNOR-Net", 50),
    ("bineal-xnor-plus", "XNOR-Net++", 50),
    ("bineal-alpha-none", "BiNeal, m = 1, no α", 65),
    ("bineal-alpha-n", "BiNeal, m = 1, α of shape N", 75),
    ("bineal-alpha-nckk", "BiNeal, m = 1, α of shape N×C×K×K", 75),
    ("bineal-plain-signs", "BiNeal, m = 1, no τ, b0, b1", 65),
    ("bineal-int4", "BiNeal, m = 1, branches in INT4", 65),
    ("bineal-m2-67-dithered", "BiNeal, m = 2.67, 32 planes, dithered kernels", 72),
)
_COMPARING = (
    *(
        Arm(name if name.startswith("compact") else f"block-{name.removeprefix('bineal-')}", "d",
            what, name, priority=priority)
        for name, what, priority in _BLOCKS
    ),
    Arm("block-twin", "d", "8-bit twin", "bineal-twin", steps=_EIGHT, priority=16),
    *(
        Arm(f"block-{name}", "d", f"BiNeal, m = {words}", f"bineal-{name}",
            priority=priority, options=_INT8)
        for name, words, priority in (
            ("stem8", "1, 8-bit first layer", 17),
            ("m2-67-stem8", "2.67, 8-bit first layer", 17),
            ("m2-67-stem8-sums", "2.67, 8-bit first layer, pooling of sums", 18),
        )
    ),
)  # fmt: skip

_TASKS = (
    ("classify", "classification"),
    ("detect", "detection"),
    ("segment", "segmentation"),
    ("upscale", "super-resolution ×2"),
    ("match", "matching"),
)
# Suffix of the recipe, words for tables, steps, their options, priority.
_WAYS: tuple[tuple[str, str, tuple[str, ...], dict[str, tuple[str, ...]], int], ...] = (
    ("", "BiNeal, m = 2", Arm.steps, {}, 22),
    ("-ends8", "BiNeal, m = 2, 8-bit ends", Arm.steps, _INT8, 23),
    ("-taught", "BiNeal, m = 2, 8-bit ends, taught by the twin", Arm.steps, _INT8, 21),
    ("-int8", "8-bit twin", _EIGHT, {}, 21),
)
_FIVE = tuple(
    Arm(f"task-{name}{suffix}", "e", f"{what}, {words}", f"tasks-{name}{suffix}", steps=steps,
        options=options, priority=priority)
    for name, what in _TASKS
    for suffix, words, steps, options, priority in _WAYS
) + tuple(
    Arm(f"task-{name}-sums", "e", f"{what}, BiNeal, m = 2.5, 8-bit ends, taught, pooling of sums",
        f"tasks-{name}-sums", options=_INT8, priority=24)
    for name, what in _TASKS[:3]
)  # fmt: skip

# Half an hour a seed on one core, not the ten minutes of the others: behind all of these.
_HEADLINE = (
    Arm("headline-wake", "g", "scenes-wake: GLT of 32 planes, 1 bit", "scenes-wake", priority=30),
    Arm("headline-glt", "g", "the same with 8 planes", "scenes-wake-8", priority=30),
    Arm("headline-binary", "g", "the same behind the natural binary code", "scenes-wake-binary",
        priority=30),
    Arm("headline-dithered", "g", "scenes-wake with dithered kernels", "scenes-wake-dithered",
        priority=72),
    Arm("headline-pooled", "g", "two signs fewer in a row, pooling in place of strides",
        "scenes-wake-pooled", priority=73),
    Arm("headline-pooled-binary", "g", "the same behind the natural binary code",
        "scenes-wake-pooled-binary", priority=73),
    Arm("headline-int8", "g", "MobileNetV1-0.25, 8 bits", "scenes-mobilenet", steps=_EIGHT,
        priority=31),
)  # fmt: skip

ARMS: tuple[Arm, ...] = (
    *_ENCODING,
    *_ROBUSTNESS,
    *_PRUNING,
    *_COMPARING,
    *_FIVE,
    *_GROUPING,
    *_HEADLINE,
)
