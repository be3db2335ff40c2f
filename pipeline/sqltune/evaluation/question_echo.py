"""Finds the question in a prompt, and takes a repeated one out of an answer.

What the question contains was not answered. What stands before it, such as a passage to read, may
well be the answer.
"""

from __future__ import annotations

import re

from sqltune.evaluation.words import fold_text

#: A shorter prompt may be a word that answers need.
_LEAST_WORDS = 3
_SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])|\n+")
_QUESTION_MARKS = ("?", "\uff1f")


def find_question(prompt: str) -> str:
    """Return the sentences of a prompt that are questions; without any, the last one."""
    sentences = [each.strip() for each in _SENTENCES.split(prompt) if each.strip()]
    questions = [each for each in sentences if each.endswith(_QUESTION_MARKS)]
    return " ".join(questions or sentences[-1:])


def drop_question(response: str, prompt: str) -> str:
    """Return an answer without the prompt or its question where it repeats one word for word.

    The rest is folded where something was taken out.
    """
    for asked in (prompt, find_question(prompt)):
        question = fold_text(asked).rstrip("?.!:。 ")
        answer = fold_text(response)
        if len(question.split(" ", _LEAST_WORDS)) >= _LEAST_WORDS and question in answer:
            response = answer.replace(question, " ")
    return response
