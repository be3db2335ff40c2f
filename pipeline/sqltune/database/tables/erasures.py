"""What `sqltune forget` removes and records: keyed hashes, certificates, texts of all tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqltune.database.connection import Session
from sqltune.database.tables.expiring import EXPIRED_HASH
from sqltune.database.times import format_time

#: What is in the place of a removed text.
FORGOTTEN_TEXT = "[forgotten]"
#: responses.error_message of an answer that was removed.
ANSWER_MESSAGE = "the answer contained, or answered, a text that `sqltune forget` removed"
#: Statements that stream messages, keys first, and those that write one without a text.
MESSAGES = {
    "select_messages_of_issues": ("set_message_of_issue", ("run_id", "issue_number")),
    "select_messages_of_events": ("set_message_of_event", ("run_id", "event_number")),
    "select_messages_of_runs": ("set_message_of_run", ("run_id",)),
    "select_messages_of_scores": (
        "set_message_of_score",
        ("run_id", "prompt_key", "phase", "scorer"),
    ),
    "select_messages_of_calls": ("set_message_of_call", ("run_id", "call_number")),
    "select_messages_of_states": ("set_message_of_state", ("adapter_name",)),
    "select_reasons_of_scores": (
        "set_reason_of_score",
        ("run_id", "prompt_key", "phase", "scorer"),
    ),
    "select_messages_of_row_checks": ("set_message_of_row_check", ("adapter_name",)),
    "select_messages_of_row_check_issues": (
        "set_message_of_row_check_issue",
        ("adapter_name", "issue_number"),
    ),
    "select_messages_of_webhook_calls": (
        "set_message_of_webhook_call",
        ("adapter_name", "event", "event_number"),
    ),
    "select_messages_of_questions": ("set_message_of_question", ("question_id",)),
    "select_trigger_reasons_of_runs": ("set_trigger_reason_of_run", ("run_id",)),
    "select_stuck_reasons_of_runs": ("set_stuck_reason_of_run", ("run_id",)),
    "select_settings_of_runs": ("set_settings_of_run", ("run_id",)),
    "select_requests_of_calls": ("set_request_of_call", ("run_id", "call_number")),
    "select_categories_of_prompts": ("set_category_of_prompt", ("run_id", "prompt_key")),
    "select_reasons_of_decisions": ("set_reason_of_decision", ("run_id",)),
    "select_worst_of_decisions": ("set_worst_of_decision", ("run_id",)),
    "select_reasons_of_evaluations": (
        "set_reason_of_evaluation",
        ("adapter_name", "evaluation_number"),
    ),
    "select_reasons_of_alias_changes": ("set_reason_of_alias_change", ("change_id",)),
    "select_reasons_of_alias_moves": (
        "set_reason_of_alias_move",
        ("adapter_name", "alias", "move_number"),
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class ForgottenHash:
    """One row of `forgotten_samples`."""

    key_id: str
    hash_kind: str  #: row, texts, prompt, answer
    keyed_hash: str


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


@dataclass(frozen=True, slots=True)
class SampleOfKey:
    """A content that a row ever had in a manifest."""

    manifest_id: int
    adapter_name: str
    content_hash: str
    is_forgotten: bool


@dataclass(frozen=True, slots=True)
class SeenBy:
    """A version, and how many forgotten samples it was trained on."""

    adapter_name: str
    version_number: int
    sample_count: int
    is_retired: bool

    def __str__(self) -> str:
        return f"{self.adapter_name} v{self.version_number}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A row of `erasures` as it is begun."""

    erasure_id: str
    adapter_name: str | None
    requested_by: str
    sample_count: int
    samples_left: int
    queries_left: str | None  #: columns of `adapters` that quote a text; None: there is none


@dataclass(frozen=True, slots=True)
class Removed:
    """What one transaction removed."""

    samples: int = 0
    prompts: int = 0
    answers: int = 0
    messages: int = 0
    files: int = 0


