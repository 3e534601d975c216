"""A line between host and firmware that damages bytes: no wrong figure comes through it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from convert.errors import BoardError
from kit.link import replies
from kit.link.device import Device, DeviceError
from kit.link.wire import LinkLostError

from .test_protocol import BRIGHT, DARK, HALF

pytestmark = pytest.mark.host_c
Match = re.Match[bytes]


def nothing(content: bytes) -> bytes:
    """No damage."""
    return content


class Middle:
    """A pseudo terminal before the firmware's, that damages what it hands on.

    Attributes:
        url: of the host's end.
        to_host, to_board: what is done to each piece; of replies whole lines.
        done: damages so far.
    """

    def __init__(self, board: str) -> None:
        self.to_host = self.to_board = nothing
        self.done = 0
        self._board = os.open(board, os.O_RDWR | os.O_NOCTTY)
        self._ours, self._theirs = os.openpty()
        for end in (self._board, self._theirs):
            tty.setraw(end)
        self.url = os.ttyname(self._theirs)
        self._threads = [
            threading.Thread(target=self._carry, args=ends, daemon=True)
            for ends in (
                (self._board, self._ours, "to_host"),
                (self._ours, self._board, "to_board"),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _carry(self, source: int, sink: int, name: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                content = os.read(source, 4096)
                while name == "to_host" and not content.endswith(b"\n"):
                    content += os.read(source, 4096)
                os.write(sink, getattr(self, name)(content))

    def damage(
        self, name: str, pattern: bytes, change: Callable[[Match], bytes], times: int
    ) -> None:
        """Changes the next `times` places that the pattern finds; `name` is to_host or to_board."""
        until = self.done + times

        def damaged(content: bytes) -> bytes:
            if self.done < until:
                content, count = re.subn(pattern, change, content, count=until - self.done)
                self.done += count
            return content

        setattr(self, name, damaged)

    def close(self) -> None:
        for end in (self._board, self._ours, self._theirs):
            os.close(end)


@pytest.fixture
def middle(firmware) -> Iterator[Middle]:
    line = [str(firmware("host")), "--pty"]
    with subprocess.Popen(line, stderr=subprocess.PIPE) as process:
        made = Middle(process.stderr.readline().split()[-1].decode())
        yield made
        process.kill()  # the thread that reads of it ends
        made.close()


@pytest.fixture
def device(middle: Middle) -> Iterator[Device]:
    with Device(middle.url) as opened:
        opened.synchronise(20)
        opened.load(HALF)
        yield opened


def other_digit(match: Match) -> bytes:
    """The same with another last digit."""
    return match[0][:-1] + (b"3" if match[0][-1:] != b"3" else b"7")


def outputs(device: Device) -> dict[int, bytes]:
    return device.run().outputs


def without_ticks(device: Device) -> dict[int, bytes]:
    return device.run(layers=False).outputs


ANSWERS = {
    "a tick": (rb"p-layer-1-\d", other_digit, outputs),
    "the total": (rb"p-total-\d+", other_digit, without_ticks),
    "an output byte": (rb"p-out-0-[0-9a-f]{4}", other_digit, outputs),
    "a probability": (rb"m-results-\[0", other_digit, outputs),
    "a size": (rb"p-mem-stack-size-\d", other_digit, Device.memory),
    "a count": (rb"p-layer-1-\[[^,]*,[^,]*,\d", other_digit, Device.layers),
    "the model": (rb"p-sha256-\[[0-9a-f]", other_digit, Device.info),
    "the version": (rb"p-protocol-\[\d", other_digit, Device.info),
    "the checksum": (rb"p-crc-[0-9a-f]", other_digit, Device.memory),
    "its line": (rb"p-crc-[0-9a-f]{8}\r\n", lambda match: b"", Device.memory),
    "the end": (rb"m-ready\r\n", lambda match: b"m-re", Device.memory),
    "a line that is lost": (rb"p-mem-ram-\d+\r\n", lambda match: b"", Device.memory),
    "a line that comes twice": (rb"p-mem-ram-\d+\r\n", lambda match: 2 * match[0], Device.memory),
}


def fresh(device: Device) -> Device:
    """Forgets what is asked only once."""
    device._info = device._rows = None
    return device


@pytest.mark.parametrize("name", ANSWERS)
def test_damage_is_asked_for_again_and_then_refused(name: str, middle: Middle, device) -> None:
    pattern, change, ask = ANSWERS[name]
    wanted = ask(device)
    middle.damage("to_host", pattern, change, 1)
    assert ask(fresh(device)) == wanted
    assert middle.done == 1
    if name == "the end":  # twice in a reply and its repetition: the search for the rhythm needs it
        return
    middle.damage("to_host", pattern, change, 2)
    with pytest.raises(replies.GarbledError, match="damaged") as caught:
        ask(fresh(device))
    assert "p-crc" in caught.value.where
    assert middle.done == 3
    middle.to_host = nothing
    device.synchronise(20)
    assert ask(fresh(device)) == wanted


def test_without_its_checksum_a_changed_digit_would_pass(middle, device, monkeypatch) -> None:
    """The negative control: it is the checksum that notices, nothing else."""
    wanted = outputs(device)
    monkeypatch.setattr(replies, "checked", lambda command, lines: lines[:-1])
    middle.damage("to_host", *ANSWERS["an output byte"][:2], 1)
    assert outputs(device) != wanted


COMMANDS = {
    "a letter": (rb"p-infer%", lambda match: b"p-infes%"),
    "another command": (rb"p-infer%", lambda match: b"p-mem%"),
    "two commands": (rb"p-infer%", lambda match: b"p-in%er%"),
    "a public one": (rb"p-infer%", lambda match: b"q-infer%"),
    "noise before it": (rb"p-infer%", lambda match: b"\x07\xffp-infer%"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_damaged_command_is_given_again(name: str, middle: Middle, device: Device) -> None:
    wanted = without_ticks(device)
    middle.damage("to_board", *COMMANDS[name], 1)
    assert without_ticks(device) == wanted
    assert middle.done == 1
    assert without_ticks(device) == wanted


PICTURES = {
    "the size": ("to_board", rb"p-frame 1024%", lambda match: b"p-frame 1025%"),
    "the command": ("to_board", rb"p-frame 1024%", lambda match: b"p-framf 1024%"),
    "the go": ("to_host", rb"p-go-1024", lambda match: b"p-go-1025"),
    "a refusal": ("to_host", rb"p-frame-ok", lambda match: b"e-[unknown command]"),
    "the acknowledgement": ("to_host", rb"p-frame-ok", lambda match: b"p-frame-oj"),
    "a pixel": ("to_board", rb"\xff{3}", lambda match: b"\xff\xfe\xff"),
    "one pixel more": ("to_board", rb"\xff{3}", lambda match: b"\xff" * 4),
    "one pixel less": ("to_board", rb"\xff{3}", lambda match: b"\xff" * 2),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_is_damaged_on_its_way_is_sent_again(name, middle, device) -> None:
    device.load(BRIGHT)
    wanted = without_ticks(device)
    device.load(DARK)
    assert without_ticks(device) != wanted
    middle.damage(*PICTURES[name], 1)
    device.load(BRIGHT)
    assert middle.done == 1
    assert without_ticks(device) == wanted
    assert device._frames, "a damaged answer is no board without p-frame"


def test_a_line_that_was_opened_again_trusts_no_damaged_refusal(middle, device) -> None:
    wanted = without_ticks(device)
    device.close()
    with Device(middle.url) as again:
        again.synchronise(20)
        middle.damage(*PICTURES["the command"], 1)
        assert again.infer(HALF).outputs == wanted
        assert again._frames
    assert middle.done == 1


def test_a_reset_is_told_and_never_taken_for_an_answer(middle: Middle, device: Device) -> None:
    banner = b"m-init-done\r\nm-ready\r\n"
    middle.damage("to_host", rb"p-mem-arena", lambda match: banner + match[0], 1)
    with pytest.raises(LinkLostError, match="was reset"):
        device.memory()


def test_a_picture_is_loaded_again_behind_a_damaged_banner(middle: Middle, device) -> None:
    """A board that was reset has no picture; what it computes then is of another one."""
    wanted = without_ticks(device)

    banner = b"m-init-dXne\r\nm-ready\r\n"
    middle.damage("to_host", rb"p-total-", lambda match: banner + match[0], 1)
    frames: list[bytes] = []
    middle.to_board = lambda content: (frames.append(content), content)[1]
    assert without_ticks(device) == wanted
    assert any(content.startswith(b"p-frame 1024%") for content in frames)


def test_a_firmware_of_another_protocol_is_refused(middle: Middle, device: Device) -> None:
    def older(content: bytes) -> bytes:
        return re.sub(rb"p-(crc|protocol)-.*\r\n", b"", content)

    middle.to_host = older
    device._checks = False
    with pytest.raises(BoardError) as caught:
        device.info()
    assert "kit flash" in caught.value.remedy
    assert not isinstance(caught.value, DeviceError)
