"""Log lines carry events that are listed, in sentences or as JSON; nothing else is configured."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqltune import log

CODE = Path(__file__).parents[2] / "pipeline" / "sqltune"
EVENT = re.compile(r'extra=\{\s*"event": "(\w+)"')


def sources() -> list[str]:
    """Give the text of every module but the one that lists the events."""
    paths = [path for path in CODE.rglob("*.py") if path.name != "log.py"]
    return [path.read_text(encoding="utf-8") for path in paths]


@pytest.fixture(autouse=True)
def kept_logger() -> Iterator[None]:
    """Put the logger back as it was."""
    logger = logging.getLogger("sqltune")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def test_every_event_in_the_code_is_listed() -> None:
    named = {name for text in sources() for name in EVENT.findall(text)}
    assert "adapter_decided" in named
    assert named - log.EVENTS == set()


def test_every_listed_event_is_in_the_code() -> None:
    unused = {n for n in log.EVENTS if not any(f'"{n}"' in text for text in sources())}
    assert unused == set()


def test_json_lines_carry_time_level_sentence_and_the_extra_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("info", "json")
    logging.getLogger("sqltune.syncing.worker").info(
        "run %s begins \U0001f680", 7, extra={"event": "run_begun", "run_id": 7}
    )
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "run 7 begins \U0001f680"
    assert (line["event"], line["run_id"], line["level"]) == ("run_begun", 7, "info")
    assert line["time"].endswith("+00:00")


def test_text_lines_are_the_sentence_alone_and_respect_the_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("warning", "text")
    logger = logging.getLogger("sqltune.syncing.worker")
    logger.info("quiet", extra={"event": "run_begun"})
    logger.warning("loud", extra={"event": "lease_lost"})
    assert capsys.readouterr().err == "loud\n"


def test_a_failure_in_json_keeps_its_traceback_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("info", "json")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("sqltune").exception("failed", extra={"event": "run_failed"})
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: why" in json.loads(line)["traceback"]


def test_configuring_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "text")
    log.configure("info", "text")
    logging.getLogger("sqltune").info("once")
    assert capsys.readouterr().err == "once\n"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_text_of_others_begins_a_line_or_steers_the_terminal(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    evil = "x\x1b[2J\x9b\u202e\nFAKE: all adapters ok"
    log.configure("info", log_format)
    logger = logging.getLogger("sqltune.syncing.worker")
    logger.info("run of %s", evil, extra={"event": "run_begun", "adapter_name": evil})
    try:
        raise ValueError(evil)
    except ValueError:
        logger.exception("failed: %s", evil, extra={"event": "run_failed"})
    lines = capsys.readouterr().err.splitlines()
    assert not [line for line in lines if line.startswith("FAKE")]
    assert all(line.isprintable() for line in lines)
