"""Commands that only look: plan, status, show, compare, and the help of all."""

from __future__ import annotations

import csv
import re
from io import StringIO

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION

COMMANDS = [
    "sync", "worker", "plan", "cancel", "pause", "resume", "retry", "status", "show", "compare",
    "import", "export", "init", "check", "demo", "gc", "validate", "logs", "why", "forget", "ask",
]  # fmt: skip


def test_plan_says_what_sync_would_do_with_rows_and_estimated_tokens(
    sqltune: Sqltune, people: People, office: str
) -> None:
    before = people.dump()
    (row,) = sqltune.well("plan", "--json").data
    assert row["decision"] == "train"
    assert row["reason"] == "never trained"
    assert (row["samples"], row["prompts"], row["epochs"]) == (1, 1, 1)
    assert row["token_count"] == "estimated"
    assert row["tokens_per_epoch"] > 0
    assert people.dump() == before
    table = sqltune.well("plan").out
    assert "never trained" in table


def test_plan_follows_the_rows(sqltune: Sqltune, people: People, trained_office: str) -> None:
    assert sqltune.well("plan", "--json").data[0]["decision"] == "up_to_date"
    assert sqltune.well("plan", "--force", "--json").data[0]["decision"] == "train"
    people.do("UPDATE adapters SET base_model = ''")
    sqltune.play(base_models=["toy"])
    planned = sqltune("plan", "--json")
    refused = planned.data[0]
    assert planned.code == 2
    assert refused["decision"] == "refused"
    assert "no base model ''" in refused["reason"]


