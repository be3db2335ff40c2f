"""What a person does to the alias of an adapter from the command line: promote and roll back.

Both write a row of `alias_changes`, as anybody can with SQL, and apply it at once where no runner
works on the adapter.
"""

from __future__ import annotations

import getpass
import os
import threading

from sqltune.database.connection import Session
from sqltune.database.tables import adapters, aliases
from sqltune.errors import ConfigError
from sqltune.evaluation.recording import LIVE
from sqltune.runtime import Runtime
from sqltune.suggestions import no_adapter
from sqltune.syncing.lease import lease_adapter


def promote(runtime: Runtime, adapter_name: str, version_number: int, reason: str | None) -> str:
    """Make a version live, whatever the gate said, and return what happens.

    Raises:
        ConfigError: there is no such adapter, or it has no such version.
    """
    with runtime.database.transaction() as session:
        _require_adapter(session, adapter_name)
        obstacle = aliases.find_obstacle(session, adapter_name, version_number)
        if obstacle is not None:
            raise ConfigError(f"version {version_number} does not go live: {obstacle}")
        change = _ask(session, adapter_name, version_number, reason or "promoted by hand")
    return _apply(runtime, adapter_name, version_number, change)


def roll_back(runtime: Runtime, adapter_name: str, reason: str | None) -> str:
    """Make the version live that was live before, and return what happens.

    Raises:
        ConfigError: there is no such adapter, or nothing was live before.
    """
    with runtime.database.transaction() as session:
        _require_adapter(session, adapter_name)
        earlier = aliases.find_earlier_version(session, adapter_name)
        if earlier is None:
            raise ConfigError(
                f"nothing was live before in {adapter_name!r}: report_live_history shows what was, "
                f"and `sqltune promote {adapter_name} VERSION` takes any version"
            )
        change = _ask(session, adapter_name, earlier, reason or "rolled back by hand")
    return _apply(runtime, adapter_name, earlier, change)


def _require_adapter(session: Session, adapter_name: str) -> None:
    if adapters.get_adapter(session, adapter_name) is None:
        raise ConfigError(no_adapter(adapter_name, adapters.list_names(session)))


def _ask(session: Session, adapter_name: str, version_number: int, reason: str) -> int:
    return aliases.insert_alias_request(
        session,
        adapter_name,
        version_number,
        alias=LIVE,
        reason=reason,
        os_user=os_user(),
    )


def os_user() -> str:
    """Return who runs the command, by the computer's name for the person."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # in a container, a user may be a number alone
        return f"user {os.getuid()}"


def _apply(runtime: Runtime, adapter_name: str, version_number: int, change_id: int) -> str:
    with lease_adapter(runtime, adapter_name, threading.Event()) as lease:
        if lease is None:
            return (
                f"a runner works on {adapter_name}: after that, the next sync or worker makes "
                f"version {version_number} live (alias_changes)"
            )
        with runtime.database.transaction(lease.claim) as session:
            aliases.settle_alias_changes(session, adapter_name, now=runtime.now())
            state, answer = aliases.get_alias_request(session, change_id)
    if state != "applied":
        raise ConfigError(f"version {version_number} does not go live: {answer}")
    return f"version {version_number} of {adapter_name} is live"
