"""Forgotten texts are found in others, few one by one and many by their beginnings."""

from __future__ import annotations

import json

import pytest

from sqltune.database.tables.stored_texts import StoredText
from sqltune.operations.forgetting.asked import hash_asked
from sqltune.operations.forgetting.needles import Needles, needles_of
from sqltune.records import SelectionName
from sqltune.selection.prediction_rows import digest_asked
from sqltune.selection.unfolding import unfold_messages

WANTED = ["Her bank's office in Lagos", 'a "new" signature, please', "Grüße aus der Köln-Arcaden"]
#: More than are looked for one by one.
MANY = [f"the text number {number} of many" for number in range(200)]


@pytest.mark.parametrize("others", [[], MANY], ids=["few", "many"])
@pytest.mark.parametrize("wanted", WANTED)
def test_a_text_is_found_and_removed_as_it_is_and_as_json_and_sql_have_it(
    others: list[str], wanted: str
) -> None:
    needles = Needles(frozenset(text.encode() for text in (*WANTED, *others)))
    quoted = wanted.replace("'", "''")
    for text in (wanted, quoted, json.dumps(wanted), json.dumps(quoted, ensure_ascii=False)):
        given = f"before {text} after {wanted}".encode()
        assert needles.find_in(b"nothing", None, given) == {wanted.encode()}
        assert wanted.encode() not in needles.remove_from(given)
        assert needles.remove_from(f"{text}".encode()) in (b"[forgotten]", b'"[forgotten]"')


@pytest.mark.parametrize("others", [[], MANY], ids=["few", "many"])
@pytest.mark.parametrize(
    "literal",
    [
        r"""'Her file is C:\\new\\"a", it''s\nhers'""",
        r"""'Her file is C:\\new\\\"a\", it\'s\nhers'""",
        r'''"Her file is C:\\new\\\"a\", it's\nhers"''',
        r'''"Her file is C:\\new\\""a"", it's\nhers"''',
        """'Her file is C:\\\\new\\\\"a", it\\'s\nhers'""",
    ],
)
def test_a_text_is_found_and_removed_as_mysql_quotes_it(others: list[str], literal: str) -> None:
    text = 'Her file is C:\\new\\"a", it\'s\nhers'
    needles = Needles(frozenset(each.encode() for each in (text, *others)))
    query = f"SELECT * FROM files WHERE note = {literal}"
    cleaned = query.replace(literal[1:-1], "[forgotten]")
    for stored, left in ((query, cleaned), (json.dumps(query), json.dumps(cleaned))):
        assert needles.find_in(stored.encode()) == {text.encode()}
        assert needles.remove_from(stored.encode()).decode() == left


@pytest.mark.parametrize("others", [[], MANY], ids=["few", "many"])
def test_what_only_begins_like_a_text_is_not_found(others: list[str]) -> None:
    needles = Needles(frozenset(text.encode() for text in (*WANTED, *others)))
    assert needles.find_in(WANTED[0][:-1].encode(), b"", b"the text number ") == set()


def test_texts_that_begin_alike_are_distinguished_by_their_ends() -> None:
    needles = Needles(frozenset(text.encode() for text in MANY))
    assert needles.find_in(b"it is the text number 17 of many") == {b"the text number 17 of many"}
    assert needles.remove_from(b"<the text number 17 of many>") == b"<[forgotten]>"


def predicted(*turns: dict[str, object]) -> str:
    """The content hash of a prediction for a row with this conversation."""
    columns = [(b"1",), (None,), (None,), (None,), (json.dumps(turns).encode(),)]
    _, (prompt,), _, (system,), (messages,) = unfold_messages(columns, SelectionName.PREDICTION)
    return digest_asked(prompt, system, messages).hex()


def test_predictions_are_known_by_what_a_forgotten_conversation_asks_at_each_turn() -> None:
    turns: list[dict[str, object]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Why was the card of Ms Okafor declined?"},
        {"role": "assistant", "content": "Her bank asked for a signature.", "weight": 0},
        {"role": "user", "content": "And what did she say to the bank?"},
        {"role": "assistant", "content": "She signed."},
    ]
    prompt, messages = b"And what did she say to the bank?", json.dumps(turns).encode()
    sample = StoredText("hash", True, prompt, b"She signed.", b"Be kind.", messages)
    asked = set(hash_asked([sample], Needles(frozenset(needles_of([sample])))))
    untrained = [turn | {"weight": 1} if "weight" in turn else turn for turn in turns]
    assert {predicted(*turns[:2]), predicted(*untrained[:4])} <= asked
    assert predicted(*turns[1:2]) not in asked
