"""The evaluation prompts of a run, frozen as they will be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqltune.database.bulk import ContentRow, pack_contents
from sqltune.database.connection import Session
from sqltune.database.run_scope import RunScope


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


def add_prompts(scope: RunScope, page: Sequence[tuple[ContentRow, FrozenPrompt]]) -> None:
    """Store prompts with their texts, in one transaction."""
    store_contents = pack_contents(scope.database, [content for content, _ in page])
    with scope.transaction() as session:
        store_contents(session)
        session.execute_many(
            "add_run_prompt", [asdict(prompt) | {"run_id": scope.run_id} for _, prompt in page]
        )
