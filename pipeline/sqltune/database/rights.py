"""What the user of a connection may do, in words, by what its server says of it.

The user of selections needs to read and nothing else; `sqltune check` names the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqltune.database.connection import Database

_GRANT = re.compile(
    r"GRANT (?P<rights>.+?) ON (?:(?:TABLE|FUNCTION|PROCEDURE|PACKAGE(?: BODY)?) )?"
    r"(?P<object>\S+) TO (?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_ROLE = re.compile(r"GRANT (?P<role>\S+(?:, ?\S+)*) TO ", re.IGNORECASE)
_COLUMNS = re.compile(r"\s*\([^)]*\)")
#: Rights with which nobody changes or learns more than rows of tables.
_READING = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES"})
_WORDS = {
    "ALL": "may do everything",
    "ALL PRIVILEGES": "may do everything",
    "FILE": "reads and writes files of the server",
    "SUPER": "changes the server itself",
    "PROCESS": "sees the statements of all users",
    "EXECUTE": "runs stored functions, which may do anything",
    "LOCK TABLES": "locks tables",
    "PROXY": "acts as another user",
    "GRANT OPTION": "passes its rights on",
}
_WRITING = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER", "EVENT")


def find_excess(database: Database) -> list[str]:
    """Return what the user of a connection may do beside reading tables, a phrase each.

    SQLite has no users: nothing.

    Raises:
        DatabaseError: the server does not say.
    """
    with database.read() as session:
        return describe_excess(str(row[0]) for row in session.fetch_all("show_grants"))


def current_user(database: Database) -> str | None:
    """Return the user as the server knows it; None for SQLite, which has none."""
    with database.read() as session:
        row = session.fetch_one("get_current_user")
    return row.user_name if row is not None else None


def describe_excess(grants: Iterable[str]) -> list[str]:
    """Return what these GRANT statements permit beside reading tables."""
    return list(dict.fromkeys(phrase for grant in grants for phrase in _describe(grant)))


def _describe(grant: str) -> Iterator[str]:
    found = _GRANT.match(grant)
    if found is None:
        role = _ROLE.match(grant)
        if role is not None:
            yield f"role {role['role']} (may do more than is shown here)"
        return
    names = _COLUMNS.sub("", found["rights"]).upper().split(",")
    rights = [name.strip() for name in names]
    if "WITH GRANT OPTION" in found["rest"].upper():
        rights.append("GRANT OPTION")
    for right in rights:
        if right not in _READING:
            yield f"{right} on {_plain(found['object'])} ({_explain(right)})"
    if "SELECT" in rights and _plain(found["object"]).split(".")[0] in ("*", "mysql"):
        yield f"SELECT on {_plain(found['object'])} (reads mysql.*: users and their passwords)"


def _explain(right: str) -> str:
    if right in _WORDS:
        return _WORDS[right]
    return "writes" if right.startswith(_WRITING) else "does more than read"


def _plain(name: str) -> str:
    return name.replace("`", "").replace("'", "")
