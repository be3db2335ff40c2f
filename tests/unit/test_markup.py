"""HTML that was left in texts: what is found, and what is meant to be there."""

from __future__ import annotations

import json

import pytest

from sqltune.records import SelectionName
from sqltune.selection.columns import map_columns
from sqltune.selection.markup import find_markup
from sqltune.selection.training_rows import TrainingRows

#: text, what is found
FOUND = [
    ("<p>Open Settings.</p>", "<p>"),
    ("Open Settings.</p>", "</p>"),
    ("First line<br>second line", "<br>"),
    ("First line<br/>second line", "<br/>"),
    ("First line<BR />second line", "<br/>"),
    ("Press <b>Reset</b> now.", "</b>"),
    ("Press <strong>Reset</strong>.", "</strong>"),
    ('See <a href="https://shop.example/faq">our FAQ</a>.', "<a>"),
    ("See <a target=_blank href='/faq'>our FAQ</a>.", "<a>"),
    ('<img src="logo.png" alt="">', "<img>"),
    ("<div>\n<p>Hello", "<div>"),
    ("Steps:\n<ul>\n<li>one\n<li>two", "<ul>"),
    ("<span style='color:red'>Stop</span>", "<span>"),
    ("<table><tr><td>1</td></tr></table>", "<table>"),
    ("<h2>Returns", "<h2>"),
    ("Two&nbsp;days", "&nbsp;"),
    ("Terms &amp; conditions", "&amp;"),
    ("It&#39;s open", "&#39;"),
    ("It&#x27;s open", "&#x27;"),
    ("Gr&uuml;&szlig;e aus K&ouml;ln", "&uuml;"),
    ("She said &ldquo;no&rdquo;", "&ldquo;"),
    ("x &lt; y", "&lt;"),
    ("Use `<b>` here.<br>Then save.", "<br>"),
    ("The <p> tag is a paragraph.<br>It ends with </p>.", "<br>"),
]
NOT_FOUND = [
    "Open Settings, then Security.",
    "Write `<p>` before and `</p>` after it.",
    "```html\n<p>Hello</p>\n```\nThat is all.",
    "```\n<div>an answer that was cut off",
    "~~~\n<div></div>\n~~~",
    "What does the <p> tag do?",
    'The "<br>" element breaks a line.',
    "<img> tags need an alt text.",
    "<!DOCTYPE html>\n<html><body><p>Hello</p></body></html>",
    "<html>\n<body>\n<br>\n</body>\n</html>",
    "If a < b and c > d, then a<b>c is no tag.",
    "x<p and q>y, 3 <i or j> 2",
    "p <b and c> q",
    "for (i = 0; i<n; i++) sum += a[i];",
    "Map<String, List<Integer>> map; vector<int> v; Option<T>",
    "List<a> and Set<b>",
    "Enter <name>, <code> and <title>.",
    "<your name here>",
    "<https://shop.example> or <jane@shop.example>",
    "<name>Bob</name><order>17</order>",
    "<|im_start|>user<|im_end|>",
    "<s>[INST] Hello [/INST]</s>",
    "<think>Let me see.</think>",
    "AT&T; R&D; Q&A",
    "https://shop.example/?a=1&copy=2&amp=3",
    'scanf("%d", &in); int *p = &num; q = &sum;',
    "a & b; c && d",
    "I <3 you; 1<2>0",
    "",
]


def _find(text: str, column: str = "prompt") -> list[tuple[str, str]]:
    return [(c, problem.message) for c, problem in find_markup([(column, text.encode())])]


@pytest.mark.parametrize(("text", "found"), FOUND)
def test_html_that_was_left_in_a_text_is_named(text: str, found: str) -> None:
    ((column, message),) = _find(text)
    assert column == "prompt"
    assert message.startswith(f"prompt contains {found}: strip HTML in the query")


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_is_meant_to_be_there_is_no_markup(text: str) -> None:
    assert _find(text) == []


def test_each_column_is_named_once_and_null_has_none() -> None:
    texts = [("prompt", b"<br>&nbsp;<br>"), ("response", b"a<br>b"), ("system_prompt", None)]
    assert [column for column, _ in find_markup(texts)] == ["prompt", "response"]


def test_conversations_are_searched_turn_by_turn() -> None:
    turns = [("user", "What is\n```\n<p>"), ("assistant", 'See <a href="/faq">the FAQ</a>.')]
    messages = json.dumps([{"role": role, "content": text} for role, text in turns])
    ((column, message),) = _find(messages, "messages")
    assert (column, message.split(":")[0]) == ("messages", "messages contains <a>")


@pytest.mark.parametrize(
    "piece", ["<a x='", '<a x="y" ', "<", "`", "```", "&#1", "<p ", "\n<p>x", "x<p>"]
)
def test_a_long_text_of_beginnings_takes_no_time_that_grows_with_its_square(piece: str) -> None:
    _find(piece * 100_000)


@pytest.mark.parametrize(("warns", "expected"), [(True, [("response", "markup")]), (False, [])])
def test_texts_are_searched_only_where_somebody_reads_what_is_found(
    warns: bool, expected: list[tuple[str, str]]
) -> None:
    columns = map_columns(("prompt", "response"), SelectionName.TRAINING)
    rows = TrainingRows(columns, None, warns_of_texts=warns)
    assert len(rows.accept([(b"Where?", b"Here.<br>")])) == 1
    assert [(each.column_name, each.rule) for each in rows.findings.issues] == expected
