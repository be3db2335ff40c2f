from __future__ import annotations

import json
import unicodedata

import pytest

from sqltune.database.connection import Database
from sqltune.database.tables import runs
from sqltune.errors import DataError
from sqltune.evaluation.shapes import choose_scorer
from tests.database.selecting import NOW, Desk, open_desk

PROMPTS = "SELECT prompt_key, category, scorer FROM run_prompts ORDER BY prompt_key"


@pytest.fixture
def desk(database: Database) -> Desk:
    return open_desk(database)


def test_the_prompts_are_frozen_with_the_scorer_that_counts(desk: Desk) -> None:
    desk.add_prompts(
        [
            {"prompt": "Who?", "expected": "Zoë 😀", "scorer": "exact", "category": "names"},
            {"prompt": "What?", "expected": None, "scorer": None, "category": None},
        ]
    )
    frozen = desk.freeze()
    assert frozen.prompt_count == 2
    assert [row[1:] for row in desk.rows(PROMPTS)] == [("names", "exact"), (None, "token_f1")]
    desk.run("UPDATE eval_prompts SET prompt = 'edited'")
    texts = "SELECT c.prompt, c.response FROM run_prompts r JOIN contents c ON c.content_hash = "
    assert sorted(desk.rows(texts + "r.content_hash")) == [("What?", None), ("Who?", "Zoë 😀")]


def test_the_shape_of_the_expected_text_chooses_the_scorer_where_no_row_names_one(
    desk: Desk,
) -> None:
    desk.add_prompts(
        [
            {"prompt": "a", "expected": "42", "scorer": None},
            {"prompt": "b", "expected": "Paris", "scorer": None},
            {"prompt": "c", "expected": "Paris", "scorer": "exact"},
            {"prompt": "d", "expected": None, "scorer": None},
        ]
    )
    stored = "SELECT scorer, is_scored FROM run_prompts ORDER BY prompt_key"
    desk.freeze(scorer=None, choose_scorer=choose_scorer)
    assert desk.rows(stored) == [("number", 1), ("contains", 1), ("exact", 1), ("none", 0)]
    desk.freeze(scorer="token_f1", choose_scorer=choose_scorer)
    assert [row[0] for row in desk.rows(stored)] == ["token_f1", "token_f1", "exact", "token_f1"]


def test_the_fast_fingerprint_is_that_of_the_frozen_prompts(desk: Desk) -> None:
    desk.add_prompts([{"prompt": f"p{n}", "expected": f"e{n}"} for n in range(300)])
    fast = desk.prompt_fingerprint()
    assert (fast.text, fast.row_count) == (desk.freeze().fingerprint, 300)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("prompt = 'x'", True),
        ("expected = 'x'", True),
        ("expected = NULL", True),
        ("scorer = 'exact'", True),
        ("system_prompt = ''", True),
        ("category = 'x'", False),
    ],
)
def test_what_the_answers_and_scores_depend_on_changes_the_fingerprint(
    desk: Desk, change: str, counts: bool
) -> None:
    desk.add_prompts([{"prompt": "p", "expected": "e"}])
    before = desk.prompt_fingerprint()
    desk.run(f"UPDATE eval_prompts SET {change}")
    after = desk.prompt_fingerprint()
    assert (after != before) is counts