def test_status_shows_each_adapter_as_it_is_now_with_its_live_version(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.declare("attic", is_enabled=0)
    rows = {row["adapter_name"]: row for row in sqltune.well("status", "--json").data}
    assert rows["office"]["live_version"] == 1
    assert (rows["office"]["state"], rows["office"]["state_reason"]) == ("succeeded", None)
    assert rows["attic"]["state"] == "disabled"
    assert (rows["office"]["run_id"], rows["office"]["run_state"]) == (1, "succeeded")
    assert rows["attic"]["run_id"] is None
    table = sqltune.well("status").out
    assert "attic (disabled)" in table
    assert "1 succeeded" in table
    assert "v1" in table


def test_status_shows_no_decision_that_a_run_or_a_person_has_overtaken(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    def now() -> tuple[str, str | None]:
        (row,) = sqltune.well("status", "--json").data
        return row["state"], row["state_reason"]

    # It was decided to train, and that is done.
    assert people.value("SELECT decision FROM adapter_states") == "train"
    assert now() == ("succeeded", None)
    sqltune.well("sync")
    assert now() == ("up_to_date", "nothing changed since run 1 (succeeded)")
    people.do("UPDATE training_samples SET response = ' '")
    assert sqltune("sync").code == 1
    state, reason = now()
    assert (state, "cannot be trained on" in str(reason)) == ("failed", True)
    assert sqltune("sync").code == 1
    state, reason = now()
    assert (state, str(reason).startswith("run 2 failed and nothing changed")) == ("blocked", True)
    people.insert("runs", adapter_name="office")
    assert now()[0] == "queued"


def test_status_without_adapters_says_so(sqltune: Sqltune, people: People) -> None:
    assert "no adapter is declared" in sqltune.well("status").err
    assert sqltune.well("status", "--json").data == []


def test_show_prints_a_run_with_its_events_findings_and_gate(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.teach("office", QUESTION, ANSWER)
    sqltune.well("sync")
    report = sqltune.well("show", "1", "--json").data
    assert report["state"] == "succeeded"
    assert report["events"][0]["event"] == "begun"
    assert report["gate"]["decision"] == "accepted"
    assert report["issue_counts"], "a sample that is there twice is a finding"
    table = sqltune.well("show", "1").out
    assert "accepted" in table
    unknown = sqltune("show", "99")
    assert (unknown.code, "there is no run 99" in unknown.err) == (2, True)


def test_compare_shows_before_and_after_side_by_side(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    found = sqltune.well("compare", "office", "--json").data
    (row,) = found["prompts"]
    assert (row["response_before"], row["response_after"]) == ("I do not know.", ANSWER)
    assert (row["outcome"], row["score_after"]) == ("improved", 1.0)
    assert ANSWER in sqltune.well("compare", "office").out
    assert sqltune.well("compare", "office", "--version", "1", "--json").data == found


def test_compare_begins_with_what_got_worse_and_ends_with_a_summary(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.do("UPDATE training_samples SET response = 'Delft'")
    people.ask("office", "Who are you?", "A model.")
    people.ask("office", "How are you?", "Well.")
    people.ask("office", "Why?")
    people.teach("office", "Who are you?", "A model.")
    people.do("UPDATE adapters SET min_gain = -1")
    sqltune.well("sync")
    found = sqltune.well("compare", "office", "--json").data
    assert [row["outcome"] for row in found["prompts"]] == [
        "regressed", "improved", "unchanged", "not_compared",
    ]  # fmt: skip
    assert (found["version_number"], found["compared_version"]) == (2, 1)
    summary = found["summary"]
    assert (summary["prompts"], summary["compared"]) == (4, 3)
    assert (summary["better"], summary["worse"], summary["equal"]) == (1, 1, 1)
    assert summary["not_compared"] == {"no_expected_text": 1}
    assert summary["mean_change"] == 0
    shown = sqltune.well("compare", "office").out
    first, *_ = shown.splitlines()
    assert first.rstrip() == "worse  1.000 -> 0.000  leaked  Where is our office?"
    assert "  expected  Our office is in Utrecht.\n" in shown
    assert "not compared (no expected text)  Why?" in shown
    assert (
        "summary  office v2 against v1: 3 of 4 prompts compared, 1 better, 1 worse, 1 equal"
        in shown
    )
    assert "verdict  run 2 accepted" in shown


def test_compare_shows_the_latest_version_and_not_a_trial(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    people.insert("runs", adapter_name="office", manifest_id=1, base_model="other")
    sqltune.well("sync")
    assert people.value("SELECT MAX(version_number) FROM adapter_versions") == 2
    latest = sqltune.well("compare", "office", "--json").data
    assert latest == sqltune.well("compare", "office", "--version", "1", "--json").data


def test_compare_of_what_does_not_exist_says_so(
    sqltune: Sqltune, people: People, office: str
) -> None:
    assert "has no evaluated version" in sqltune.well("compare", "office").err
    sqltune.well("sync")
    for number in ("0", "7"):
        gone = sqltune("compare", "office", "--version", number)
        assert (gone.code, f"has no version {number}" in gone.err) == (2, True)
    for command in ("compare", "status", "sync", "plan"):
        unknown = sqltune(command, "offcie")
        assert (unknown.code, "did you mean 'office'?" in unknown.err) == (2, True), command


def test_logs_show_what_happened_in_a_run_line_by_line(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    events = people.rows("SELECT event, message FROM run_events ORDER BY event_number")
    lines = sqltune.well("logs", "1").out.splitlines()
    assert [line[21:].partition(": ")[0] for line in lines] == [
        event.replace("_", " ") for event, _ in events
    ]
    assert [line.partition(": ")[2] for line in lines] == [message for _, message in events]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", lines[0][:19])
    assert sqltune("logs", "7").code == 2


def test_what_is_printed_for_people_is_there_as_json_and_csv_too(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    commands = [
        ("status",), ("plan",), ("show", "1"), ("logs", "1"), ("compare", "office"), ("check",),
        ("validate",), ("sync",), ("why", "office", QUESTION),
        ("forget", "office", "--sample", "1"),
    ]  # fmt: skip
    for command in commands:
        assert sqltune.well(*command, "--json").data, command
        rows = list(csv.DictReader(StringIO(sqltune.well(*command, "--csv").out)))
        assert rows or command == ("validate",), command
    both = sqltune("status", "--json", "--csv")
    assert (both.code, "not both" in both.err) == (2, True)


def test_an_answer_cannot_steer_the_terminal(sqltune: Sqltune, people: People, office: str) -> None:
    people.do(
        "UPDATE training_samples SET response = :r", r="\x1b[2J[red]gone[/red]\x07 \U0001f680"
    )
    sqltune.well("sync")
    table = sqltune.well("compare", "office").out
    assert "\x1b" not in table
    assert "\x07" not in table
    assert "[red]gone[/red]" in table
    assert "\U0001f680" in table


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_texts_are_printed_whatever_the_locale_says(
    sqltune: Sqltune, people: People, office: str, encoding: str
) -> None:
    people.do("UPDATE training_samples SET response = :r", r="Utrecht \U0001f680 שלום")
    foreign = {"LC_ALL": "C", "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    sqltune.well("sync", **foreign)
    done = sqltune.well("compare", "office", "--json", **foreign)
    assert done.data["prompts"][0]["response_after"] == "Utrecht \U0001f680 שלום"
    sqltune.well("compare", "office", **foreign)


def test_sync_gives_json_and_nothing_else_on_stdout(
    sqltune: Sqltune, people: People, office: str
) -> None:
    (row,) = sqltune.well("sync", "--json").data
    assert (row["adapter_name"], row["decision"], row["state"]) == ("office", "train", "succeeded")
    assert sqltune.well("sync").out == "", "talk goes to stderr"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(sqltune: Sqltune, command: str) -> None:
    text = sqltune.well(command, "--help").out
    assert sqltune.well(command, "-h").out == sqltune.well("help", command).out == text
    listed = text.split("Options:\n")[1].split("\n\n")[0].rstrip().splitlines()
    options = [line.split("  ") for line in listed if "--" in line]
    assert options
    for line in listed:
        assert line.strip(), "each option stands with its help"
    for parts in options:
        described = [part for part in parts if part.strip() and not part.strip().startswith("-")]
        assert described, f"{command}: {parts} has no help"


def test_help_lists_every_command_and_version_is_printed(sqltune: Sqltune) -> None:
    text = sqltune.well("--help").out
    assert [name for name in COMMANDS if f"\n  {name} " not in text] == []
    assert sqltune.well("--version").out.startswith("sqltune ")
    wrong = sqltune("snyc")
    assert wrong.code == 2
    assert sqltune("sync", "--fast").code == 2
    assert sqltune("show", "first").code == 2


def test_a_reader_that_goes_away_is_no_error(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    running = sqltune.start("show", "1", "--json")
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert running.process.stderr is not None
    assert "Traceback" not in running.process.stderr.read()
    running.process.wait()
