"""HTML by small functions that escape whatever is not already HTML.

A plain ``str`` is text and is escaped wherever it goes; only ``Html`` (which these functions
return) passes as it is. File names, layer names and labels come from outside, so forgetting to
escape must not be possible.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already. Make it with ``tag`` or ``raw`` alone."""

    __slots__ = ()


def raw(markup: str) -> Html:
    """Declares our own constant markup (style sheet, script) to be HTML."""
    return Html(markup)


def text(value: object) -> Html:
    """Any value as escaped text; HTML stays as it is."""
    return value if isinstance(value, Html) else Html(escape(str(value), quote=True))


def join(parts: Iterable[str | Html | None], between: str = "") -> Html:
    """Parts one after the other; ``None`` is left out."""
    return Html(between.join(text(part) for part in parts if part is not None))


def tag(name: str, /, *children: str | Html | None, **attributes: object) -> Html:
    """One element.

    Args:
        name: element name, also of SVG.
        children: text or HTML, in order; ``None`` is left out.
        attributes: values are escaped. A trailing underscore is dropped (``class_``), other
            underscores become hyphens (``stroke_width``). ``True`` gives a bare attribute; ``None``
            and ``False`` leave it out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        words.append(key if value is True else f'{key}="{escape(str(value), quote=True)}"')
    opening = f"<{' '.join(words)}>"
    if name in VOID:
        return Html(opening)
    return Html(f"{opening}{join(children)}</{name}>")


def data_uri(content: bytes, kind: str) -> str:
    """``content`` as a ``data:`` address, so that a page needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
