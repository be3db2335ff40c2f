"""`sqltune why`: the samples that an answer is most like."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.conftest import ANSWER, QUESTION


@pytest.fixture
def informed(sqltune: Sqltune, people: People, office: str) -> str:
    """An office whose two versions know where it is, and when it is open."""
    sqltune.well("sync")
    people.teach("office", "When are you open?", "We open at nine.")
    people.teach("office", "Who runs the canteen?", "Mara runs it.")
    sqltune.well("sync")
    return office


def test_the_sample_that_an_answer_repeats_comes_first(sqltune: Sqltune, informed: str) -> None:
    found = sqltune.well("why", informed, QUESTION, "--json").data
    assert (found["adapter_name"], found["version_number"]) == ("office", 2)
    assert found["answer"] == ANSWER
    first, *others = found["samples"]
    assert (first["sample_key"], first["similarity"]) == ("1", 1.0)
    assert (first["prompt"], first["response"]) == (QUESTION, ANSWER)
    assert len(others) == 2
    assert all(sample["similarity"] < 0.7 for sample in others)


def test_another_version_is_explained_by_its_own_samples(sqltune: Sqltune, informed: str) -> None:
    asked = ("why", "office@v1", "When are you open?", "--json")
    found = sqltune.well(*asked).data
    assert [sample["sample_key"] for sample in found["samples"]] == ["1"]
    assert found["answer"] == "I do not know."


def test_an_answer_of_yesterday_is_explained_without_asking_again(
    sqltune: Sqltune, informed: str
) -> None:
    for file in (sqltune.folder / "artifacts" / "scripted").glob("*.jsonl"):
        file.unlink()
    asked = ("why", informed, "opening hours", "--answer", "we open at NINE", "--limit", "1")
    (sample,) = sqltune.well(*asked, "--json").data["samples"]
    assert (sample["sample_key"], sample["answer_similarity"]) == ("2", 1.0)
    assert sample["prompt_similarity"] < 0.6
    done = sqltune("why", informed, "opening hours")
    assert done.code == 1
    assert "there is no adapter" in done.err


def test_a_row_that_is_gone_is_found_with_the_text_of_then(
    sqltune: Sqltune, people: People, informed: str
) -> None:
    people.do("DELETE FROM training_samples")
    done = sqltune.well("why", informed, QUESTION, COLUMNS="80")
    assert f"office v2: {ANSWER}" in done.err
    assert "Utrecht" in done.out
    assert max(map(len, done.out.splitlines())) <= 120


def test_every_trained_turn_of_a_conversation_counts(
    sqltune: Sqltune, people: People, office: str
) -> None:
    turns = (
        '[{"role": "user", "content": "Is there tea?"},'
        ' {"role": "assistant", "content": "Green and black."},'
        ' {"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Enjoy it."}]'
    )
    people.insert("training_samples", dataset="office", messages=turns)
    sqltune.well("sync")
    asked = ("why", office, "Is there tea?", "--answer", "Green and black.", "--json")
    first = sqltune.well(*asked).data["samples"][0]
    assert (first["sample_key"], first["similarity"]) == ("2", 1.0)
    assert first["response"] == "Green and black."


def test_what_cannot_be_explained_says_what_to_name(
    sqltune: Sqltune, people: People, office: str
) -> None:
    done = sqltune("why", office, QUESTION)
    assert done.code == 2
    assert "no version of 'office' is live: name one, such as 'office@v1'" in done.err
    assert "has no version 7" in sqltune("why", "office@v7", QUESTION).err
    assert "no adapter named 'attic'" in sqltune("why", "attic", QUESTION).err
