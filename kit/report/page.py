"""The page that the demo and the report share: one file, nothing loaded, light and dark.

Style and pictures are inline, there is no script, and every chart has its figures as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kit.report import svg
from kit.report.html import Html, raw, tag, text

STYLE = Path(__file__).with_name("page.css")


def document(
    title: str,
    kicker: str,
    lead: str | Html,
    sections: Sequence[Html],
    links: Sequence[tuple[str, str]] = (),
    foot: str | Html = "",
) -> str:
    """A whole page.

    Args:
        title: heading of the page and title of the window.
        kicker: a few words above it.
        lead: one paragraph: what the reader sees.
        sections: made with ``section``, in order.
        links: (id of a section, words) of the jumps below the lead.
        foot: where the figures come from.
    """
    jumps = [tag("li", tag("a", words, href=f"#{place}")) for place, words in links]
    body = tag(
        "body",
        tag("a", "To the content", class_="skip", href="#main"),
        svg.patterns(),
        tag(
            "header",
            tag("p", kicker, class_="kicker"),
            tag("h1", title),
            tag("p", lead, class_="lead"),
            tag("nav", tag("ul", *jumps), aria_label="On this page") if jumps else None,
            class_="wrap top",
        ),
        tag("main", *sections, id="main", class_="wrap"),
        tag("div", tag("footer", foot), class_="wrap"),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", raw(STYLE.read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def section(place: str, title: str, *content: str | Html | None, badge: Html | None = None) -> Html:
    """A section with its heading; ``place`` is its id."""
    heading = f"{place}-title"
    return tag(
        "section",
        tag("div", tag("h2", title, id=heading), badge, class_="head"),
        *content,
        id=place,
        aria_labelledby=heading,
    )


def data_badge(synthetic: bool | None) -> Html:
    """What kind of pictures a section's figures are of; None: nobody told."""
    kind, words = ("synthetic", "Synthetic pictures") if synthetic else ("real", "Real photographs")
    if synthetic is None:
        kind, words = "unknown", "Pictures of unknown origin"
    return tag("span", words, class_=f"badge {kind}")


def card(title: str, *content: str | Html | None, about: str | Html | None = None) -> Html:
    """A framed block with a small heading and, below it, a line that says what it shows."""
    return tag(
        "div",
        tag("h3", title),
        tag("p", about, class_="soft small") if about else None,
        *content,
        class_="card",
    )


def stat(name: str, value: str, small: str, more: str | Html, chart: Html | None = None) -> Html:
    """A figure to be seen first: ``value`` large, ``small`` (its unit) beside it."""
    return tag(
        "div",
        tag("div", name, class_="stat-name"),
        tag(
            "div",
            value,
            " " if small else None,
            tag("small", small) if small else None,
            class_="stat",
        ),
        chart,
        tag("div", more, class_="stat-more"),
        class_="card",
    )


def facts(rows: Sequence[tuple[str, str | Html]]) -> Html:
    """Names and values, one a line."""
    pairs = [tag("div", tag("dt", name), tag("dd", value)) for name, value in rows]
    return tag("dl", *pairs, class_="facts")


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | Html]]) -> Html:
    """A table; columns whose head starts with ``#`` hold numbers and are right-aligned."""
    right = [head.startswith("#") for head in columns]
    heads = [
        tag("th", head.lstrip("#"), scope="col", class_="r" if is_right else None)
        for head, is_right in zip(columns, right, strict=True)
    ]
    body = [
        tag(
            "tr",
            *(
                tag("td", cell, class_="r" if is_right else None)
                for cell, is_right in zip(row, right, strict=True)
            ),
        )
        for row in rows
    ]
    return tag(
        "div",
        tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *body)),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=caption,
    )


def details(summary: str, *content: Html) -> Html:
    """Content that opens on demand."""
    return tag("details", tag("summary", summary), *content)


def notice(title: str, *content: str | Html, level: str = "h2") -> Html:
    """A box for what a reader must not miss."""
    return tag("div", tag(level, title), *content, class_="notice", role="note")


def points(items: Sequence[str | Html]) -> Html:
    """An unordered list."""
    return tag("ul", *(tag("li", item) for item in items), class_="plain")


def legend(kinds: Sequence[tuple[str, str]]) -> Html:
    """What the fills of a chart mean: (kind, words)."""
    items = []
    for kind, words in kinds:
        swatch = tag(
            "rect",
            width=14,
            height=14,
            rx=3,
            class_=f"k-{kind}",
            style=None if kind == "binary" else f"fill:url(#p-{kind})",
        )
        items.append(tag("li", tag("svg", swatch, aria_hidden="true"), words))
    return tag("ul", *items, class_="legend")


def gauge(name: str, parts: Sequence[svg.Part], limit: int) -> Html:
    """A gauge with its heading: bytes used, limit and share."""
    used = sum(part.value for part in parts)
    if limit:
        words = f"{used:,} of {limit:,} B · {100 * used / limit:.1f} %"
    else:
        words = f"{used:,} B · no limit on this board"
    names = ", ".join(f"{part.name} {part.value:,} B" for part in parts)
    return tag(
        "div",
        tag("div", tag("strong", name), tag("span", words, class_="num"), class_="gauge-head"),
        svg.gauge(parts, limit, f"{name}: {words}: {names}"),
        legend([(part.kind, f"{part.name} {part.value:,} B") for part in parts]),
    )


def sign(good: bool) -> Html:
    """A check mark or a cross, drawn; the words beside it say the same."""
    path = "M2.5 8.5L6.5 12.5L13.5 4" if good else "M3.5 3.5L12.5 12.5M12.5 3.5L3.5 12.5"
    return tag(
        "svg",
        tag("path", d=path, fill="none", stroke_width=2.6, stroke_linecap="round"),
        viewBox="0 0 16 16",
        aria_hidden="true",
    )


def code(value: object) -> Html:
    """A value in the fixed-width face."""
    return tag("code", text(value))
