"""A run that is ready to ask its prompts, and a scripted backend to ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from sqltune.backends.base import Backend, Decoding
from sqltune.backends.scripted.backend import ScriptedBackend
from sqltune.database.connection import Database
from sqltune.database.run_scope import RunScope
from sqltune.database.tables import runs, versions
from sqltune.evaluation import (
    AnsweringModel,
    answer_phase,
    compare,
    measure,
    reach_verdict,
    record_evaluation,
    record_verdict,
    score_responses,
)
from sqltune.evaluation.answer_store import PhaseResult
from sqltune.evaluation.scorers import SCORERS
from sqltune.evaluation.scoring import Scoring
from sqltune.records import Claim, Phase
from sqltune.selection import SelectionReader
from sqltune.verdicts import GateRules

ADAPTER = "demo"
CLAIM = Claim(ADAPTER, "the-runner", 1)
ANY_CHANGE = GateRules(min_gain=None)
SCORING = Scoring("exact")
GREEDY = Decoding(max_new_tokens=1_000_000, temperature=0.0, seed=0)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that advances by a millisecond at each call."""

    moment: datetime = NOW

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


@dataclass
class EvaluatedRun:
    """One run of the adapter `demo`, whose lease is ours."""

    database: Database
    folder: Path
    run_id: int = 1
    clock: Clock = field(default_factory=Clock)
    backends: list[Backend] = field(default_factory=list)

    def claim(self) -> None:
        """Lease the adapter to CLAIM."""
        self.execute(
            "INSERT INTO adapter_states (adapter_name, attempt, lease_owner, lease_until_ms)"
            " VALUES (:adapter_name, 1, :owner, 99999999999999)",
            {"adapter_name": ADAPTER, "owner": CLAIM.owner},
        )

    def add_run(self, run_id: int) -> None:
        self.execute(
            "INSERT INTO runs (run_id, adapter_name) VALUES (:run_id, :adapter_name)",
            {"run_id": run_id, "adapter_name": ADAPTER},
        )

    def add_prompts(
        self,
        expected: Mapping[str, str | None] | int,
        *,
        run_id: int | None = None,
        scorer: str = "exact",
    ) -> None:
        """Freeze prompts and what they expect; a number makes as many, to which `yes` is right."""
        if isinstance(expected, int):
            expected = {f"Prompt {i:05}?": "yes" for i in range(expected)}
        contents = [{"h": content_hash(p, r), "p": p, "r": r} for p, r in expected.items()]
        known = {row[0] for row in self.rows("SELECT content_hash FROM contents")}
        new = [content for content in contents if content["h"] not in known]
        if new:
            self.execute(
                "INSERT INTO contents (content_hash, prompt, response) VALUES (:h, :p, :r)", *new
            )
        self.execute(
            "INSERT INTO run_prompts (run_id, prompt_key, content_hash, scorer, is_scored)"
            " VALUES (:run_id, :k, :h, :scorer, :is_scored)",
            *[
                {
                    "run_id": run_id or self.run_id,
                    "k": f"k{i:05}",
                    "h": c["h"],
                    "scorer": scorer,
                    "is_scored": int(
                        c["r"] is not None
                        or scorer not in SCORERS
                        or not SCORERS[scorer].needs_expected
                    ),
                }
                for i, c in enumerate(contents)
            ],
        )

    def add_version(self, version_number: int) -> None:
        self.execute(
            "INSERT INTO adapter_versions (adapter_name, version_number, adapter_label, state,"
            " is_latest, run_id, manifest_id, fingerprint, training_key, backend, base_model,"
            " method, epochs, rehearsal, seed, sample_count, created_at)"
            " VALUES (:adapter_name, :n, :label, 'trained', 1, 1, 1, 'f', 'k', 'scripted', 'toy',"
            " 'lora', 3, 'off', 0, 4, '2026-11-23 12:00:00')",
            {"adapter_name": ADAPTER, "n": version_number, "label": f"{ADAPTER} v{version_number}"},
        )

    def backend(self, **script: Any) -> ScriptedBackend:
        """Return a scripted backend that is closed with the run."""
        file = self.folder / f"script-{len(self.backends)}.json"
        file.write_text(json.dumps({"default_answer": "no", **script}), encoding="utf-8")
        backend = ScriptedBackend(file, self.folder)
        self.backends.append(backend)
        return backend

    def scope(
        self,
        run_id: int | None = None,
        *,
        check: Callable[[], None] = lambda: None,
        claim: Claim = CLAIM,
    ) -> RunScope:
        """Return what this run, or another one, works in."""
        return RunScope(self.database, claim, run_id or self.run_id, check, self.clock)

    def model(
        self,
        backend: Backend | None = None,
        *,
        model_key: str = "base",
        decoding_key: str = "greedy",
        decoding: Decoding = GREEDY,
    ) -> AnsweringModel:
        """Return a model without an adapter, at a new scripted backend where none is given."""
        backend = backend or self.backend()
        return AnsweringModel(
            backend, backend.describe("toy", None), None, decoding, model_key, decoding_key
        )

    def ask(
        self,
        phase: Phase = Phase.BASE,
        backend: Backend | None = None,
        *,
        run_id: int | None = None,
        model_key: str = "base",
        decoding_key: str = "greedy",
        check: Callable[[], None] = lambda: None,
        scoring: Scoring | None = SCORING,
        claim: Claim = CLAIM,
        on_progress: Callable[[int], None] = lambda done: None,
        decoding: Decoding = GREEDY,
    ) -> PhaseResult:
        model = self.model(
            backend, model_key=model_key, decoding_key=decoding_key, decoding=decoding
        )
        return answer_phase(
            self.scope(run_id, check=check, claim=claim),
            phase,
            model,
            on_progress=on_progress,
            scoring=scoring,
        )

    def score(self, scoring: Scoring = SCORING, *, reads_views: bool = False) -> int:
        reader = SelectionReader(self.database, lambda: None, 60.0) if reads_views else None
        return score_responses(self.scope(), scoring, reader)

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Read rows as a person would."""
        with self.database.read() as session:
            return [tuple(row) for row in session.connection.execute(text(query), values)]

    def value(self, query: str, **values: object) -> Any:
        return self.rows(query, **values)[0][0]

    def execute(self, statement: str, *values: Mapping[str, object]) -> None:
        with self.database.transaction() as session:
            session.connection.execute(text(statement), list(values) or None)

    def responses(self, phase: Phase = Phase.BASE) -> dict[str, str | None]:
        """Return the answers of a phase by prompt key; None for an error."""
        return dict(
            self.rows(
                "SELECT prompt_key, response FROM responses WHERE run_id = :r AND phase = :p",
                r=self.run_id,
                p=phase.value,
            )
        )

    def close(self) -> None:
        for backend in self.backends:
            backend.close()


def content_hash(prompt: str, expected: str | None) -> str:
    """Return a hash of the texts; any will do."""
    return hashlib.sha256(repr((prompt, expected)).encode()).hexdigest()


def right_answers(prompts: Sequence[int]) -> dict[str, str]:
    """Return a script's answers that are right for these numbered prompts."""
    return {f"Prompt {i:05}?": "yes" for i in prompts}


