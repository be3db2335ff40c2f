"""Finds the version that people name: `NAME` or `NAME@live` by alias, `NAME@v3` by number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqltune.database.connection import Session
from sqltune.database.tables import adapters, aliases, versions
from sqltune.errors import UnknownVersion
from sqltune.records import Adapter, AdapterVersion
from sqltune.suggestions import no_adapter

LIVE = "live"
_NAME = re.compile(r"(?P<adapter>.+)@(?:v(?P<number>\d{1,9})|(?P<alias>[^@]+))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class VersionName:
    """Which version is meant."""

    adapter_name: str
    alias: str = LIVE
    version_number: int | None = None  #: None: the version that the alias points to


def read_version_name(text: str) -> Iterator[VersionName]:
    """Yield what a text may name; an adapter's own name may contain an `@`, so that comes first."""
    yield VersionName(text)
    if match := _NAME.fullmatch(text):
        number = match["number"]
        yield VersionName(
            match["adapter"], match["alias"] or LIVE, None if number is None else int(number)
        )


def find_named_version(session: Session, text: str) -> tuple[Adapter, AdapterVersion]:
    """Return the version that a text such as `NAME@v3` names, with its adapter.

    Raises:
        UnknownVersion: there is no such adapter, alias or version.
    """
    names = list(read_version_name(text))
    known = [name for name in names if adapters.get_adapter(session, name.adapter_name)]
    return find_version(session, (known or names)[0])


def find_version(session: Session, name: VersionName) -> tuple[Adapter, AdapterVersion]:
    """Return a version with its adapter.

    Raises:
        UnknownVersion: there is no such adapter, alias or version.
    """
    adapter = adapters.get_adapter(session, name.adapter_name)
    if adapter is None:
        raise UnknownVersion(no_adapter(name.adapter_name, adapters.list_names(session)))
    number = name.version_number
    if number is None:
        number = aliases.fetch_alias(session, adapter.adapter_name, name.alias)
        if number is None:
            raise UnknownVersion(_describe_missing(name))
    version = versions.get_version(session, adapter.adapter_name, number)
    if version is None:
        raise UnknownVersion(
            f"adapter {adapter.adapter_name!r} has no version {number}: report_adapter_versions "
            "lists them"
        )
    return adapter, version


def find_live(session: Session, adapter_name: str) -> AdapterVersion | None:
    """Return the version of an adapter that is live; None: none is."""
    number = aliases.fetch_alias(session, adapter_name, LIVE)
    return None if number is None else versions.get_version(session, adapter_name, number)


def _describe_missing(name: VersionName) -> str:
    adapter_name = name.adapter_name
    if name.alias == LIVE:
        return (
            f"no version of {adapter_name!r} is live: name one, such as '{adapter_name}@v1', or "
            "train one with `sqltune sync`"
        )
    return (
        f"no version of {adapter_name!r} has the alias {name.alias!r}: a row of alias_changes "
        "gives it to one"
    )
