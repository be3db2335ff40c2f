"""Marks such as `<s>` and `<|im_end|>`: tokens where a form writes them, letters in people's words.

People's words are veiled before a form is put around them: each mark in them gets a placeholder.
What is a mark in the whole text afterwards was written by the form. To read such a text, the marks
get names that no text has, in the text and in a copy of the tokenizer, and the placeholders become
the letters again. Everything else is read by the same rules, so that a text without marks in
people's words has the ids that transformers gives it. No torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

from sqltune.errors import DataError
from sqltune.local_lora.chat_template import PROBE, render_chat

#: Begin and end, in characters or in tokens.
Span = tuple[int, int]
#: Two of the code points that are no characters (https://www.unicode.org/faq/private_use.html):
#: around a placeholder, and around a mark's other name.
_VEIL, _NAME = "\ufdd0", "\ufdd1"
_PLACEHOLDER = re.compile(f"{_VEIL}(\\d+){_VEIL}")
_SIGNS = str.maketrans({_VEIL: "\ufffd", _NAME: "\ufffd"})


@dataclass(frozen=True, slots=True)
class _Marks:
    """The marks of one tokenizer, the longest first."""

    texts: tuple[str, ...]
    pattern: re.Pattern[str]

    def replace(self, text: str, sign: str) -> str:
        """Return a text with each mark's number between two signs in its place."""
        return self.pattern.sub(lambda m: f"{sign}{self.texts.index(m[0])}{sign}", text)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as token ids."""

    ids: list[int]
    offsets: list[Span]  #: the place of each token in the text as it was read
    is_revealed: bool  #: whether that text is another than the one given


def veil(text: str, tokenizer: Any) -> str:
    """Return people's words in a form in which none of them is a mark."""
    return _marks_of(tokenizer).replace(text.translate(_SIGNS), _VEIL)


def reveal(text: str, tokenizer: Any) -> str:
    """Return a text as it is read: people's marks are letters, the form's have other names."""
    marks = _marks_of(tokenizer)
    named = marks.replace(text, _NAME)
    return _PLACEHOLDER.sub(lambda match: marks.texts[int(match[1])], named)


def encode(text: str, tokenizer: Any, *, add_special_tokens: bool = False) -> Encoded:
    """Return a text, in which people's words are veiled, as token ids.

    Raises:
        DataError: the tokenizer cannot read it.
    """
    with _translate_panic():
        if _VEIL in text:
            renamed = _rename(tokenizer, _marks_of(tokenizer))
            read = renamed.encode(reveal(text, tokenizer), add_special_tokens=add_special_tokens)
            return Encoded(read.ids, read.offsets, is_revealed=True)
        plain = tokenizer(text, add_special_tokens=add_special_tokens, return_offsets_mapping=True)
    return Encoded(plain["input_ids"], plain["offset_mapping"], is_revealed=False)


def turn_end(tokenizer: Any) -> int | None:
    """Return the token with which the chat template ends a turn, if it is an added one."""
    template = getattr(tokenizer, "chat_template", None)
    return _turn_end(tokenizer, template) if template else None


@lru_cache(maxsize=8)
def _turn_end(tokenizer: Any, template: str) -> int | None:
    messages = [{"role": role, "content": PROBE} for role in ("user", "assistant")]
    try:
        ending = render_chat(tokenizer, messages, asks=False).rpartition(PROBE)[2]
    except DataError:
        return None
    ids: list[int] = tokenizer(ending, add_special_tokens=False)["input_ids"]
    return ids[0] if ids and ids[0] in tokenizer.added_tokens_decoder else None


def _marks_of(tokenizer: Any) -> _Marks:
    return _find_marks(tokenizer, len(tokenizer), tokenizer.eos_token_id, turn_end(tokenizer))


@lru_cache(maxsize=8)
def _find_marks(tokenizer: Any, size: int, *ends: int | None) -> _Marks:
    """Return the special tokens, and those that end a text or a turn. The rest is part of the key.

    Other added tokens are words, names of products for instance, which people may use.
    """
    special = {
        token.content
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or number in ends
    }
    texts = sorted({*special, *tokenizer.all_special_tokens} - {""}, key=lambda t: (-len(t), t))
    return _Marks(tuple(texts), re.compile("|".join(map(re.escape, texts)) or r"(?!)"))


@lru_cache(maxsize=2)
def _rename(tokenizer: Any, marks: _Marks) -> Tokenizer:
    """Return a copy of the tokenizer whose marks have other names, and the same ids."""
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    names = {mark: marks.replace(mark, _NAME) for mark in marks.texts}
    for token in content["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = content["model"]
    model["vocab"] = _rename_vocabulary(model["vocab"], names)
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [m for m in model["merges"] if names.keys().isdisjoint(_words_of(m))]
    return Tokenizer.from_str(json.dumps(content))


def _rename_vocabulary(vocabulary: Any, names: dict[str, str]) -> Any:
    if isinstance(vocabulary, dict):
        return {names.get(word, word): number for word, number in vocabulary.items()}
    return [[names.get(word, word), score] for word, score in vocabulary]


def _words_of(merge: Any) -> tuple[str, str, str]:
    """Return what a rule of byte pair encoding takes and makes."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right, left + right


@contextmanager
def _translate_panic() -> Iterator[None]:
    """Turn a panic of the tokenizer's native code, which is no Exception, into our error."""
    try:
        yield
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise
        raise DataError(
            f"the tokenizer of this base model cannot read a text of the row: {str(exc)[:200]}; "
            "restore the tokenizer's files, or leave the row out",
            code="tokenizer_failed",
        ) from exc
