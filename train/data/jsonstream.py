"""Elements of the arrays in a huge JSON object, one at a time, in bounded memory.

`json.load` of COCO's 448 MB instances_train2014.json builds some hundred million Python objects
(polygons, number by number). Here only the text around the current element is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convert.errors import DataError

BLOCK = 1 << 20  # characters read at once
LARGEST = 16 << 20  # characters of one element; a longer one is damage
AGAIN = "delete this file; then python -m kit data vww takes it from its archive again"
SPACE = " \t\r\n"
DELIMITERS = frozenset(SPACE + ",:]}")


class _Text:
    """A window on a text file: `text[at:]` is what follows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = path.open(encoding="utf-8")
        self.text, self.at, self.ended = "", 0, False
        self.before = 0  # characters that have left the window

    def more(self) -> bool:
        """Reads on; False at the end of the file."""
        block = "" if self.ended else self.stream.read(BLOCK)
        if not block:
            self.ended = True
            return False
        self.before += self.at
        self.text, self.at = self.text[self.at :] + block, 0
        if len(self.text) > LARGEST:
            raise self.damage("an element without end")
        return True

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in SPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, wanted: str) -> str:
        """The next character, one of `wanted`."""
        found = self.peek()
        if not found or found not in wanted:
            raise self.damage(f"{found or 'the end'!r} where one of {wanted!r} belongs")
        self.at += 1
        return found

    def value(self) -> Any:
        """The next JSON value."""
        self.peek()
        decoder = json.JSONDecoder()
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.at)
                # at the window's edge a number may go on: `12.` and then `5`
                if self.text[end : end + 1] in DELIMITERS or not self.more():
                    self.at = end
                    return value
            except json.JSONDecodeError as error:
                if not self.more():
                    raise self.damage(error.msg) from None
            except ValueError:
                raise self.damage("a number of thousands of digits") from None
            except RecursionError:
                raise self.damage("brackets in brackets without end") from None

    def damage(self, what: str) -> DataError:
        return DataError(
            "an annotation file is damaged or truncated",
            where=f"{self.path}, character {self.before + self.at:,}",
            found=what,
            remedy=AGAIN,
        )


def elements(path: Path, arrays: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """(name, element) of the named arrays of the object in `path`, in the file's order.

    Other members are skipped. Reads the file to its end, so that a truncated one is noticed.

    Raises:
        DataError: the file cannot be read, is no JSON object, is truncated, or lacks an array.
    """
    missing = set(arrays)
    try:
        text = _Text(path)
        with text.stream:
            text.take("{")
            while text.peek() != "}":
                name = text.value()
                if not isinstance(name, str):
                    raise text.damage(f"{str(name)[:20]!r} where a name belongs")
                text.take(":")
                if name in arrays and name not in missing:
                    raise text.damage(f"{name} a second time")
                if name in missing and text.peek() == "[":
                    missing.discard(name)
                    for element in _array(text):
                        yield name, element
                elif text.peek() == "[":
                    for _ in _array(text):  # element by element: not the whole array in memory
                        pass
                else:
                    text.value()
                if text.peek() != "}":
                    text.take(",")
            text.take("}")
            if text.peek():
                raise text.damage("more behind the object's end")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "an annotation file cannot be read",
            where=str(path),
            found=str(error)[:200],
            remedy=AGAIN,
        ) from None
    if missing:
        raise DataError(
            "an annotation file lacks a part",
            where=str(path),
            found="no array " + ", ".join(sorted(missing)),
            remedy="take COCO's instances_*.json, not captions or keypoints",
        )


def _array(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return
