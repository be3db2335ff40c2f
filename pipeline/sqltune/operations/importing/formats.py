"""Recognises the forms that public training files have, record by record.

Each becomes the columns of our tables: a prompt with its response, or messages. A record of no
known form stays as it is, and its columns are taken by their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqltune.operations.importing.reading import Record, is_missing
from sqltune.operations.importing.tables import InputTable

#: How the roles of ShareGPT are called in OpenAI's form.
_SHAREGPT_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "observation": "tool",
    "function_response": "tool",
}
#: What `import` says where it recognises nothing.
KNOWN_FORMS = (
    "messages (OpenAI), conversations (ShareGPT), instruction and output (Alpaca), prompt and "
    "completion; or name a column with --map question=prompt"
)


class BadRecord(Exception):
    """Raised where a record cannot become a row; ends in an error that names its place."""

    def __init__(self, column: str, fault: str) -> None:
        """Name a column and what is wrong with it."""
        super().__init__(f"{column} {fault}")
        self.column = column


@dataclass(frozen=True, slots=True)
class _Form:
    marks: frozenset[str]  #: what a record of this form has
    ours: frozenset[str]  #: columns of our own, of which it has none
    convert: Callable[[Record, InputTable], Record]


def recognise(record: Record, table: InputTable) -> Record:
    """Return a record of any known form with the columns of a table.

    Raises:
        BadRecord: two of its fields say the same thing.
    """
    _refuse_two_systems(record)
    for form in _FORMS:
        if form.marks <= record.keys() and not form.ours & record.keys():
            record = form.convert(record, table)
            break
    else:
        record = _with_system(record)
    if isinstance(record.get("messages"), list) and table is InputTable.EVAL_PROMPTS:
        return _cut_answer(record)
    return record


def _from_sharegpt(record: Record, table: InputTable) -> Record:
    turns = record["conversations"]
    if not isinstance(turns, list):
        return {**record, "messages": turns}
    messages = [_sharegpt_message(turn) for turn in turns]
    return _with_system({**record, "messages": messages})


def _sharegpt_message(turn: Any) -> Any:
    if not isinstance(turn, dict) or not isinstance(turn.get("from"), str):
        return turn
    rest = {name: value for name, value in turn.items() if name not in ("from", "value")}
    role = _SHAREGPT_ROLES.get(turn["from"], turn["from"])
    return {**rest, "role": role, "content": turn.get("value")}


def _from_alpaca(record: Record, table: InputTable) -> Record:
    prompt, further = record["instruction"], record.get("input")
    if isinstance(prompt, str) and isinstance(further, str) and further.strip():
        prompt = f"{prompt}\n\n{further}"
    if isinstance(record.get("history"), list) and record["history"]:
        return _from_history(record, prompt)
    answer = {table.answer_column: record["output"]}
    return _with_system({**record, **answer, "prompt": prompt})


def _from_history(record: Record, prompt: Any) -> Record:
    pairs = [*record["history"], [prompt, record["output"]]]
    messages: list[Any] = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            messages.append(pair)  # where it is checked, its position is named
        else:
            messages += map(_message, ("user", "assistant"), pair)
    return _with_system({**record, "messages": messages})


def _from_completion(record: Record, table: InputTable) -> Record:
    prompt, completion = record["prompt"], record["completion"]
    if not isinstance(prompt, list):
        return _with_system({**record, table.answer_column: completion})
    ends = completion if isinstance(completion, list) else [_message("assistant", completion)]
    return _with_system({**record, "prompt": None, "messages": [*prompt, *ends]})


def _message(role: str, content: Any) -> Record:
    return {"role": role, "content": content}


def _refuse_two_systems(record: Record) -> None:
    texts = [record[name] for name in ("system", "system_prompt") if name in record]
    given = [text for text in texts if not is_missing(text)]
    if len(given) == 2 and given[0] != given[1]:
        raise BadRecord("system_prompt", "and system are both given; keep one of them")


def _with_system(record: Record) -> Record:
    """Return a record whose text for the system is where its other texts are."""
    system, messages = record.get("system"), record.get("messages")
    if is_missing(system):
        return record
    if not isinstance(messages, list):
        return {**record, "system_prompt": system}
    first = _message("system", system)
    return record if messages[:1] == [first] else {**record, "messages": [first, *messages]}


def _cut_answer(record: Record) -> Record:
    """Return an evaluation prompt of a whole conversation: its last answer is the expected text."""
    *asked, last = record["messages"] or [None]
    is_answer = isinstance(last, dict) and last.get("role") == "assistant"
    if not is_answer or record.get("expected") is not None:
        return record
    return {**record, "messages": asked, "expected": last.get("content")}


_FORMS = (
    _Form(frozenset({"conversations"}), frozenset({"messages"}), _from_sharegpt),
    _Form(frozenset({"instruction", "output"}), frozenset({"messages", "prompt"}), _from_alpaca),
    _Form(
        frozenset({"prompt", "completion"}),
        frozenset({"messages", "response", "expected"}),
        _from_completion,
    ),
)