def answer_base_and_after(run: EvaluatedRun) -> None:
    """Ten prompts: base is right on 0 to 3, after on 2 to 8."""
    run.add_prompts(10)
    run.ask(Phase.BASE, run.backend(answers=right_answers(range(4))))
    run.ask(Phase.AFTER, run.backend(answers=right_answers(range(2, 9))), model_key="v1")


def decide(
    run: EvaluatedRun,
    run_id: int,
    version: int,
    *,
    rules: GateRules = ANY_CHANGE,
    claim: Claim = CLAIM,
) -> bool:
    """Reach a verdict and record it; return whether `live` moved."""
    moves = run.value("SELECT COUNT(*) FROM alias_history")
    with run.database.read() as session:
        record = runs.get_run(session, run_id)
        trained = versions.get_version(session, ADAPTER, version)
    assert record is not None
    assert trained is not None
    verdict = reach_verdict(compare(run.database, run_id, rules, seed=0), rules)
    standing = measure(run.database, run_id, decoding_key="greedy", seed=0)
    with run.database.transaction(claim) as session:
        reason = record_verdict(session, record, trained, verdict, now=run.clock())
        evaluated = replace(record, version_number=version)
        record_evaluation(session, evaluated, verdict, reason, standing, now=run.clock())
    stored = run.rows(f"SELECT reason FROM gate_decisions WHERE run_id = {run_id}")
    assert stored == [(reason,)]
    return bool(run.value("SELECT COUNT(*) FROM alias_history") > moves)