def list_forget_keys(session: Session) -> dict[str, str | None]:
    """Return the made secret of each key; None: the environment has it."""
    return {row.key_id: row.made_key for row in session.fetch_all("list_forget_keys")}


def insert_forget_key(
    session: Session, key_id: str, made_key: str | None, *, now: datetime
) -> None:
    """Store a secret, or that the environment has it."""
    session.execute("insert_forget_key", key_id=key_id, made_key=made_key, now=format_time(now))


def list_forgotten_hashes(session: Session) -> frozenset[ForgottenHash]:
    """Return the keyed hashes of everything that was forgotten."""
    rows = session.fetch_all("list_forgotten_hashes")
    return frozenset(ForgottenHash(row.key_id, row.hash_kind, row.keyed_hash) for row in rows)


def begin_erasure(
    session: Session,
    certificate: Certificate,
    hashes: Iterable[ForgottenHash],
    seen_by: Iterable[SeenBy],
    *,
    now: datetime,
) -> None:
    """Record what is to be forgotten, before anything is removed."""
    moment, erasure_id = format_time(now), certificate.erasure_id
    session.execute(
        "insert_erasure",
        erasure_id=erasure_id,
        adapter_name=certificate.adapter_name,
        requested_by=certificate.requested_by,
        sample_count=certificate.sample_count,
        samples_left=certificate.samples_left,
        queries_left=certificate.queries_left,
        now=moment,
    )
    session.execute_many(
        "insert_forgotten_hash",
        [
            {"erasure_id": erasure_id, "hash_kind": h.hash_kind, "keyed_hash": h.keyed_hash}
            | {"key_id": h.key_id, "now": moment}
            for h in sorted(hashes)
        ],
    )
    session.execute_many(
        "insert_erasure_version",
        [
            {"erasure_id": erasure_id, "adapter_name": v.adapter_name}
            | {"version_number": v.version_number, "sample_count": v.sample_count}
            for v in seen_by
        ],
    )


def count_removed(session: Session, erasure_id: str, removed: Removed) -> None:
    """Count in the certificate what this transaction removes."""
    session.execute(
        "count_removed",
        erasure_id=erasure_id,
        samples=removed.samples,
        prompts=removed.prompts,
        answers=removed.answers,
        messages=removed.messages,
        files=removed.files,
    )


def list_open_erasures(session: Session) -> list[str]:
    """Return the erasures that broke off, the oldest first."""
    return [str(row.erasure_id) for row in session.fetch_all("list_open_erasures")]


def complete_erasure(session: Session, erasure_id: str, *, now: datetime) -> None:
    """Record that everything is removed."""
    session.execute("complete_erasure", erasure_id=erasure_id, now=format_time(now))


def find_samples_of_key(session: Session, sample_key: str) -> list[SampleOfKey]:
    """Return every content that rows with this key ever had, in manifests of any adapter."""
    return [
        SampleOfKey(
            int(row.manifest_id), row.adapter_name, row.content_hash, row.forgotten_at is not None
        )
        for row in session.fetch_all("find_samples_of_key", sample_key=sample_key)
    ]


def list_known_adapters(session: Session) -> list[str]:
    """Return the adapters that are declared, or of which a manifest or a version is kept."""
    return [str(row.adapter_name) for row in session.fetch_all("list_known_adapters")]


def list_adapters_with_finding(session: Session, sample_key: str) -> list[str]:
    """Return the adapters of which a finding names a sample with this key."""
    rows = session.fetch_all("list_adapters_with_finding", sample_key=sample_key)
    return [str(row.adapter_name) for row in rows]


def get_dataset_of_sample(session: Session, sample_id: int) -> str | None:
    """Return the dataset of a row of training_samples; None: there is no such row."""
    row = session.fetch_one("get_dataset_of_sample", sample_id=sample_id)
    return None if row is None else str(row.dataset)


