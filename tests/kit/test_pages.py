"""Pages, charts and statistics: escaping, geometry, intervals, no request to anywhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.demo import page as demo_page
from kit.demo.results import Demo, Layer, Memory, ModelRun, Picture, Place
from kit.report import html, page, scatter, stats, svg

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Balance(HTMLParser):
    """Collects what a page refers to and whether its elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.bad: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        known = dict(attributes)
        self.ids += [known["id"]] if "id" in known else []
        self.targets += [known[key] for key in ("href", "for", "aria-labelledby") if key in known]
        self.sources += [known["src"]] if "src" in known else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)


def parsed(text: str) -> Balance:
    found = Balance()
    found.feed(text)
    found.close()
    return found


EVIL = "<img src=x onerror=alert(1)>\"&'"


def run_of(name: str = "toy", **changes) -> ModelRun:
    """Five pictures: the first answered wrongly and not bit for bit."""
    pictures = []
    for i in range(5):
        label = i % 2
        verdict = 1 - label if i == 0 else label
        shares = (0.25, 0.75) if verdict else (0.75, 0.25)
        recorded = "ab" if i == 0 else "aa"
        file = f"{i}-{EVIL}.png"
        pictures.append(
            Picture(i, file, label, verdict, shares, 1000 + i, "aa", recorded, b"\x89PNG")
        )
    layers = (Layer(0, "glt", EVIL, "other", 0, 10), Layer(1, "bconv2d", "c", "binary", 9, 90))
    fields = {
        "name": name, "data": "scenes", "split": "test", "seed": "1", "synthetic": True,
        "labels": (EVIL, "person"), "sha256": "ab" * 32, "planned": 5, "layers": layers,
        "pictures": tuple(pictures), "shape": (4, 4, 1),
        "memory": Memory(9000, 5000, 2000, 700, 300, 1024), **changes,
    }  # fmt: skip
    return ModelRun(**fields)


PLACE = Place("b", "Board", "cortex-m4", True, "instructions", "gcc", "-O3", "c0ffee", 1 << 20,
              128 << 10)  # fmt: skip


@pytest.mark.parametrize(
    "demo",
    [
        Demo(PLACE, (run_of(), run_of("second", synthetic=False, data="faces"))),
        Demo(PLACE, (run_of(stopped="stopped by Ctrl-C", planned=9, layers=(), memory=None),)),
        Demo(PLACE, (run_of(), run_of("never", pictures=(), layers=(), memory=None))),
    ],
)
def test_the_demo_page_is_one_whole_file_that_loads_nothing(demo: Demo) -> None:
    text = demo_page.render(demo, ("results.json",))
    found = parsed(text)
    assert (found.open, found.bad) == ([], [])
    assert len(found.ids) == len(set(found.ids))
    places = [target[1:] for target in found.targets if target.startswith("#")]
    assert set(places) <= set(found.ids)
    assert all(source.startswith("data:") for source in found.sources)
    assert not re.search(r"https?://|@import|url\((?!#)", text), "a page must not load anything"
    assert EVIL not in text
    assert "<script" not in text
    assert "This run stopped early" in text or demo.complete


def test_only_a_model_for_the_same_pictures_stands_beside_the_published_one() -> None:
    pages = [
        demo_page.render(Demo(place, (run_of(shape=shape),)))
        for place, shape in (
            (PLACE, (96, 96, 1)),
            (PLACE, (32, 32, 1)),
            (replace(PLACE, unit="cycles"), (96, 96, 1)),
        )
    ]
    assert ["22,928,450" in text for text in pages] == [True, False, False]


def test_a_network_that_may_be_guessing_is_said_to() -> None:
    """4 of 5 right where one answer gets 3 of 5: the interval begins at 37.6 %."""
    run = run_of()
    assert "Always answering" in run.doubt
    assert "60.0 %" in run.doubt
    assert "No better than guessing?" in demo_page.render(Demo(PLACE, (run,)))
    many = replace(run, pictures=run.pictures * 40)  # the same share, 200 pictures
    assert many.doubt == ""
    assert "guessing" not in demo_page.render(Demo(PLACE, (many,)))
    assert replace(run, pictures=()).doubt == ""


