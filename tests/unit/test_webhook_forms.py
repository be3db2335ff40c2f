"""What a call of the webhook says to each kind of receiver."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from sqltune.database.tables.webhook_calls import Notice
from sqltune.webhooks.forms import MOST_CHARACTERS, write_body

REJECTED = Notice(
    "support-bot", "rejected", 7, 7, "mean change -0.1", datetime(2026, 11, 27, 9, 30)
)


def read(notice: Notice, form: str) -> dict[str, object]:
    read: dict[str, object] = json.loads(write_body(notice, form))
    return read


def test_json_has_every_fact_and_an_id_by_which_a_second_delivery_is_known() -> None:
    assert read(REJECTED, "json") == {
        "id": "support-bot/rejected/7",
        "adapter": "support-bot",
        "event": "rejected",
        "run_id": 7,
        "message": "mean change -0.1",
        "happened_at": "2026-11-27 09:30:00.000000",
    }


def test_slack_reads_no_mention_and_no_link_out_of_a_message() -> None:
    notice = replace(REJECTED, message="<!channel> & <http://evil|click> ✓")
    assert read(notice, "slack") == {
        "text": "sqltune: support-bot rejected (run 7): "
        "&lt;!channel&gt; &amp; &lt;http://evil|click&gt; ✓"
    }


def test_teams_gets_a_card_in_which_no_markdown_is_read() -> None:
    notice = replace(REJECTED, event="rolled_back", run_id=None, message="[click](http://evil)")
    (attachment,) = json.loads(write_body(notice, "teams"))["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    (block,) = attachment["content"]["body"]
    assert block["type"] == "RichTextBlock"
    assert block["inlines"] == [
        {"type": "TextRun", "text": "sqltune: support-bot rolled back: [click](http://evil)"}
    ]


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_a_long_message_is_cut_where_a_receiver_would_refuse_it(form: str) -> None:
    body = write_body(replace(REJECTED, message="é" * 50_000), form).decode()
    assert body.count("é") < MOST_CHARACTERS
    assert "…" in body


def test_half_a_character_does_not_stop_a_call() -> None:
    assert b"mean ?" in write_body(replace(REJECTED, message="mean \ud83d"), "json")
