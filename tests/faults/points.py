"""The points where runs are killed, as `make fault-points` recorded them, and where none is killed.

A point is a transaction, named after the function that opens it, or a call of something outside the
database, named after the function that makes it and what it calls. Functions that are moved or
renamed change points.json and nothing else; test_points.py fails until it is recorded again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from sqltune.backends.base import Backend
from sqltune.backends.inventory import Inventory

SNAPSHOT = Path(__file__).with_name("points.json")

#: Functions where no run is killed, as patterns of their names -> why.
EXCLUDED = {
    "database.ledger.*": "`init`: tests/database/test_migrations.py kills it",
    "database.migrations.*": "`init`: tests/database/test_migrations.py kills it",
    "database.server_reading.*": "reads a selection, and rolls back",
    "syncing.lease_keeper.*": "a heartbeat in a thread of its own, which only moves the end of the "
    "lease; each case begins by ending the lease",
    "questions.claims.QuestionClaims.check": "a heartbeat, which only moves the end of claims; "
    "each case begins by ending them",
    "operations.check.*": "`check`: rolls back what it tries, and changes nothing outside",
    "database.tables.row_checks.*": "`validate`, in one transaction; no run reads what it stores",
    "operations.demo.*": "what a person would insert, in one transaction",
    "operations.promoting.*": "`promote` and `rollback`: a row of alias_changes, which any sync "
    "applies; tests/end_to_end/test_promoting.py",
    "run.answering.answer_after": "an event of a backend whose answers vary, said again if a kill "
    "comes between; tests/unit/test_variation.py",
    "syncing.reconcile.reconcile_run": "`cancel`, `pause` and `resume` of a request that "
    "nobody can meet: one row, which any sync answers alike",
    "operations.forgetting.*": "`forget`: a second one finishes what a killed one began; "
    "tests/end_to_end/test_forget.py kills it",
    "operations.gc.expiring.*": "`gc` with a limit of days: each step is a transaction of its "
    "own, and the next `gc` does what is left; tests/end_to_end/test_retention.py",
    "operations.asking.*": "`ask` and `why`: ask one prompt and store nothing",
    "operations.importing.*": "`import`, in one transaction",
    "operations.retiring.*": "`retire`: a second one, or `gc`, removes what a killed one left; "
    "tests/end_to_end/test_retire.py",
    "server.*": "the service that a run calls; tests/server/test_restart.py kills it",
    "webhooks.*": "a call that a kill leaves waiting is made again, with the same id; "
    "tests/unit/test_announcing.py",
    "vllm.*": "a call that a kill leaves waiting is compared with what vLLM lists, and settled or "
    "made again; tests/unit/test_pushing.py",
    "backends.*.delete": "`retire` alone calls it, and repeats it",
    "local_lora.base_models.*": "a folder that can be made again; tests/local_lora/"
    "test_converting.py kills a process in the middle of it",
    "local_lora.files.remove_drafts": "removes what such a kill left; the same tests",
}
#: Rooms whose work on the disk, and in threads of a pool, is watched.
WATCHED_ROOMS = ("backends.scripted.", "backends.local.", "local_lora.")


def public_methods(*owners: type) -> list[str]:
    """Return the names of all methods of classes but `close`, which sends nothing."""
    members = [item for owner in owners for item in vars(owner).items()]
    return [
        name for name, value in members if callable(value) and name[0] != "_" and name != "close"
    ]


BACKEND_METHODS = frozenset(public_methods(Backend, Inventory))


def name_class(owner: type) -> str:
    """Return the name of a class, with which the names of its functions begin."""
    return f"{owner.__module__.removeprefix('sqltune.')}.{owner.__qualname__}"


@dataclass(frozen=True)
class Points:
    """A set of points.

    Attributes:
        commits: number of transactions by the function that opens them.
        calls: "function: call" of each call of something outside the database, sorted.
    """

    commits: dict[str, int]
    calls: list[str]

    def __len__(self) -> int:
        return sum(self.commits.values()) + len(self.calls)

    def calls_in(self, *rooms: str) -> set[str]:
        """Return the calls that functions of these rooms make."""
        return {call for call in self.calls if call.startswith(rooms)}


@cache
def is_excluded(function: str) -> bool:
    """Return whether no run is killed in a function."""
    return any(fnmatchcase(function, pattern) for pattern in EXCLUDED)


def read_points() -> Points:
    """Read the recorded points."""
    return Points(**json.loads(SNAPSHOT.read_text("utf-8")))


def write_points(points: Points) -> None:
    """Record points, one per line."""
    content = json.dumps(asdict(points), indent=2, sort_keys=True)
    SNAPSHOT.write_text(content + "\n", encoding="utf-8")
