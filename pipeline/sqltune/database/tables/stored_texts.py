"""Texts of samples and prompts as `contents` has them, and what is put in the place of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.times import format_time

#: What is in the place of a removed text.
FORGOTTEN_TEXT = "[forgotten]"


@dataclass(frozen=True, slots=True)
class StoredText:
    """A row of `contents`, texts in UTF-8."""

    content_hash: str
    is_sample: bool  #: False: of an evaluation prompt
    prompt: bytes
    response: bytes | None  #: of an evaluation prompt, what is expected
    system_prompt: bytes | None
    messages: bytes | None

    @property
    def texts(self) -> tuple[bytes, bytes | None, bytes | None, bytes | None]:
        """What a keyed hash is made of."""
        return self.prompt, self.response, self.system_prompt, self.messages


def get_content(session: Session, content_hash: str) -> StoredText | None:
    """Return a content with its texts; None: there is none, or its texts were removed."""
    row = session.fetch_one("get_content", content_hash=content_hash)
    if row is None or row.forgotten_at is not None:
        return None
    texts = (row.prompt, row.response, row.system_prompt, row.messages)
    encoded = [None if text is None else str(text).encode() for text in texts]
    return StoredText(content_hash, row.weight is not None, encoded[0] or b"", *encoded[1:])


def replace_content(
    session: Session,
    content_hash: str,
    new_hash: str,
    *,
    is_sample: bool,
    now: datetime,
    shown: str = FORGOTTEN_TEXT,
) -> None:
    """Remove a content's texts, and point samples to what is in its place."""
    found = session.fetch_one("count_contents", content_hash=new_hash)
    if found is None or not found.contents:
        session.execute(
            "add_forgotten_content",
            content_hash=new_hash,
            prompt=shown,
            response=shown if is_sample else None,
            weight=1.0 if is_sample else None,
            now=format_time(now),
        )
    session.execute("replace_sample_content", content_hash=content_hash, new_hash=new_hash)
    session.execute("delete_content", content_hash=content_hash)


def replace_prompt_content(session: Session, run_id: int, prompt_key: str, new_hash: str) -> None:
    """Point a prompt of a run to what is in the place of its content."""
    session.execute(
        "replace_prompt_content", run_id=run_id, prompt_key=prompt_key, new_hash=new_hash
    )