@pytest.mark.parametrize(
    ("query", "rule", "column"),
    [
        ("SELECT '' AS prompt", "empty", "prompt"),
        ("SELECT NULL AS prompt", "missing", "prompt"),
        ("SELECT 'p' AS prompt, 5 AS expected", "not_text", "expected"),
        ("SELECT 'p' AS prompt, 'best' AS scorer", "unknown_scorer", "scorer"),
        ("SELECT 'p' AS prompt, NULL AS prompt_key", "missing", "prompt_key"),
        (
            "SELECT 1 AS prompt_key, 'p' AS prompt UNION ALL SELECT 1, 'q'",
            "duplicate_key",
            "prompt_key",
        ),
        ("SELECT 'p' AS prompt UNION ALL SELECT 'p'", "duplicate_key", "prompt_key"),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_named_and_stops_the_run(
    desk: Desk, query: str, rule: str, column: str
) -> None:
    with pytest.raises(DataError, match=f"cannot be asked .1 {rule}"):
        desk.freeze(eval_query=query, scorers={"exact": True, "token_f1": True})
    assert [(r, c) for r, _, c, _ in desk.issues()] == [(rule, column)]


@pytest.mark.parametrize(
    ("columns", "is_scored"),
    [
        ("'yes' AS expected, NULL AS scorer", 1),
        ("'' AS expected, NULL AS scorer", 1),
        ("NULL AS expected, NULL AS scorer", 0),
        ("NULL AS expected, 'well_formed' AS scorer", 1),
        ("'yes' AS expected, 'well_formed' AS scorer", 1),
        ("NULL AS expected, 'token_f1' AS scorer", 0),
    ],
)
def test_a_prompt_is_frozen_with_whether_its_scorer_can_score_it(
    desk: Desk, columns: str, is_scored: int
) -> None:
    scorers = {"token_f1": True, "well_formed": False}
    desk.freeze(eval_query=f"SELECT 'p' AS prompt, {columns}", scorers=scorers)
    assert desk.rows("SELECT is_scored FROM run_prompts") == [(is_scored,)]


def test_a_prompt_without_a_scorer_is_scored_as_the_scorer_of_the_adapter_can(desk: Desk) -> None:
    query = "SELECT 'p' AS prompt, NULL AS expected"
    desk.freeze(eval_query=query, scorer="well_formed", scorers={"well_formed": False})
    assert desk.rows("SELECT scorer, is_scored FROM run_prompts") == [("well_formed", 1)]


def test_bad_prompts_are_left_out_where_the_adapter_says_skip(desk: Desk) -> None:
    desk.add_prompts([{"prompt": "p"}, {"prompt": ""}])
    frozen = desk.freeze(on_bad_row="skip", max_skipped_share=0.5)
    assert frozen.prompt_count == len(desk.rows(PROMPTS)) == 1
    assert desk.issue_counts() == {"empty": 1}


def test_sample_key_is_taken_for_the_key_of_a_prompt(desk: Desk) -> None:
    desk.freeze(eval_query="SELECT 'k1' AS sample_key, 'p' AS prompt, 1 AS extra")
    assert [row[0] for row in desk.rows(PROMPTS)] == ["k1"]


def test_no_prompts_are_no_error(desk: Desk) -> None:
    assert desk.freeze().prompt_count == 0


def test_prompts_are_frozen_again_after_a_crash(desk: Desk) -> None:
    desk.add_prompts([{"prompt": "p"}, {"prompt": "q"}])
    desk.freeze()
    desk.run("DELETE FROM eval_prompts WHERE prompt = 'q'")
    assert desk.freeze().prompt_count == 1
    assert len(desk.rows(PROMPTS)) == 1


def test_a_prompt_that_was_trained_on_is_a_warning_that_names_both_rows(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r"} for n in range(5)])
    desk.add_prompts([{"prompt": "p3"}, {"prompt": "fresh"}])
    _freeze_after_training(desk)
    ((rule, _, column, severity),) = desk.issues()
    assert (rule, column, severity) == ("leak", "prompt", "warning")


def test_a_leak_names_the_prompt_that_the_sample_gives_away(desk: Desk) -> None:
    """And no other of the same words."""
    desk.add_sample("Who?", "A", system_prompt="You are A.")
    for system in ("You are A.", "You are B."):
        desk.add_prompts([{"prompt": "Who?", "system_prompt": system, "category": system[-2]}])
    _freeze_after_training(desk)
    ((key,),) = desk.rows("SELECT prompt_id FROM eval_prompts WHERE category = 'A'")
    assert [(rule, found) for rule, found, _, _ in desk.issues()] == [("leak", str(key))]


def test_a_conversation_leaks_the_prompt_with_the_same_turns_before_it(desk: Desk) -> None:
    desk.add_samples([{"messages": _turns("Ship?", "Yes.", "When?", "Today.")}])
    desk.add_prompts([{"messages": _turns("Ship?", "No.", "When?"), "category": "other"}])
    desk.add_prompts([{"messages": _turns("Ship?", "Yes.", "When?"), "category": "same"}])
    _freeze_after_training(desk)
    ((key,),) = desk.rows("SELECT prompt_id FROM eval_prompts WHERE category = 'same'")
    assert [found for _, found, _, _ in desk.issues()] == [str(key)]


def test_a_prompt_that_is_trained_in_another_context_is_a_leak_that_says_so(desk: Desk) -> None:
    desk.add_sample("Who?", "A", system_prompt="You are C.")
    desk.add_prompts([{"prompt": "Who?"}])
    _freeze_after_training(desk)
    ((message,),) = desk.rows("SELECT message FROM data_issues")
    assert "has the same prompt in another context" in message


def test_a_prompt_that_repeats_another_is_a_warning_that_names_it(desk: Desk) -> None:
    columns = "SELECT '{}' AS prompt_key, 'Who?' AS prompt, '{}' AS expected"
    rows = [columns.format(*each) for each in (("a", "Ada"), ("b", "Ada"), ("c", "Al"))]
    assert desk.freeze(eval_query=" UNION ALL ".join(rows)).prompt_count == 3
    assert desk.issues() == [("repeated_prompt", "b", "prompt", "warning")]
    assert "prompt a has the same texts" in _first_message(desk)


@pytest.mark.parametrize("form", ["prompt", "messages"])
def test_a_prompt_in_another_case_or_with_other_blanks_is_a_leak(desk: Desk, form: str) -> None:
    """Whether the sample has a prompt or a conversation that begins with it."""
    desk.add_samples(
        [{"prompt": "Who is our CEO?", "response": "Ada"}]
        if form == "prompt"
        else [{"messages": _turns("Who is our CEO?", "Ada", "And CTO?", "Al")}]
    )
    desk.add_prompts([{"prompt": "who IS our\n CEO? "}, {"prompt": "Who is our CFO?"}])
    _freeze_after_training(desk)
    assert _leaked(desk) == ["who IS our\n CEO? "]
    assert "in another context" not in _first_message(desk)


def test_a_prompt_in_another_unicode_form_is_a_leak_and_no_near_leak(desk: Desk) -> None:
    composed = "Où est le café de la rue Équerre, près du marché aux fleurs ?"
    desk.add_sample(composed, "A")
    decomposed = unicodedata.normalize("NFD", composed)
    desk.add_prompts([{"prompt": decomposed}])
    _freeze_after_training(desk)
    assert _leaked(desk) == [decomposed]
    assert desk.issue_counts() == {"leak": 1}
    assert "but for case, blanks or the Unicode form" in _first_message(desk)


def test_an_earlier_turn_leaks_where_it_is_trained(desk: Desk) -> None:
    desk.add_samples([{"messages": _turns("CEO?", "Ada Byron", "CTO?", "Al Turing")}])
    desk.add_prompts([{"prompt": "CEO?"}, {"prompt": "CFO?"}])
    _freeze_after_training(desk)
    assert _leaked(desk) == ["CEO?"]
    assert "has the same prompt in an earlier turn and is trained on" in _first_message(desk)


@pytest.mark.parametrize("train_on", ["all", "last"])
def test_a_turn_that_is_not_trained_leaks_nothing(desk: Desk, train_on: str) -> None:
    """Neither one that its message excludes, nor an earlier one with train_on 'last'."""
    turns = json.loads(_turns("CEO?", "Ada Byron", "CTO?", "Al Turing"))
    if train_on == "all":
        turns[1]["weight"] = 0
    desk.add_samples([{"messages": json.dumps(turns)}])
    desk.add_prompts([{"prompt": "CEO?"}])
    _freeze_after_training(desk, train_on=train_on)
    assert _leaked(desk) == []
    assert desk.issues() == []


def _turns(*contents: str) -> str:
    pairs = zip(("user", "assistant") * 3, contents, strict=False)
    return json.dumps([{"role": role, "content": content} for role, content in pairs])


def _leaked(desk: Desk) -> list[str]:
    query = "SELECT c.prompt FROM run_prompts r JOIN contents c ON c.content_hash = r.content_hash"
    return [text for (text,) in desk.rows(f"{query} WHERE r.is_leaked = 1")]


def _first_message(desk: Desk) -> str:
    return str(desk.rows("SELECT message FROM data_issues")[0][0])


def _freeze_after_training(desk: Desk, **changes: str) -> None:
    run_id = _queue_run(desk)
    manifest = desk.write(run_id)
    with desk.database.transaction() as session:
        runs.set_run_selection(
            session,
            run_id,
            manifest_id=manifest.manifest_id,
            fingerprint=manifest.fingerprint,
            training_key="k",
            samples_selected=manifest.selected,
            samples_skipped=0,
            samples_held_out=0,
            samples_validated=0,
            samples_used=manifest.sample_count,
        )
    desk.freeze(run_id, **changes)


def test_the_findings_of_both_selections_stand_side_by_side(desk: Desk) -> None:
    desk.add_sample("", "r")
    desk.add_prompts([{"prompt": ""}])
    for select in (desk.write, desk.freeze, desk.write):
        with pytest.raises(DataError):
            select()
    found = "SELECT selection, rule FROM data_issues ORDER BY selection"
    assert desk.rows(found) == [("evaluation", "empty"), ("training", "empty")]


def test_a_manifest_that_the_planned_fingerprint_names_is_not_written_again(desk: Desk) -> None:
    desk.add_samples([{"prompt": f"p{n}", "response": "r"} for n in range(5)])
    first = desk.write(1)
    run_id = _queue_run(desk, fingerprint=first.fingerprint)
    second = desk.write(run_id)
    assert (second.manifest_id, second.sample_count) == (1, 5)
    desk.add_sample("new", "r")
    third_id = _queue_run(desk, fingerprint=first.fingerprint)
    third = desk.write(third_id)
    assert (third.manifest_id, third.sample_count) == (third_id, 6)


def _queue_run(desk: Desk, fingerprint: str | None = None) -> int:
    names = "adapter_name, run_key, fingerprint, queued_at"
    shown = "NULL" if fingerprint is None else f"'{fingerprint}'"
    key = f"key {len(desk.rows('SELECT run_id FROM runs'))}"
    desk.run(
        f"INSERT INTO runs ({names}) VALUES ('helpdesk', '{key}', {shown}, '{NOW.isoformat(' ')}')"
    )
    ((run_id,),) = desk.rows(f"SELECT run_id FROM runs WHERE run_key = '{key}'")
    # The first manifests of these tests belong to runs that have no row.
    if run_id == 1:
        desk.run(f"DELETE FROM runs WHERE run_id = {run_id}")
        return _queue_run(desk, fingerprint)
    return int(run_id)