def find_manifests_of_content(session: Session, content_hash: str) -> list[tuple[int, str, int]]:
    """Return id, adapter and number of samples of each manifest with a content."""
    rows = session.fetch_all("find_manifests_of_content", content_hash=content_hash)
    return [(int(row.manifest_id), row.adapter_name, int(row.samples)) for row in rows]


def list_versions_of_manifest(session: Session, manifest_id: int) -> list[tuple[str, int, bool]]:
    """Return adapter, number and whether it is retired of each version of a manifest."""
    rows = session.fetch_all("list_versions_of_manifest", manifest_id=manifest_id)
    return [(r.adapter_name, int(r.version_number), r.retired_at is not None) for r in rows]


def list_runs_of_manifest(session: Session, manifest_id: int) -> list[tuple[str, str]]:
    """Return key and backend of each run that trained on a manifest."""
    rows = session.fetch_all("list_ended_runs_of_manifest", manifest_id=manifest_id)
    return [(str(row.run_key), str(row.backend)) for row in rows]


def find_key_of_content(session: Session, content_hash: str) -> str | None:
    """Return the adapter and the key of a row with this content, for people."""
    row = session.fetch_one("find_key_of_content", content_hash=content_hash)
    return None if row is None else f"{row.adapter_name} {row.sample_key}"


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
) -> int:
    """Remove a content's texts, and point to what is in its place; return the answers removed."""
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
    answers = session.execute(
        "forget_answers_to_content",
        content_hash=content_hash,
        new_hash=new_hash,
        message=ANSWER_MESSAGE,
    )
    session.execute("delete_content", content_hash=content_hash)
    return answers


def replace_prompt_content(session: Session, run_id: int, prompt_key: str, new_hash: str) -> None:
    """Point a prompt of a run to what is in the place of its content."""
    session.execute(
        "replace_prompt_content", run_id=run_id, prompt_key=prompt_key, new_hash=new_hash
    )


def forget_answer(session: Session, run_id: int, prompt_key: str, phase: str) -> None:
    """Remove an answer that holds a forgotten text."""
    session.execute(
        "forget_answer", run_id=run_id, prompt_key=prompt_key, phase=phase, message=ANSWER_MESSAGE
    )


def forget_prediction(session: Session, adapter_name: str, row_key: str) -> None:
    """Remove an answer to a row that holds a forgotten text."""
    session.execute(
        "forget_prediction", adapter_name=adapter_name, row_key=row_key, message=ANSWER_MESSAGE
    )


def forget_question(session: Session, question_id: int, *, is_asked: bool) -> int:
    """Remove an answer that holds a forgotten text, or a question that does with all about it.

    Args:
        session: a transaction.
        question_id: the question.
        is_asked: whether the question holds the text itself.

    Returns:
        How many corrections were removed with it.
    """
    if not is_asked:
        session.execute(
            "forget_answer_to_question", question_id=question_id, message=ANSWER_MESSAGE
        )
        return 0
    session.execute(
        "forget_question", question_id=question_id, shown=FORGOTTEN_TEXT, message=ANSWER_MESSAGE
    )
    return session.execute("forget_corrections_of_question", question_id=question_id)


def forget_correction(session: Session, feedback_id: int) -> None:
    """Remove a correction that holds a forgotten text."""
    session.execute("forget_correction", feedback_id=feedback_id)


def count_forgotten(session: Session, manifest_id: int) -> int:
    """Return how many samples of a manifest are forgotten."""
    row = session.fetch_one(
        "count_forgotten_in_manifest", manifest_id=manifest_id, expired_hash=EXPIRED_HASH
    )
    return 0 if row is None else int(row.samples)


def set_forgotten_count(session: Session, manifest_id: int, count: int) -> None:
    """Mark a manifest with the number of its samples that are forgotten."""
    session.execute("set_forgotten_count", manifest_id=manifest_id, forgotten_count=count)
