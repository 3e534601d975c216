"""Batches made ahead in a thread, so that the step does not wait for augmentation."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
AHEAD = 4  # batches; more only costs memory


def prefetched(items: Iterator[Item], ahead: int = AHEAD) -> Generator[Item, None, None]:
    """The same items in the same order, up to `ahead` of them made before they are asked for.

    One thread runs the iterator, so that whatever generator it draws from is used in order and
    the items do not depend on timing. What it raises is raised here; leaving early stops it.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=ahead)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # whatever it is belongs to the one who asks
            put("error", error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stopped.set()
        thread.join()
