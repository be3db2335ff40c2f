"""The evaluation prompts of a run, frozen as they will be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    scorer: str  #: the primary one
    is_scored: bool  #: there is an expected text, or the scorer needs none


def delete_run_prompts(session: Session, run_id: int) -> None:
    """Delete the prompts of a run, before they are frozen again."""
    session.execute("delete_run_prompts", run_id=run_id)


def add_prompts(scope: RunScope, page: Sequence[tuple[ContentRow, FrozenPrompt]]) -> None:
    """Store prompts with their texts, in one transaction."""
    store_contents = pack_contents(scope.database, [content for content, _ in page])
    with scope.transaction() as session:
        store_contents(session)
        session.execute_many(
            "add_run_prompt", [_values(scope.run_id, prompt) for _, prompt in page]
        )


def mark_leaked(session: Session, run_id: int, leaked: Mapping[str, str]) -> None:
    """Mark prompts by their keys: a trained sample has the same `prompt`, or only its `group`."""
    session.execute_many(
        "mark_leaked_prompt",
        [{"run_id": run_id, "prompt_key": key, "leaked_by": leaked[key]} for key in sorted(leaked)],
    )


def get_prompt_text(session: Session, run_id: int, prompt_key: str) -> str:
    """Return the text of a prompt of a run."""
    row = session.fetch_one("get_prompt_text", run_id=run_id, prompt_key=prompt_key)
    return "" if row is None else str(row.prompt or "")


def _values(run_id: int, prompt: FrozenPrompt) -> dict[str, object]:
    return {**asdict(prompt), "run_id": run_id, "is_scored": int(prompt.is_scored)}
