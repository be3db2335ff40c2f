"""Names that point to one version: `aliases`, `alias_history`, and the requests `alias_changes`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time, parse_time

#: alias_history.moved_by where a person's row does not say whose it is.
UNKNOWN_PERSON = "alias_changes"
#: alias_history.moved_by where a version is taken back because it is now worse.
ON_FALL = "on_fall"


def fetch_alias(session: Session, adapter_name: str, alias: str = "live") -> int | None:
    """Return the version that an alias points to; None if there is no such alias."""
    row = session.fetch_one("fetch_alias", adapter_name=adapter_name, alias=alias)
    return None if row is None else int(row.version_number)


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One row of `alias_history`, without its number, its time, and the version before."""

    adapter_name: str
    alias: str
    new_version: int
    run_id: int | None  #: None: a person asked for it
    reason: str
    moved_by: str | None  #: the person, or ON_FALL; None: the gate


def move_alias(session: Session, move: AliasMove, *, now: datetime) -> bool:
    """Point an alias to a version and record the move; False if it points there already."""
    name, alias, changed_at = move.adapter_name, move.alias, format_time(now)
    old_version = fetch_alias(session, name, alias)
    if old_version == move.new_version:
        return False
    session.execute(
        "insert_alias" if old_version is None else "update_alias",
        adapter_name=name,
        alias=alias,
        version_number=move.new_version,
        changed_at=changed_at,
    )
    last = session.fetch_one("get_last_move_number", adapter_name=name, alias=alias)
    session.execute(
        "insert_alias_move",
        **asdict(move),
        move_number=(int(last.last_number) if last else 0) + 1,
        old_version=old_version,
        changed_at=changed_at,
    )
    return True


def settle_alias_changes(session: Session, adapter_name: str, *, now: datetime) -> int:
    """Answer the requests in `alias_changes` and return how many aliases moved."""
    moved = 0
    for request in session.fetch_all("fetch_alias_requests", adapter_name=adapter_name):
        version = request.version_number
        reason = request.reason or "asked for in alias_changes"
        state = "applied"
        if (obstacle := find_obstacle(session, adapter_name, version)) is not None:
            state, reason = "refused", obstacle
        else:
            person = request.requested_by or UNKNOWN_PERSON
            move = AliasMove(adapter_name, request.alias, version, None, reason, person)
            moved += move_alias(session, move, now=now)
        session.execute(
            "settle_alias_request",
            change_id=request.change_id,
            state=state,
            reason=reason,
            settled_at=format_time(now),
        )
    return moved


@dataclass(frozen=True, slots=True)
class AliasRequest:
    """A row of `alias_changes` that is not answered yet."""

    change_id: int
    alias: str
    version_number: object  #: SQLite stores a text in a column of numbers too


def list_alias_requests_of(session: Session, adapter_name: str) -> list[AliasRequest]:
    """Return the requests to move an adapter's aliases, the oldest first."""
    rows = session.fetch_all("fetch_alias_requests", adapter_name=adapter_name)
    return [AliasRequest(int(r.change_id), str(r.alias), r.version_number) for r in rows]


def insert_alias_request(
    session: Session,
    adapter_name: str,
    version_number: int,
    *,
    alias: str,
    reason: str | None,
    os_user: str,
) -> int:
    """Ask for an alias to be moved, and return the change_id."""
    return session.insert(
        "insert_alias_request",
        adapter_name=adapter_name,
        alias=alias,
        version_number=version_number,
        reason=reason,
        os_user=os_user,
    )


def get_alias_request(session: Session, change_id: int) -> tuple[str, str]:
    """Return the state of a request and its reason."""
    row = session.fetch_one("get_alias_request", change_id=change_id)
    return ("gone", "") if row is None else (str(row.state), str(row.reason or ""))


@dataclass(frozen=True, slots=True)
class LastMove:
    """The last move of an alias."""

    old_version: int | None  #: None: the alias was new
    new_version: int
    moved_by: str | None  #: a person, or ON_FALL; None: the gate


def get_last_move(session: Session, adapter_name: str, alias: str = "live") -> LastMove | None:
    """Return the last move of an alias; None if it never moved."""
    row = session.fetch_one("get_last_move", adapter_name=adapter_name, alias=alias)
    return None if row is None else LastMove(row.old_version, row.new_version, row.moved_by)


def find_earlier_version(session: Session, adapter_name: str, alias: str = "live") -> int | None:
    """Return the version that an alias pointed to before its last move; None: there is none."""
    move = get_last_move(session, adapter_name, alias)
    return None if move is None else move.old_version


def list_aliases_of(session: Session, adapter_name: str, version_number: int) -> list[str]:
    """Return the aliases that point to a version."""
    rows = session.fetch_all(
        "list_aliases_of", adapter_name=adapter_name, version_number=version_number
    )
    return [str(row.alias) for row in rows]


def find_obstacle(session: Session, adapter_name: str, version_number: object) -> str | None:
    """Return why no alias can point to a version; None if one can."""
    row = None
    # SQLite stores what it is given, a text in a column of numbers too.
    if isinstance(version_number, int):
        row = session.fetch_one(
            "get_version", adapter_name=adapter_name, version_number=version_number
        )
    if row is None:
        return f"{adapter_name} has no version {version_number}"
    if row.retired_at is not None:
        return f"version {version_number} of {adapter_name} is retired: its weights are gone"
    return None


@dataclass(frozen=True, slots=True)
class AliasTarget:
    """An alias, and what decides where its version can be asked."""

    adapter_name: str
    alias: str
    version_number: int
    changed_at: datetime | None  #: None: the row holds no time
    backend: str
    base_model: str
    base_model_revision: str | None
    quantization: str
    is_retired: bool


def list_alias_versions(session: Session) -> list[AliasTarget]:
    """Return every alias with its version, by adapter and alias."""
    return [
        AliasTarget(
            adapter_name=row.adapter_name,
            alias=row.alias,
            version_number=row.version_number,
            backend=row.backend,
            base_model=row.base_model,
            base_model_revision=row.base_model_revision,
            quantization=row.quantization,
            changed_at=parse_time(row.changed_at),
            is_retired=row.retired_at is not None,
        )
        for row in session.fetch_all("list_alias_versions")
    ]
