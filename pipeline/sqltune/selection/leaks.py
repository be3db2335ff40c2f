"""Finds evaluation prompts that the trained samples give away: on those, a model does too well.

The evaluation prompts are few and in memory; the samples are added as they are read, from a
selection or from a manifest. Long texts have no index that a join could use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqltune.database.connection import Database
from sqltune.database.queries import load_statements
from sqltune.database.streaming import open_stream
from sqltune.selection.findings import WARNING, Findings
from sqltune.selection.near_leaks import NearLeaks
from sqltune.selection.questions import FoldedQuestion, find_asked, find_trained, fold_prompt
from sqltune.selection.rules import Problem


class AskedRow(NamedTuple):
    """An evaluation prompt, or a trained sample, as far as leaks are found by it."""

    key: bytes
    prompt: bytes
    system_prompt: bytes | None
    messages: bytes | None
    group_key: bytes | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """An evaluation prompt."""

    key: str
    prompt: str  #: as it is asked
    question: FoldedQuestion


@dataclass(slots=True)
class _GroupLeak:
    """The trained samples of a group that evaluation prompts have too."""

    first_key: str
    count: int = 1


class LeakSearch:
    """The evaluation prompts of an adapter, and which of them its trained samples give away."""

    def __init__(
        self, findings: Findings, *, near_duplicate_at: float | None, train_on: str
    ) -> None:
        """Begin without prompts.

        Args:
            findings: get the warnings.
            near_duplicate_at: from which similarity a prompt is nearly a sample's; None: never.
            train_on: of a conversation, `all` turns of the assistant, or the `last`.
        """
        #: by key, what is trained on: the `prompt`, or only its `group`
        self.leaked: dict[str, str] = {}
        self._findings = findings
        self._threshold = near_duplicate_at
        self._train_on = train_on
        self._asked: dict[str, list[_Asked]] = defaultdict(list)
        self._groups: dict[bytes, list[str]] = defaultdict(list)
        self._group_leaks: dict[bytes, _GroupLeak] = {}
        self._near: NearLeaks | None = None

    def ask(self, row: AskedRow) -> None:
        """Add an evaluation prompt; all are added before the first sample."""
        question = find_asked(row.prompt, row.system_prompt, row.messages)
        asked = _Asked(row.key.decode(), row.prompt.decode(), question)
        self._asked[question.prompt].append(asked)
        if row.group_key:
            self._groups[row.group_key].append(asked.key)

    def add(self, samples: Iterable[AskedRow]) -> None:
        """Compare trained samples with the prompts."""
        if not self._asked:
            return
        if self._near is None and self._threshold is not None:
            prompts = {each.key: each.prompt for same in self._asked.values() for each in same}
            self._near = NearLeaks(prompts, self._threshold)
        for sample in samples:
            self._add(sample)

    def finish(self) -> None:
        """Note what is known only after the last sample."""
        for group, leak in self._group_leaks.items():
            others = f" and {leak.count - 1:,} others" if leak.count > 1 else ""
            message = (
                f"sample {leak.first_key}{others} with the same group_key, {group.decode()!r}, "
                f"{'are' if leak.count > 1 else 'is'} trained on: ask about another group, or set "
                "the prompt's group_key to NULL if its group may be trained on"
            )
            for key in self._groups[group]:
                problem = Problem("group_leak", message)
                self._findings.add(key, "group_key", problem, WARNING)
                self.leaked.setdefault(key, "group")
        if self._near is not None:
            self._near.note(self._findings)

    def _add(self, sample: AskedRow) -> None:
        name, prompt = sample.key.decode(), sample.prompt.decode()
        if self._near is not None:
            self._near.add(name, prompt)
        trained = find_trained(*sample[1:4], train_on=self._train_on)
        for key, message in _find_leaks(self._asked, trained, prompt):
            problem = Problem("leak", f"sample {name} {message}")
            self._findings.add(key, "prompt", problem, WARNING)
            self.leaked[key] = "prompt"
        if sample.group_key in self._groups and sample.group_key is not None:
            known = self._group_leaks.get(sample.group_key)
            if known is None:
                self._group_leaks[sample.group_key] = _GroupLeak(name)
            else:
                known.count += 1


def search_manifest(
    database: Database,
    manifest_id: int,
    leaks: LeakSearch,
    *,
    check: Callable[[], None],
    timeout_seconds: float,
) -> None:
    """Compare the trained samples of a manifest with the prompts of a search, and finish it.

    Args:
        database: where the manifest is.
        manifest_id: the samples.
        leaks: has all prompts.
        check: raises when the reading must stop.
        timeout_seconds: longest time to wait for the server, in total.
    """
    statement = load_statements(database.kind.value)["select_manifest_prompts"]
    values = {"manifest_id": manifest_id}
    with open_stream(
        database, statement, values, check=check, timeout_seconds=timeout_seconds
    ) as samples:
        for page in samples.pages():
            leaks.add(map(AskedRow._make, page))
    leaks.finish()


def _find_leaks(
    asked: dict[str, list[_Asked]], trained: Iterable[FoldedQuestion], prompt: str
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
