"""The demo's page: what ran, what it said of every picture, and what it cost."""

from __future__ import annotations

from kit.demo.results import Demo, Layer, ModelRun, Picture, Place
from kit.report import page, svg
from kit.report.html import Html, data_uri, join, tag
from kit.report.stats import percent

# What the published int8 person detector costs on the same emulated core; docs/demo.md says how it
# was measured.
PEER = {
    "name": "int8 person_detect (TensorFlow Lite Micro, CMSIS-NN, -O2)",
    "instructions": 22_928_450,
    "flash_bytes": 371_272,
    "arena_bytes": 82_308,
}
LABEL = 27  # characters beside a figure of 18 at a width of 310 pixels
LEAST_NAME = 6  # characters of a layer's name that still tell something
PEER_SHAPE = (96, 96, 1)
KIND_WORDS = {"binary": "1-bit", "int8": "8-bit", "other": "other"}


def render(demo: Demo, files: tuple[str, ...] = ()) -> str:
    """The page as HTML text.

    Args:
        demo: the run.
        files: names beside the page that it offers, with their figures.
    """
    place = demo.place
    links = [(model.name, f"{model.name} {model.right}/{model.total}") for model in demo.models]
    links += [("board", "The board"), ("never-run", "What was never run")]
    sections = [_stopped(demo)] if not demo.complete else []
    sections += [_model(model, place) for model in demo.models]
    sections += [_board(demo), _never(place)] + ([_files(files)] if files else [])
    return page.document(
        "A camera that notices people, one bit a weight",
        f"BitWake demo on {place.board}",
        _lead(demo),
        sections,
        links,
        f"Made by BitWake, commit {place.commit}, firmware built with {place.compiler}. "
        "This page is one file and loads nothing.",
    )


def _lead(demo: Demo) -> str:
    place = demo.place
    where = place.where
    models = (
        "a neural network"
        if len(demo.models) == 1
        else (f"{len(demo.models)} neural networks, one after the other,")
    )
    pictures = sum(model.total for model in demo.models)
    return (
        f"You see {models} with binary weights and activations running as firmware on {where}. "
        f"{pictures} test pictures, none of which the networks were trained on, went to the board "
        "over its serial line. Below is what the board answered to each one, right or wrong, and "
        f"what an answer costs in {place.unit}, flash and RAM."
    )


def _stopped(demo: Demo) -> Html:
    done = sum(model.total for model in demo.models)
    planned = sum(model.planned for model in demo.models)
    return page.notice(
        f"This run stopped early: {done} of {planned} pictures",
        tag("p", demo.stopped or "It was interrupted."),
        tag("p", "The figures below are of the pictures that were answered.", class_="soft"),
    )


def _model(run: ModelRun, place: Place) -> Html:
    badge = page.data_badge(run.synthetic)
    return page.section(
        run.name,
        run.name,
        tag("p", _about(run), class_="soft"),
        tag("div", *_figures(run, place), class_="stats"),
        page.notice("No better than guessing?", tag("p", run.doubt), level="h3")
        if run.doubt
        else None,
        _gallery(run),
        tag(
            "div",
            _layers(run, place),
            tag("div", _exact(run), _memory(run, place), _peer(run, place), class_="stack"),
            class_="columns",
        ),
        badge=badge,
    )


def _about(run: ModelRun) -> str:
    kind = (
        "rendered 96×96 scenes seen through a model of a camera sensor; a result on them is a "
        "synthetic result"
        if run.synthetic and run.data == "scenes"
        else "rendered pictures; a result on them is a synthetic result"
        if run.synthetic
        else "real photographs kept aside from training"
    )
    told = f"The {run.split} pictures of data set {run.data} (seed {run.seed}): {kind}"
    if run.synthetic is None:
        told = "Pictures of unknown origin: nothing beside the model tells what they are"
    height, width, channels = run.shape
    notes = "".join(f" {note}" for note in run.notes)
    return (
        f"{told}. The network "
        f"sees {width}×{height} pixels{' of color' if channels == 3 else ' of gray'} and tells "
        f"“{run.label_name(1)}” from “{run.label_name(0)}”.{notes}"
    )


def _figures(run: ModelRun, place: Place) -> list[Html]:
    """The four figures to be seen first."""
    low, high = run.interval
    share = run.right / run.total if run.total else 0.0
    spread = f"95 % interval {percent(low)} to {percent(high)} (Wilson)"
    cards = [
        page.stat(
            "Accuracy",
            percent(share) if run.total else "–",
            f"{run.right} of {run.total}",
            f"{spread}, {run.origin}",
            svg.interval(low, share, high, f"Accuracy {percent(share)}, {spread}"),
        )
    ]
    ticks = run.ticks
    extent = [picture.ticks for picture in run.pictures]
    if not extent:
        more = "no picture was answered"
    elif min(extent) == max(extent):
        more = f"the same for all {run.total} pictures"
    else:
        more = f"median of {run.total} pictures, {min(extent):,} to {max(extent):,}"
    if place.emulated:
        more += "; counted by the emulator, not a time"
    cards.append(
        page.stat(
            f"{place.unit.capitalize()} per inference",
            f"{ticks:,}" if ticks is not None else "–",
            "",
            more,
        )
    )
    memory = run.memory
    for name, used, limit, what in (
        ("Flash", memory.flash if memory else None, place.flash_limit, "code and weights"),
        ("RAM", memory.ram if memory else None, place.ram_limit, "arena and stack included"),
    ):
        more = f"{100 * used / limit:.1f} % of {limit:,} B; {what}" if used and limit else what
        cards.append(page.stat(name, f"{used:,}" if used is not None else "–", "B", more))
    return cards


