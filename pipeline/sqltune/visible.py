"""Text of others as a terminal may show it: what would steer it or hide is written as an escape.

Those who write a row choose texts that end in messages, tables and logs: an adapter's name, a
sample's key, a prompt. None of them may clear a screen, set a title, or add a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable

#: Letters and marks that are printed as nothing.
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
#: Blanks other than the usual one steer nothing; Japanese has one between words.
_BLANKS = frozenset("\u00a0\u1680\u202f\u205f\u3000") | frozenset(map(chr, range(0x2000, 0x200B)))


def visible(text: str, *, keep: str = "") -> str:
    r"""Return the text with \x1b, \n, \u202e and the like in place of what is not shown.

    Args:
        text: of anybody.
        keep: characters that stay as they are, for instance the line feeds of a table's cell.
    """
    return _escape(text, keep, _python_escape)


def visible_json(document: str) -> str:
    """Return a JSON document with the same values, in which all that is not shown is escaped."""
    return _escape(document, "\n", _json_escape)


def _escape(text: str, keep: str, escape: Callable[[str], str]) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or _is_shown(c) else escape(c) for c in text)


def _is_shown(character: str) -> bool:
    if character.isprintable():
        # The last are marks that choose a form of the character before; two serve emoji.
        is_selector = "\ufe00" <= character <= "\ufe0d" or character >= "\U000e0000"
        return character not in _BLANK_LETTERS and not is_selector
    return character in _BLANKS


def _python_escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
