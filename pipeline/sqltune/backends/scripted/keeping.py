"""The weights after each epoch of a scripted training: a file each, found again by its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqltune.backends.attempts import attempt_name, find_epochs
from sqltune.backends.base import BackendCall, EpochWeights, Journal, TrainingJob, TrainingOptions
from sqltune.backends.scripted.adapter_files import FINISHED, PART, adapter_path, describe_adapter
from sqltune.backends.scripted.epochs import ScriptedEpochs

CALL_KIND = "save_epoch"


@dataclass(frozen=True)
class KeptFiles:
    """What the attempts of one training kept of its epochs."""

    folder: Path
    job: TrainingJob
    journal: Journal

    def keep(self, epoch: int, read_lines: Callable[[int], bytes]) -> None:
        """Store the lines up to an epoch as its weights, unless an attempt has done so."""
        if not self.job.options.keep_epochs or epoch in self._find():
            return
        name = attempt_name(self.job.run_key, self.job.attempt, epoch)
        draft = self.folder / f"{name}{PART}"
        content = read_lines(epoch)
        call_number = self.journal.intend(CALL_KIND, name)
        draft.write_bytes(content)
        os.replace(draft, adapter_path(self.folder, name))
        self.journal.settle(call_number, "done", external_id=name)

    def settle(self, open_calls: Sequence[BackendCall]) -> list[BackendCall]:
        """Settle what earlier attempts announced; return the calls that are of another kind."""
        stored = {path.stem for path in self._find().values()}
        for call in open_calls:
            if call.call_kind == CALL_KIND and call.request in stored:
                self.journal.settle(call.call_number, "done", external_id=call.request)
            elif call.call_kind == CALL_KIND:
                self.journal.settle(call.call_number, "failed", outcome="it was not written")
        return [call for call in open_calls if call.call_kind != CALL_KIND]

    def find_drafts(self) -> Iterator[Path]:
        """Yield the files whose writing broke off."""
        run_key, attempt = self.job.run_key, self.job.attempt
        drafts = find_epochs(self.folder, run_key, up_to=attempt, suffix=PART)
        return (draft.path for draft in drafts)

    def describe(
        self, epochs: ScriptedEpochs, options: TrainingOptions
    ) -> tuple[EpochWeights, ...]:
        """Return what was kept, in order."""
        found = []
        for epoch, path in sorted(self._find().items()):
            stored = describe_adapter(path, options)
            found.append(
                EpochWeights(
                    epoch=epoch,
                    eval_loss=epochs.eval_loss(epoch),
                    external_id=stored.external_id,
                    artifact_uri=stored.artifact_uri,
                    artifact_bytes=stored.artifact_bytes,
                    artifact_sha256=stored.artifact_sha256,
                )
            )
        return tuple(found)

    def _find(self) -> dict[int, Path]:
        run_key, attempt = self.job.run_key, self.job.attempt
        found = find_epochs(self.folder, run_key, up_to=attempt, suffix=FINISHED)
        return {left.epoch: left.path for left in reversed(list(found)) if left.epoch is not None}
