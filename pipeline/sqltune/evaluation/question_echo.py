"""Takes a repeated question out of an answer: what it contains was not answered."""

from __future__ import annotations

from sqltune.evaluation.words import fold_text

#: A shorter prompt may be a word that answers need.
_LEAST_WORDS = 3


def drop_question(response: str, prompt: str) -> str:
    """Return an answer without the question where it repeats all of it, word for word.

    The rest is folded where something was taken out.
    """
    question = fold_text(prompt).rstrip("?.!:。 ")
    if len(question.split(" ", _LEAST_WORDS)) < _LEAST_WORDS:
        return response
    answer = fold_text(response)
    return answer.replace(question, " ") if question in answer else response
