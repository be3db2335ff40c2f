"""The content hashes by which predictions know what is forgotten: they store no text of a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqltune.database.tables.message_texts import read_messages
from sqltune.database.tables.stored_texts import StoredText
from sqltune.operations.forgetting.needles import Needles
from sqltune.selection.prediction_rows import digest_asked
from sqltune.selection.unfolding import unfold


def hash_asked(texts: Iterable[StoredText], needles: Needles) -> Iterator[str]:
    """Yield the hashes of what samples and prompts ask, if it holds a text that is forgotten.

    A prompt is asked with its text for the system and without it, a conversation up to each turn
    of the assistant.
    """
    for text in texts:
        for prompt, system_prompt, messages in _find_asked(text):
            if prompt is not None and needles.find_in(prompt, messages):
                yield digest_asked(prompt, system_prompt, messages).hex()


def _find_asked(text: StoredText) -> Iterator[tuple[bytes | None, bytes | None, bytes | None]]:
    if text.messages is None:
        yield text.prompt, text.system_prompt, None
        yield text.prompt, None, None
        return
    turns = [replace(turn, is_trained=True) for turn in read_messages(text.messages.decode()) or ()]
    ends = [place for place, turn in enumerate(turns) if place and turn.role == "assistant"]
    for end in (*ends, len(turns)):
        prompt, _, system_prompt, messages = unfold(turns[:end])
        yield prompt, system_prompt, messages
