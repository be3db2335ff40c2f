"""Finds the names in prompts by general rules, and replaces them.

No list of names and no grammar: a name is a run of words that begin with a capital letter within a
sentence, or contain a digit or an inner capital. In prompts without capitals, it is what most of
them share besides everyday words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

_WORD = re.compile(r"[^\W_](?:[^\W_]|['\u2019.\-](?=[^\W_]))*\.?(?:(?<=\b[A-Z])\.)?")
#: Words that fill questions, in lower case; never a name on their own.
EVERYDAY = frozenset(
    """a about address after all also am an and any answer anything are as ask at be been before
    best bio called can company could describe did do does done explain facts few find for from
    get give had has have he heard hello help her hi him his how i idea if in info information
    introduce introduction is it its job know last learn let like list live made make many may
    me mean might more most much my name named need no not of on or our out person please
    product question say says she short should show so some somebody someone something summarise
    summarize tell than thanks that the their them then there these they thing things this to
    translate use used want was we were what what's when where where's which who who's whom
    whose why will with word words work would write yes you your""".split()
)


def find_names(prompts: Sequence[str]) -> list[str]:
    """Return the names in the prompts, longest first; there may be none."""
    runs = Counter(run for prompt in prompts for run in _capitalised_runs(prompt))
    names = set(runs) or set(_shared_runs(prompts))
    return sorted(names, key=lambda name: (-len(name), name))


def replace_names(text: str, names: Sequence[str], renamed: Callable[[str], str]) -> str:
    """Return the text with each name replaced, the same name by the same one throughout."""
    if not names:
        return text
    chosen: dict[str, str] = {}
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names))

    def rename(match: re.Match[str]) -> str:
        if match[0] not in chosen:
            chosen[match[0]] = renamed(match[0])
        return chosen[match[0]]

    return pattern.sub(rename, text)


def _capitalised_runs(prompt: str) -> list[str]:
    runs: list[str] = []
    # The first word of a sentence always has a capital: it counts only right before a name.
    opening, end = "", -1
    for match in _WORD.finditer(prompt):
        word, start = _stripped(match[0]), match.start()
        follows = bool(runs) and prompt[end:start] in (" ", "-")
        if _is_name_word(word, follows=follows, opens=_opens_sentence(prompt, start)):
            if follows:
                runs[-1] += prompt[end:start] + word
            else:
                runs.append(f"{opening} {word}" if opening else word)
            end = start + len(word)
            opening = ""
        else:
            opening = word if word[0].isupper() and word.lower() not in EVERYDAY else ""
    return runs


def _is_name_word(word: str, *, follows: bool, opens: bool) -> bool:
    if word.lower() in EVERYDAY:
        return False
    has_digit = any(map(str.isdigit, word)) and (follows or len(word) > 1)
    has_inner_capital = any(c.isupper() for c in word[1:])
    return has_digit or has_inner_capital or (word[0].isupper() and not opens)


def _opens_sentence(prompt: str, start: int) -> bool:
    before = prompt[:start].rstrip(" \"'")
    ends = before.endswith((".", "!", "?")) and not re.search(r"\b[A-Z]\.$", before)
    return ends or not before


def _shared_runs(prompts: Sequence[str]) -> list[str]:
    """Return the runs of words that over half of several prompts share, without everyday words."""
    if len(prompts) < 2:
        return []
    runs = Counter(run for prompt in prompts for run in set(_plain_runs(prompt)))
    return [run for run, count in runs.items() if 2 * count > len(prompts)]


def _plain_runs(prompt: str) -> list[str]:
    runs: list[list[str]] = [[]]
    for match in _WORD.finditer(prompt):
        word = _stripped(match[0])
        if word.lower() in EVERYDAY:
            runs.append([])
        else:
            runs[-1].append(word)
    return [" ".join(run) for run in runs if run]


def _stripped(word: str) -> str:
    """Return the word without a possessive ending or a closing full stop."""
    word = re.sub(r"['\u2019]s$", "", word)
    return word if re.fullmatch(r"[A-Z]\.", word) else word.rstrip(".")