def _gallery(run: ModelRun) -> Html:
    wrong = run.total - run.right
    name = f"show-{run.name}"
    choices: list[Html] = []
    for key, words in (
        ("all", f"All {run.total}"),
        ("wrong", f"Wrong {wrong}"),
        ("right", f"Right {run.right}"),
    ):
        choices += [
            tag(
                "input",
                type="radio",
                name=name,
                id=f"{name}-{key}",
                class_=f"show-{key}",
                checked=key == "all",
            ),
            tag("label", words, for_=f"{name}-{key}"),
        ]
    nothing = [
        tag("p", words, class_=f"none-left {key} soft")
        for key, words, number in (
            ("no-wrong", "No picture was answered wrongly.", wrong),
            ("no-right", "No picture was answered rightly.", run.right),
        )
        if number == 0
    ]
    grid = tag("ul", *(_picture(run, picture) for picture in run.pictures), class_="grid")
    return tag(
        "fieldset",
        tag("legend", "Every picture and the board's verdict"),
        *choices,
        *nothing,
        grid,
        class_="filters",
    )


def _picture(run: ModelRun, picture: Picture) -> Html:
    said, truth = run.label_name(picture.verdict), run.label_name(picture.label)
    outcome = "right" if picture.right else "wrong"
    shows = {True: "Rendered scene", False: "Photograph", None: "Picture"}[run.synthetic]
    alt = f"{shows} {picture.index + 1}, {truth}: the board said {said}"
    share = 100 * picture.confidence
    level = tag(
        "svg",
        tag("rect", width="100%", height=6, rx=3, class_="track"),
        tag("rect", width=f"{share:.1f}%", height=6, rx=3, class_="k-binary"),
        aria_hidden="true",
    )
    return tag(
        "li",
        tag(
            "img",
            src=data_uri(picture.png, "image/png"),
            alt=alt,
            title=picture.file,
            loading="lazy",
            decoding="async",
        ),
        tag("div", page.sign(picture.right), tag("span", said), class_="said"),
        tag("div", level, f"{share:.0f} %", class_="level", title="confidence of the verdict"),
        tag("div", f"truth: {truth}" if picture.right else f"wrong, is {truth}", class_="truth"),
        class_=f"pic is-{outcome}",
    )


def layer_label(layer: Layer) -> str:
    """Index, operator and as much of the name's end as leaves room for the figure on a phone."""
    head = f"{layer.index} {layer.op}"
    room = LABEL - len(head) - len(" · ")
    name = layer.name if len(layer.name) <= room else f"…{layer.name[-(room - 1) :]}"
    return f"{head} · {name}" if layer.name not in ("", layer.op) and room >= LEAST_NAME else head


def _layers(run: ModelRun, place: Place) -> Html:
    if not run.layers:
        return page.card("Cost of every layer", tag("p", "The run stopped before the profile."))
    total = sum(layer.ticks for layer in run.layers)

    def share(layer: Layer) -> str:
        return percent(layer.ticks / total if total else 0.0)

    rows = [
        svg.Bar(layer_label(layer), f"{layer.ticks:,} · {share(layer)}", layer.ticks, layer.kind)
        for layer in run.layers
    ]
    kinds = [kind for kind in svg.KINDS if any(layer.kind == kind for layer in run.layers)]
    sums = {kind: sum(layer.ticks for layer in run.layers if layer.kind == kind) for kind in kinds}
    table = page.table(
        f"{run.name}, {place.unit} per layer on {place.board}",
        ["#Layer", "Operator", "Name", "Kind", "#MACs", f"#{place.unit.capitalize()}", "#Share"],
        [
            [
                str(layer.index),
                layer.op,
                page.code(layer.name),
                KIND_WORDS.get(layer.kind, "other"),
                f"{layer.macs:,}",
                f"{layer.ticks:,}",
                share(layer),
            ]
            for layer in run.layers
        ],
    )
    return page.card(
        "Cost of every layer",
        svg.bars(rows, f"{run.name}: {place.unit} of each layer; the table below has the figures"),
        page.legend(
            [
                (kind, f"{KIND_WORDS[kind]}: {percent(sums[kind] / total if total else 0.0)}")
                for kind in kinds
            ]
        ),
        page.details("The same as a table", table),
        about=f"One inference with a probe around each layer: {total:,} {place.unit} in all.",
    )


