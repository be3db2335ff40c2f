"""The evaluation prompts of a run, frozen as they will be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqltune.database.bulk import ContentRow, pack_contents
from sqltune.database.connection import Database, Session
from sqltune.records import Claim


@dataclass(frozen=True, slots=True)
class FrozenPrompt:
    """One row of `run_prompts`."""

    prompt_key: str
    content_hash: str
    category: str | None
    scorer: str


def delete_run_prompts(session: Session, run_id: int) -> None:
    """Forget the prompts of a run that are about to be frozen anew."""
    session.execute("delete_run_prompts", run_id=run_id)


def add_prompts(
    database: Database,
    claim: Claim,
    run_id: int,
    page: Sequence[tuple[ContentRow, FrozenPrompt]],
) -> None:
    """Store prompts with their texts, in one transaction."""
    store_contents = pack_contents(database, [content for content, _ in page])
    with database.transaction(claim) as session:
        store_contents(session)
        session.execute_many(
            "add_run_prompt", [asdict(prompt) | {"run_id": run_id} for _, prompt in page]
        )