def test_the_balance_check_can_fail() -> None:
    """Negative control of the test above."""
    found = parsed("<div><p>one</div><a href='#gone'>x</a>")
    assert found.bad
    assert found.targets == ["#gone"]


@given(st.text(), st.text())
def test_whatever_is_text_stays_text(content: str, value: str) -> None:
    made = html.tag("p", content, title=value)
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes) -> None:
            seen.append(tag)

        def handle_data(self, data) -> None:
            seen.append("text")

    reader = Reader()
    reader.feed(made)
    reader.close()
    assert [tag for tag in seen if tag != "text"] == ["p"]
    assert html.tag("meta", name="x") == '<meta name="x">'


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (Wilson).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_the_published_interval(right: int, total: int, low: float, high: float) -> None:
    assert stats.wilson(right, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_is_symmetric(counts: tuple[int, int]) -> None:
    right, total = counts
    low, high = stats.wilson(right, total)
    assert 0 <= low <= right / total <= high <= 1
    mirrored = stats.wilson(total - right, total)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_impossible_counts_are_refused() -> None:
    for right, total in ((3, 2), (-1, 4), (0, -1)):
        with pytest.raises(ValueError, match="not a count"):
            stats.wilson(right, total)
    assert stats.wilson(0, 0) == (0.0, 1.0)


BAR = re.compile(r'width="([\d.]+)%" height="\d+" rx="2" class="bar')


def widths(chart: str) -> list[float]:
    return [float(width) for width in BAR.findall(chart)]


def test_bars_and_gauges_are_as_long_as_their_values() -> None:
    rows = [svg.Bar("a", "200", 200), svg.Bar("b", "50", 50, "other"), svg.Bar("c", "0", 0)]
    assert widths(svg.bars(rows, "t")) == [100, 25, 0]
    parts = [svg.Part("x", 30, "binary"), svg.Part("y", 20, "other")]
    assert widths(svg.gauge(parts, 100, "t")) == [30, 20]
    assert widths(svg.gauge(parts, 40, "over")) == [60, 40]


def test_scatter_points_lie_where_their_figures_say() -> None:
    points = [
        scatter.Point(1e6, 0.9, 0.85, 0.95, 1, "one"),
        scatter.Point(2e6, 1, 0.9, 1, 2, "two"),
    ]
    made = scatter.chart(points, "instructions", "t")
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)%" cy="([\d.]+)"', made)]
    (x1, y1), (x2, y2) = places
    assert (x1 - scatter.LEFT) * 2 == pytest.approx(x2 - scatter.LEFT, abs=0.01)
    assert y2 == scatter.TOP
    assert y1 > y2
    assert scatter.floor_of(points) == pytest.approx(0.8)
    for label in ("80 %", "100 %", "1.2 M", "2.4 M", "instructions per inference"):
        assert label in made


@given(st.floats(1e-3, 1e12))
def test_axes_end_at_round_numbers_above_the_data(top: float) -> None:
    end = scatter.nice(top)
    assert top * (1 - 1e-9) <= end <= 1.5 * top * (1 + 1e-9)


@given(
    st.text("abcdefghij/_", max_size=60),
    st.sampled_from(["glt", "bconv2d_bits", "gather_channels", "a_very_long_operator_name"]),
    st.integers(0, 99),
)
def test_a_layer_label_leaves_room_for_its_figure(name: str, op: str, index: int) -> None:
    label = demo_page.layer_label(Layer(index, op, name, "binary", 1, 1))
    assert len(label) <= max(demo_page.LABEL, len(f"{index} {op}"))
    assert label.startswith(f"{index} {op}")


def test_a_table_row_of_another_length_is_a_bug_not_a_gap() -> None:
    with pytest.raises(ValueError, match="zip"):
        page.table("t", ["a", "b"], [["1"]])
