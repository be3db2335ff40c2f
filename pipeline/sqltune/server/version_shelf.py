"""The adapters of `sync` in memory, on one base model: loaded when they are first asked.

Used only by the thread of their base model.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from sqltune.errors import BackendError, CallRefused
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.stored_weights import require_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VersionWeights:
    """The weights of one version; its calls wait in a lane of their own."""

    folder: Path
    #: SHA-256 of the weights, and their name on the base model.
    sha256: str


class VersionShelf:
    """The versions in memory; beyond `most`, the least recently used one is removed."""

    def __init__(self, base: LoadedModel, most: int) -> None:
        """Begin without any."""
        self._base = base
        self._most = most
        self._used: OrderedDict[str, None] = OrderedDict()

    def load(self, version: VersionWeights) -> None:
        """Put the weights on the base model, unless they are there.

        Raises:
            CallRefused: they are gone, were changed, or do not fit the base model.
        """
        if version.sha256 not in self._used:
            try:
                self._read(version)
            except BackendError as error:
                # Clients do not read the message: it has paths of this machine.
                logger.error("a version cannot be asked: %s", error, extra={"event": "call_failed"})
                raise CallRefused(
                    "the weights of this version cannot be used; the server's log says why",
                    status=500,
                ) from error
        self._used.move_to_end(version.sha256)

    def _read(self, version: VersionWeights) -> None:
        require_weights(version.folder, version.sha256)
        while len(self._used) >= self._most:
            self._base.unload_adapter(self._used.popitem(last=False)[0])
        self._base.load_adapter(version.folder, version.sha256)
        self._used[version.sha256] = None
