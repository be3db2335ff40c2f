"""Which versions saw which samples, and what differs between two versions, on every engine."""

from __future__ import annotations

from sqltune.database.connection import Database
from tests.database.report_rows import insert, select

TIME = "2026-11-23 10:00:00.000000"
#: The samples of two versions, as key and content.
OLD = [("kept", "h-kept"), ("edited", "h-old"), ("gone", "h-gone"), ("h-copy", "h-copy")]
NEW = [("edited", "h-new"), ("kept", "h-kept"), ("added", "h-added"), ("h-copy", "h-copy")]


def insert_versions(database: Database) -> None:
    """Insert two versions of one adapter, and one of another that shares a manifest."""
    base = {"state": "accepted", "is_latest": 0, "fingerprint": "f", "training_key": "t"}
    base |= {"backend": "scripted", "base_model": "toy", "method": "lora", "epochs": 1}
    base |= {"rehearsal": "off", "seed": 0, "sample_count": 4, "created_at": TIME}
    names = [("office", 1, 1), ("office", 2, 2), ("other", 1, 2)]
    insert(
        database,
        "adapter_versions",
        [
            base
            | {"adapter_name": name, "version_number": number, "adapter_label": f"{name} v{number}"}
            | {"run_id": manifest, "manifest_id": manifest}
            for name, number, manifest in names
        ],
    )
    insert(
        database,
        "manifest_samples",
        [
            {"manifest_id": n, "position": p, "sample_key": key, "content_hash": content}
            for n, samples in ((1, OLD), (2, NEW))
            for p, (key, content) in enumerate(samples)
        ],
    )
    insert(
        database,
        "contents",
        [
            {"content_hash": content, "prompt": f"ask {content}", "response": f"say {content}"}
            | {"weight": 2.0 if content == "h-new" else 1.0}
            for content in sorted({content for _, content in OLD + NEW})
        ],
    )


def test_a_row_leads_to_every_version_that_saw_it_with_the_text_of_then(database: Database) -> None:
    insert_versions(database)
    rows = select(
        database,
        "adapter_label, prompt, response, position",
        "report_lineage WHERE sample_key = 'edited' ORDER BY adapter_label",
    )
    assert rows == [
        ("office v1", "ask h-old", "say h-old", 1),
        ("office v2", "ask h-new", "say h-new", 0),
        ("other v1", "ask h-new", "say h-new", 0),
    ]


def test_a_version_leads_to_all_its_samples(database: Database) -> None:
    insert_versions(database)
    rows = select(
        database,
        "sample_key, content_hash, is_live",
        "report_lineage WHERE adapter_name = 'office' AND version_number = 1 ORDER BY position",
    )
    assert rows == [(key, content, 0) for key, content in OLD]


def test_two_versions_differ_in_what_was_added_edited_and_gone(database: Database) -> None:
    insert_versions(database)
    rows = select(
        database,
        "sample_key, sample_change, old_prompt, prompt, old_weight, weight",
        "report_sample_changes WHERE adapter_name = 'office' AND old_version = 1"
        " AND version_number = 2 ORDER BY sample_key",
    )
    assert rows == [
        ("added", "added", None, "ask h-added", None, 1),
        ("edited", "edited", "ask h-old", "ask h-new", 1, 2),
        ("gone", "gone", "ask h-gone", None, 1, None),
    ]


def test_the_versions_of_a_pair_can_be_exchanged(database: Database) -> None:
    insert_versions(database)
    rows = select(
        database,
        "sample_key, sample_change, old_prompt, prompt",
        "report_sample_changes WHERE adapter_name = 'office' AND old_version = 2"
        " AND version_number = 1 ORDER BY sample_key",
    )
    assert rows == [
        ("added", "gone", "ask h-added", None),
        ("edited", "edited", "ask h-new", "ask h-old"),
        ("gone", "added", None, "ask h-gone"),
    ]


def test_a_row_without_a_key_of_its_own_is_never_edited(database: Database) -> None:
    insert_versions(database)
    assert select(database, "sample_key", "report_sample_changes WHERE sample_key = 'h-copy'") == []