def _exact(run: ModelRun) -> Html:
    if not run.compared:
        good, words = False, "Not compared with LCE"
        more = "No output of LCE's interpreter is recorded beside these pictures."
    else:
        good = run.equal == run.compared
        words = f"Bit-exact with LCE on {run.equal} of {run.compared} pictures"
        more = (
            "The raw output bytes of the board against those that LCE's own interpreter gave for "
            "the same picture, recorded when the model was converted."
        )
    return tag(
        "div",
        tag(
            "div",
            page.sign(good),
            tag("div", tag("strong", words), tag("span", more, class_="soft small")),
            class_=f"exact {'yes' if good else 'no'}",
        ),
        class_="card",
    )


def _memory(run: ModelRun, place: Place) -> Html | None:
    memory = run.memory
    if memory is None:
        return None
    flash = [
        svg.Part("weights", memory.weights, "binary"),
        svg.Part("code and tables", max(0, memory.flash - memory.weights), "other"),
    ]
    stack = min(memory.stack_size, max(0, memory.ram - memory.arena))
    ram = [
        svg.Part("arena", memory.arena, "binary"),
        svg.Part("stack", stack, "int8"),
        svg.Part("other variables", max(0, memory.ram - memory.arena - stack), "other"),
    ]
    used = (
        f"The deepest the stack went is {memory.stack_used:,} B of {memory.stack_size:,} B, found "
        "by painting it before the run."
        if memory.stack_used
        else "The board was not asked how deep the stack went."
    )
    return page.card(
        "Memory",
        tag(
            "div",
            page.gauge("Flash", flash, place.flash_limit),
            page.gauge("RAM", ram, place.ram_limit),
            class_="gauges",
        ),
        about=f"Against the limits of the board. {used}",
    )


def _peer(run: ModelRun, place: Place) -> Html | None:
    """A sense of scale; only where unit and size of the pictures are the same."""
    ticks = run.ticks
    if run.memory is None or ticks is None or place.unit != "instructions":
        return None
    if run.shape != PEER_SHAPE:
        return None
    charts = []
    for title, ours, theirs in (
        ("Instructions per inference", ticks, PEER["instructions"]),
        ("Flash, bytes", run.memory.flash, PEER["flash_bytes"]),
        ("Arena, bytes", run.memory.arena, PEER["arena_bytes"]),
    ):
        assert isinstance(theirs, int)
        rows = [
            svg.Bar(f"{title}: {run.name}", f"{ours:,}", ours, "binary"),
            svg.Bar("int8 person_detect", f"{theirs:,}", theirs, "theirs"),
        ]
        charts.append(svg.bars(rows, f"{title}: {run.name} {ours:,}, {PEER['name']} {theirs:,}"))
    return page.card(
        "Beside a published 8-bit detector",
        *charts,
        tag(
            "p",
            tag("strong", "A different model trained on different data, "),
            "so this compares cost and says nothing about accuracy. "
            f"{PEER['name']}, 96×96 gray, on the same emulated core and counted the same way; its "
            "flash excludes the demo application that ours includes. docs/demo.md tells how it was "
            "measured.",
            class_="soft small",
        ),
        about="For scale, on the same emulated Cortex-M4.",
    )


def _board(demo: Demo) -> Html:
    place = demo.place
    limits = (
        f"{place.flash_limit:,} B flash, {place.ram_limit:,} B RAM"
        if place.flash_limit and place.ram_limit
        else "none: it is this machine"
    )
    rows: list[tuple[str, str | Html]] = [
        ("Board", f"{place.title} ({place.board})"),
        ("Core", f"{place.core}, emulated by QEMU" if place.emulated else place.core),
        (
            "Unit",
            f"{place.unit}; an emulator has no clock, so there are no times here"
            if place.emulated
            else place.unit,
        ),
        ("Limits", limits),
        ("Compiler", place.compiler),
        ("Flags", page.code(place.flags)),
        ("Commit", page.code(place.commit)),
    ]
    for model in demo.models:
        rows.append(
            (
                f"{model.name}, SHA-256",
                join([svg.fingerprint(model.sha256), page.code(model.sha256)]),
            )
        )
    return page.section(
        "board", "The board and the build", tag("div", page.facts(rows), class_="card")
    )


def _never(place: Place) -> Html:
    silicon = (
        f"Silicon. The firmware ran on {place.where}; no real board has executed it."
        if place.emulated
        else "Silicon. The firmware ran as a process on this machine."
        if place.unit == "nanoseconds"
        else "Other boards than the one named above."
    )
    return page.section(
        "never-run",
        "What was never run",
        tag(
            "div",
            page.points(
                [
                    silicon,
                    "A camera. The pictures came over the serial line, not from a sensor.",
                    "A clock or a power meter. No figure here is a time, a cycle count or an "
                    "energy."
                    if place.unit == "instructions"
                    else "A power meter. No figure here is an energy.",
                    "Enough pictures for a fine accuracy: see the intervals, and the model card "
                    "for the evaluation on the whole test set.",
                ]
            ),
            class_="notice",
        ),
    )


def _files(files: tuple[str, ...]) -> Html:
    items = [tag("a", name, href=name) for name in files]
    return page.section("files", "Files beside this page", page.points(items))
