"""What the attempts of a local training leave on disk, and which of it a later one may use.

Each attempt writes into folders of its own. A later one reads the best that is there and ignores
what cannot be read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqltune.backends.attempts import attempt_name, find_attempts, find_epochs
from sqltune.errors import TrainingError
from sqltune.local_lora.adapters import WEIGHTS_FILE, read_manifest
from sqltune.local_lora.checkpoints import CHECKPOINT_FILE, read_position
from sqltune.local_lora.files import write_file
from sqltune.local_lora.steps import Pair

_PAIRS_FILE = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class RehearsalPairs:
    """The pairs that are rehearsed beside the samples."""

    pairs: Sequence[Pair] = ()
    sha256: str = ""  #: binds a checkpoint to them; empty: there are none
    answer_seconds: float = 0.0  #: that the base model took to answer; 0: they were read


@dataclass(frozen=True, slots=True)
class FinishedFolder:
    """A finished adapter on disk."""

    folder: Path
    weights_bytes: int
    weights_sha256: str
    rehearsal_pairs: int
    epoch: int | None = None  #: whose weights these are, where that is known
    eval_loss: float | None = None  #: None: it was not measured


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """The folders of one training."""

    artifacts: Path
    run_key: str
    attempt: int

    @property
    def adapter_folder(self) -> Path:
        """Where this attempt writes the finished adapter."""
        return self._adapters / attempt_name(self.run_key, self.attempt)

    def epoch_folder(self, epoch: int) -> Path:
        """Return where this attempt writes the weights after an epoch."""
        return self._adapters / attempt_name(self.run_key, self.attempt, epoch)

    @property
    def checkpoint_folder(self) -> Path:
        """Where this attempt writes its checkpoint."""
        return self._checkpoints / attempt_name(self.run_key, self.attempt)

    def find_finished(self) -> FinishedFolder | None:
        """Return the adapter that an attempt finished without recording it, if there is one."""
        for left in find_attempts(self._adapters, self.run_key, up_to=self.attempt):
            finished = _read_finished(left.path)
            if finished is not None:
                return finished
        return None

    def find_epochs(self) -> dict[int, FinishedFolder]:
        """Return the weights that attempts kept, by epoch."""
        found: dict[int, FinishedFolder] = {}
        for left in find_epochs(self._adapters, self.run_key, up_to=self.attempt):
            finished = None if left.epoch in found else _read_finished(left.path)
            if finished is not None and left.epoch is not None:
                found[left.epoch] = finished
        return found

    def find_epoch(self, epoch: int) -> FinishedFolder | None:
        """Return the weights that an attempt kept after this epoch, if it has."""
        left = find_epochs(self._adapters, self.run_key, up_to=self.attempt)
        found = (_read_finished(item.path) for item in left if item.epoch == epoch)
        return next((finished for finished in found if finished is not None), None)

    def list_checkpoints(self) -> list[Path]:
        """Return the folders with a checkpoint, those with the most steps first.

        Unreadable ones come before all others, so that the caller reports each of them.
        """
        left = find_attempts(self._checkpoints, self.run_key, up_to=self.attempt)
        folders = [a.path for a in left if (a.path / CHECKPOINT_FILE).exists()]
        return sorted(folders, key=_steps_done, reverse=True)

    def read_pairs(self, folder: Path) -> RehearsalPairs:
        """Return the pairs that a checkpoint was trained with.

        Raises:
            TrainingError: they are missing, or are not those.
        """
        expected = read_position(folder).rehearsal
        if not expected:
            return RehearsalPairs()
        pairs = _read_pairs(folder / _PAIRS_FILE)
        if pairs.sha256 != expected:
            raise TrainingError(f"the pairs in {folder} are not those of its checkpoint")
        return pairs

    def find_pairs(self) -> RehearsalPairs | None:
        """Return the pairs that an attempt stored before its first checkpoint."""
        for left in find_attempts(self._checkpoints, self.run_key, up_to=self.attempt):
            try:
                return _read_pairs(left.path / _PAIRS_FILE)
            except TrainingError:
                continue
        return None

    def write_pairs(self, pairs: Sequence[Pair]) -> RehearsalPairs:
        """Store pairs beside this attempt's checkpoint."""
        content = _pack(pairs)
        write_file(self.checkpoint_folder / _PAIRS_FILE, content)
        return RehearsalPairs(pairs, hashlib.sha256(content).hexdigest())

    def forget_checkpoints(self) -> None:
        """Remove what only an unfinished training needs, of this attempt and earlier ones."""
        for left in find_attempts(self._checkpoints, self.run_key, up_to=self.attempt):
            shutil.rmtree(left.path, ignore_errors=True)

    @property
    def _adapters(self) -> Path:
        return self.artifacts / "adapters"

    @property
    def _checkpoints(self) -> Path:
        return self.artifacts / "checkpoints"


def _steps_done(folder: Path) -> int:
    try:
        return read_position(folder).steps_done
    except TrainingError:
        return sys.maxsize


def keep_pairs(pairs: Sequence[Pair]) -> RehearsalPairs:
    """Return pairs that are not stored: a training that is resumed asks for them again."""
    return RehearsalPairs(pairs, hashlib.sha256(_pack(pairs)).hexdigest())


def _pack(pairs: Sequence[Pair]) -> bytes:
    return json.dumps([asdict(pair) for pair in pairs], ensure_ascii=False).encode()


def _read_pairs(file: Path) -> RehearsalPairs:
    try:
        content = file.read_bytes()
        pairs = [Pair(**fields) for fields in json.loads(content)]
    except (OSError, ValueError, TypeError) as exc:
        raise TrainingError(f"the pairs in {file} cannot be read: {exc}") from exc
    return RehearsalPairs(pairs, hashlib.sha256(content).hexdigest())


def _read_finished(folder: Path) -> FinishedFolder | None:
    try:
        manifest: dict[str, Any] = read_manifest(folder)
        weights = (folder / WEIGHTS_FILE).read_bytes()
    except (OSError, ValueError):
        return None
    digest = hashlib.sha256(weights).hexdigest()
    if digest != manifest.get("weights_sha256"):
        return None
    return FinishedFolder(
        folder,
        len(weights),
        digest,
        int(manifest.get("rehearsal_pairs", 0)),
        manifest.get("epoch"),
        manifest.get("eval_loss"),
    )
