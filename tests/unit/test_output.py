"""What the command prints: JSON that is JSON, plain lines at intervals."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from decimal import Decimal
from io import StringIO

import pytest

from sqltune.cli.output import json_line, say, write_json
from sqltune.cli.reporters import BarReporter, LineReporter


def test_json_keeps_letters_and_writes_times_and_decimals_plainly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {
        "text": "\U0001f680 é",
        "at": datetime(2026, 11, 23, 6, 0),
        "day": date(2026, 11, 23),
        "cost": Decimal("1.5000"),
        "raw": b"abc",
        "nothing": None,
    }
    write_json([row])
    text = capsys.readouterr().out
    assert "\U0001f680 é" in text
    (read,) = json.loads(text)
    assert read["at"] == "2026-11-23 06:00:00.000000"
    assert (read["day"], read["cost"], read["raw"]) == ("2026-11-23", 1.5, "abc")


def test_a_line_of_json_is_one_line_of_utf8() -> None:
    line = json_line({"a": "two\nlines \u2028 \U0001f680"})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert "\U0001f680".encode() in line


def test_progress_is_shown_at_intervals_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    reporter = LineReporter(lambda: now[0])
    for step in range(1, 21):
        now[0] += 1.0
        reporter.progress("training", step, 20, "loss 1.000")
    reporter.say("trained")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == ["  training: 20 of 20, loss 1.000", "trained"]
    assert 3 <= len(lines) <= 6


def test_a_new_activity_closes_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = LineReporter(lambda: 0.0)
    reporter.progress("answering (base)", 3, 3)
    reporter.progress("answering (after)", 1, None)
    reporter.finish()
    assert capsys.readouterr().err.splitlines() == [
        "  answering (base): 3 of 3",
        "  answering (after): 1",
    ]


EVIL = "evil\x1b]0;PWNED\x07\x1b[2J\x9b2J\u202e\u200b\nFAKE: all adapters ok"
SHOWN = r"evil\x1b]0;PWNED\x07\x1b[2J\x9b2J\u202e\u200b\nFAKE: all adapters ok"


def test_a_message_is_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{EVIL}: run 7 succeeded")
    reporter = LineReporter(lambda: 0.0)
    reporter.say(EVIL)
    reporter.progress(EVIL, 1, 2, EVIL)
    with reporter.busy(EVIL):
        reporter.finish()
    for line in capsys.readouterr().err.splitlines():
        assert SHOWN in line, line


def test_json_escapes_what_a_terminal_would_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"text": EVIL})
    out = capsys.readouterr().out
    assert json.loads(out) == {"text": EVIL}
    for text in (out, json_line({"text": EVIL}).decode()):
        assert all(c.isprintable() or c == "\n" for c in text)


def test_a_bar_shows_what_is_in_its_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = StringIO()
    monkeypatch.setattr(sys, "stderr", drawn)
    reporter = BarReporter(lambda: 0.0)
    reporter.progress(EVIL, 1, 2, EVIL)
    reporter.say(EVIL)
    with reporter.busy(EVIL):
        reporter.finish()
    for text in ("PWNED\x07", "\x9b", "\u202e", "\nFAKE"):
        assert text not in drawn.getvalue()
