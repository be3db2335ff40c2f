"""Parsers of the values of settings: each returns the value, or raises ValueError with its rule."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sqltune.records import parse_flag

#: Characters of a slug, which rows hold.
MOST_SLUG = 100
#: Characters of a server's address, which rows hold.
MOST_ADDRESS = 191


def parse_text(value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value


def parse_flag_value(value: object) -> bool:
    """Return true or false."""
    if (flag := parse_flag(value)) is None:
        raise ValueError("must be true or false")
    return flag


def parse_folder(value: object) -> Path:
    """Return the path of a folder or a file, which is no address."""
    if "://" in str(value):
        raise ValueError("must be a folder")
    return Path(parse_text(str(value)))


def list_of(make: Callable[[str], Any], separator: str) -> Callable[[object], tuple[Any, ...]]:
    """Return a parser of lists, given as such or as a text with a separator between its parts."""

    def parse(value: object) -> tuple[Any, ...]:
        parts = value.split(separator) if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise ValueError(f"must be a list, or a text with {separator!r} between its parts")
        return tuple(make(str(part).strip()) for part in parts if str(part).strip())

    return parse


def number(
    make: type[int] | type[float],
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Callable[[object], float]:
    """Return a parser of finite numbers within bounds."""

    def parse(value: object) -> float:
        try:
            number = make(str(value))
        except ValueError:
            raise ValueError("must be a number") from None
        if not math.isfinite(number):
            raise ValueError("must be a finite number")
        if least is not None and not number >= least:
            raise ValueError(f"must be at least {least:g}")
        if above is not None and not number > above:
            raise ValueError(f"must be above {above:g}")
        if most is not None and not number <= most:
            raise ValueError(f"must be at most {most:g}")
        return number

    return parse


def one_of(*words: str) -> Callable[[object], str]:
    """Return a parser of one of these words."""

    def parse(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return parse


def some_of(*words: str) -> Callable[[object], tuple[str, ...]]:
    """Return a parser of lists of some of these words, at least one."""

    def parse(value: object) -> tuple[str, ...]:
        parts: tuple[str, ...] = list_of(str, ",")(value)
        if not parts or not set(parts) <= set(words):
            raise ValueError(f"must be a list of some of {', '.join(words)}")
        return parts

    return parse


def split_address(text: str) -> SplitResult:
    """Return the parts of the address of a service over HTTP.

    Raises:
        ValueError: it is none, or names no host, or no port that there can be.
    """
    rule = "must be an address that begins with https:// or http://, such as https://a.example/b"
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(rule) from None
    # urlsplit leaves line breaks out.
    if not is_address or parts.scheme not in ("http", "https") or re.search(r"\s", text):
        raise ValueError(rule)
    return parts


def parse_address(value: object) -> str:
    """Return the address of a service over HTTP."""
    text = parse_text(value)
    split_address(text)
    return text


def parse_server(value: object) -> str:
    """Return the address of a server, to which a path is added; /v1 at its end is left out."""
    text = parse_text(value)
    parts = split_address(text)
    if "?" in text or "#" in text or len(text) > MOST_ADDRESS:
        raise ValueError(f"must be an address of at most {MOST_ADDRESS} characters, without ? or #")
    if "@" in parts.netloc:
        # httpx would send it in place of the key.
        raise ValueError("must be an address without a login: the key has a setting of its own")
    return text.rstrip("/").removesuffix("/v1").rstrip("/")


def parse_header_token(value: object) -> str:
    """Return a token that can be sent in a header."""
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be ASCII characters without spaces")
    return value


def parse_slugs(value: object) -> tuple[tuple[str, str], ...]:
    """Return the base model behind each slug; one without a slug has its own name."""
    found = tuple(_parse_slug(str(part)) for part in list_of(str, ",")(value))
    if not found or not all(slug and model for slug, model in found):
        raise ValueError(
            "must be a list of owner/model, of folders, or of both behind slugs, such as "
            "'nous-hermes2=owner/model,other=/folder'"
        )
    if len({slug for slug, _ in found}) < len(found):
        raise ValueError("must name each slug once")
    if any(len(slug) > MOST_SLUG for slug, _ in found):
        raise ValueError(f"must have slugs of at most {MOST_SLUG} characters")
    return found


def _parse_slug(part: str) -> tuple[str, str]:
    slug, is_given, model = (text.strip() for text in part.partition("="))
    if is_given:
        return slug, model
    if "/" not in slug:
        return "", ""
    # The name of a folder's place is nothing for clients.
    return (Path(slug).name if slug.startswith(("/", ".", "~")) else slug), slug


def parse_token(value: object) -> str:
    """Return a token that clients send in a header."""
    # LangChain's client rejects shorter tokens.
    if not isinstance(value, str) or len(value) < 10 or not value.isascii() or " " in value:
        raise ValueError("must have at least 10 characters, all of them ASCII, without spaces")
    return value


def parse_forget_key(value: object) -> str:
    """Return a secret that is long enough not to be guessed."""
    if not isinstance(value, str) or len(value.strip()) < 16:
        raise ValueError("must have at least 16 characters")
    return value
