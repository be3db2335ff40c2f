"""Finds HTML that was left in the texts of a row: a model that is trained on it answers with it.

Tags of HTML and character entities count. What is meant to be markup is not looked at: code in
backticks, a text that is an HTML document, and a tag that the words name ("the <p> tag").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqltune.database.tables.message_texts import read_messages
from sqltune.selection.rules import Problem

RULE = "markup"
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`", re.DOTALL)
_DOCUMENT = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
#: Elements that have no end, and those that begin a block; none is a name for what is filled in.
_ALONE = re.compile("br|hr|img", re.IGNORECASE)
_BLOCK = re.compile(
    "blockquote|center|div|font|h[1-6]|li|ol|p|pre|span|table|tbody|t[dhr]|thead|ul", re.IGNORECASE
)
#: With an end tag, these are HTML too. `s` is none: it marks the beginning of a text for models.
_OTHER = re.compile(
    "a|abbr|article|b|big|body|button|caption|cite|code|del|details|em|footer|form|head|header|html"
    "|i|iframe|ins|kbd|label|main|mark|nav|q|samp|script|section|small|strong|style|sub|summary|sup"
    "|title|tt|u|var",
    re.IGNORECASE,
)
#: Blanks that may be before a tag at the beginning of a line.
_INDENT = 200
_ATTRIBUTE = r"""\s{1,20}[A-Za-z:-]{1,40}=(?:"[^"<>]{0,2000}"|'[^'<>]{0,2000}'|[^\s"'<>]{1,2000})"""
_TAG = re.compile(rf"<(/?)([A-Za-z][A-Za-z0-9]{{0,9}})((?:{_ATTRIBUTE}){{0,20}})\s{{0,20}}(/?)>")
#: What follows a tag that a sentence is about.
_NAMED = re.compile(r"[\"')\]]?\s{1,3}(?:tag|element|attribute)s?\b", re.IGNORECASE)
#: Entities that keyboards and editors leave behind; `&sum;` may be the address of a variable.
_ENTITY = re.compile(
    r"&(?:#\d{2,7}|#[xX][0-9A-Fa-f]{2,6}|nbsp|amp|lt|gt|quot|apos"
    r"|[aeiouyAEIOUY](?:acute|grave|circ|uml)|[anoANO]tilde|[cC]cedil|szlig|[aA]ring|aelig|AElig|[oO]slash|[lr][sd]quo|[sb]d?quo|[lr]aquo"
    r"|[nm]dash|hellip|bull|euro|shy|middot|iexcl|iquest);"
)


def find_markup(texts: Iterable[tuple[str, bytes | None]]) -> Iterator[tuple[str, Problem]]:
    """Yield the columns of a row with HTML in their texts, each once, and the cure.

    Args:
        texts: the row's columns with their texts, which are UTF-8; messages as canonical JSON.
    """
    for column, text in texts:
        if text is None or not (b"<" in text or b"&" in text):
            continue
        found = next(filter(None, map(find_in_text, _read_texts(column, text))), None)
        if found is not None:
            message = (
                f"{column} contains {found}: strip HTML in the query, or put what is meant to be "
                "code into backticks"
            )
            yield column, Problem(RULE, message)


def find_in_text(text: str) -> str | None:
    """Return the first tag or entity that was left in a text; None: there is none."""
    if _DOCUMENT.match(text):
        return None
    plain = _CODE.sub(" ", text)
    tag = next(filter(None, (_name_tag(plain, match) for match in _TAG.finditer(plain))), None)
    if tag is not None:
        return tag
    entity = _ENTITY.search(plain)
    return None if entity is None else entity[0]


def _name_tag(text: str, match: re.Match[str]) -> str | None:
    """Return a tag of HTML, without its attributes; None: it is none, or a sentence names it."""
    slash, name, attributes, end = match.groups()
    is_alone, is_block = _ALONE.fullmatch(name), _BLOCK.fullmatch(name)
    if not (is_alone or is_block or _OTHER.fullmatch(name)) or _NAMED.match(text, match.end()):
        return None
    is_certain = slash or attributes or is_alone
    if not is_certain and not (is_block and _begins_line(text, match.start())):
        return None
    return f"<{slash}{name.lower()}{end}>"


def _begins_line(text: str, start: int) -> bool:
    before = text[max(0, start - _INDENT) : start].rstrip(" \t")
    return (not before and start < _INDENT) or before.endswith(("\n", ">"))


def _read_texts(column: str, text: bytes) -> Iterable[str]:
    if column != "messages":
        return [text.decode()]
    return [turn.content for turn in read_messages(text.decode()) or () if turn.content]
