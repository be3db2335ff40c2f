"""Warns of texts that are both trained and measured: on those, a trained model does too well.

That is an evaluation prompt among the trained samples, or a sample for validation whose texts are
those of a trained one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b

from sqltune.database.queries import load_statements
from sqltune.database.run_scope import RunScope
from sqltune.database.streaming import RowStream, open_stream
from sqltune.database.tables import run_prompts
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.near_leaks import NearLeaks
from sqltune.selection.questions import FoldedQuestion, find_asked, find_trained, fold_prompt
from sqltune.selection.rules import Problem


@dataclass(frozen=True, slots=True)
class _Asked:
    """An evaluation prompt."""

    key: str
    prompt: str  #: as it is asked
    question: FoldedQuestion


def note_leaks(
    scope: RunScope,
    manifest_id: int,
    findings: Findings,
    *,
    timeout_seconds: float,
    near_duplicate_at: float | None = None,
    train_on: str = "all",
) -> None:
    """Note each trained sample of a manifest that asks one of the run's evaluation prompts.

    The samples are streamed and compared with the few evaluation prompts in memory: long texts have
    no index that a join could use.

    Args:
        scope: the run.
        manifest_id: the samples.
        findings: get the warnings.
        timeout_seconds: longest time to wait for the server, in total.
        near_duplicate_at: from which similarity a prompt is nearly a sample's; None: never.
        train_on: of a conversation, `all` turns of the assistant, or the `last`.
    """
    stream = _streams(scope, timeout_seconds)
    asked: dict[str, list[_Asked]] = defaultdict(list)
    with stream("select_run_prompts", run_id=scope.run_id) as prompts:
        for page in prompts.pages():
            for key, prompt, *context in page:
                question = find_asked(prompt, *context)
                asked[question.prompt].append(_Asked(key.decode(), prompt.decode(), question))
    if not asked:
        return
    near = _begin_near_leaks(asked, near_duplicate_at)
    leaked: set[str] = set()
    with stream("select_manifest_prompts", manifest_id=manifest_id) as samples:
        for page in samples.pages():
            for sample_key, prompt, *context in page:
                if near is not None:
                    near.add(sample_key.decode(), prompt.decode())
                trained = find_trained(prompt, *context, train_on=train_on)
                for key, message in _find_leaks(asked, trained, prompt.decode()):
                    problem = Problem("leak", f"sample {sample_key.decode()} {message}")
                    findings.add(key, "prompt", problem, WARNING)
                    leaked.add(key)
    if near is not None:
        near.note(findings)
    with scope.transaction() as session:
        run_prompts.mark_leaked(session, scope.run_id, sorted(leaked))


def _begin_near_leaks(
    asked: Mapping[str, list[_Asked]], threshold: float | None
) -> NearLeaks | None:
    if threshold is None:
        return None
    return NearLeaks({each.key: each.prompt for same in asked.values() for each in same}, threshold)


def _find_leaks(
    asked: Mapping[str, list[_Asked]], trained: Iterable[FoldedQuestion], prompt: str
) -> Iterator[tuple[str, str]]:
    """Yield the prompts that a sample gives away: those like it in all that comes before."""
    contexts: dict[str, set[object]] = defaultdict(set)
    for question in trained:
        if question.prompt in asked:
            contexts[question.prompt].add(question.context)
    for text, before in contexts.items():
        same = [each for each in asked[text] if each.question.context in before]
        for each in same or asked[text]:
            yield each.key, _describe(each, prompt, is_same=bool(same))


def _describe(asked: _Asked, prompt: str, *, is_same: bool) -> str:
    if asked.prompt == prompt:
        what = "has the same prompt"
    elif asked.question.prompt == fold_prompt(prompt):
        what = "has the same prompt but for case, blanks or the Unicode form"
    else:
        what = "has the same prompt in an earlier turn"
    return f"{what}{'' if is_same else ' in another context'} and is trained on"


def note_validation_leaks(
    scope: RunScope, manifest_id: int, findings: Findings, *, timeout_seconds: float
) -> None:
    """Note each sample for validation whose texts are those of a trained sample.

    Hashes of the texts for validation are in memory; the content hash would not do, because it
    covers the split, the group and the weight too.
    """
    stream = _streams(scope, timeout_seconds)
    measured: dict[bytes, bytes] = {}
    with stream("select_manifest_texts", manifest_id=manifest_id, is_validation=1) as samples:
        for page in samples.pages():
            measured.update((_hash_texts(texts), key) for key, *texts in page)
    if not measured:
        return
    with stream("select_manifest_texts", manifest_id=manifest_id, is_validation=0) as samples:
        for page in samples.pages():
            for key, *texts in page:
                found = measured.pop(_hash_texts(texts), None)
                if found is not None:
                    message = (
                        f"sample {key.decode()} has the same texts and is trained on, so that this "
                        "one measures too low a loss: delete one, or give both one group_key"
                    )
                    problem = Problem("validation_leak", message)
                    findings.add(found.decode(), "split", problem, WARNING)


def _streams(
    scope: RunScope, timeout_seconds: float
) -> Callable[..., AbstractContextManager[RowStream]]:
    """Return what opens a stream of a named statement."""
    statements = load_statements(scope.database.kind.value)

    def stream(name: str, **values: int) -> AbstractContextManager[RowStream]:
        return open_stream(
            scope.database,
            statements[name],
            values,
            check=scope.check,
            timeout_seconds=timeout_seconds,
        )

    return stream


def _hash_texts(texts: list[bytes | None]) -> bytes:
    lengths = b",".join(b"-" if text is None else b"%d" % len(text) for text in texts)
    return blake2b(b"|".join([lengths, *(text or b"" for text in texts)]), digest_size=16).digest()
