"""The models that can be asked by name: the served base models, and what `sync` trained on them.

`support-bot` is the version that the alias `live` points to, `support-bot@staging` that of another
alias, `support-bot@v3` the third version. Rows are read at each call, so that a version is asked
from the moment it is live; what is being answered stays with the version that it began with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqltune.database.connection import Database
from sqltune.database.named_versions import LIVE, find_named_version
from sqltune.database.tables import aliases
from sqltune.database.tables.aliases import AliasTarget
from sqltune.errors import BackendError, DatabaseError, UnknownVersion
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.prompt_format import RAW
from sqltune.local_lora.stored_weights import find_own_folder
from sqltune.records import AdapterVersion
from sqltune.server.bases import ServedBase
from sqltune.server.openai_api.errors import refuse_model
from sqltune.server.version_shelf import VersionWeights
from sqltune.server.workbench import BASE_LANE, Lane

logger = logging.getLogger(__name__)

#: The backend whose versions are weights on this machine.
_LOCAL = "local"


@dataclass(frozen=True)
class AskedModel:
    """A model that was found by its name."""

    #: The adapter, or the slug of a base model.
    name: str
    #: None: the base model itself.
    version_number: int | None
    base: ServedBase
    lane: Lane
    #: How prompts are put into words; None: in the base model's own format.
    prompt_format: str | None
    #: Changes with the weights.
    fingerprint: str

    def continue_text(self, prompt: str) -> Question:
        """Return what the prompt of a completion asks.

        A base model was trained on nothing here: it continues the text as it is.
        """
        if self.version_number is None:
            return Question(prompt, prompt_format=RAW, keeps_spaces=True)
        return Question(prompt, prompt_format=self.prompt_format)

    @property
    def label(self) -> str:
        """The name that means these weights at any later time."""
        return self.name if self.version_number is None else f"{self.name}@v{self.version_number}"


@dataclass(frozen=True)
class ListedModel:
    """A model in a listing."""

    name: str
    #: When it became what it is; None: at the server's start.
    since: datetime | None


class TunedModels:
    """Finds models by their names."""

    def __init__(
        self, database: Database, artifacts: Path, bases: Mapping[str, ServedBase]
    ) -> None:
        """Ask for these base models and what was trained on them.

        Args:
            database: with our tables.
            artifacts: where `sync` stores weights.
            bases: the base models by slug.
        """
        self._database = database
        self._artifacts = artifacts
        self._bases = bases
        #: What was found last by each name, for as long as the database does not answer.
        self._known: dict[str, AdapterVersion] = {}

    def find(self, name: str) -> AskedModel:
        """Return the model with this name: a base model's slug or own name, else an adapter.

        Raises:
            CallRefused: there is none, or it cannot be asked here.
            DatabaseError: the rows cannot be read.
        """
        named = (b for b in self._bases.values() if name in (b.slug, b.public_name))
        if (base := next(named, None)) is not None:
            return AskedModel(base.slug, None, base, BASE_LANE, None, base.model.revision)
        version = self._version(name)
        base = self._base_of(version)
        weights = VersionWeights(self._folder_of(version), version.artifact_sha256 or "")
        return AskedModel(
            name=version.adapter_name,
            version_number=version.version_number,
            base=base,
            lane=weights,
            prompt_format=version.prompt_format,
            fingerprint=weights.sha256,
        )

    def list_all(self) -> list[ListedModel]:
        """Return the base models, and each alias whose version can be asked here.

        Raises:
            DatabaseError: the rows cannot be read.
        """
        with self._database.read() as session:
            targets = aliases.list_alias_versions(session)
        listed = [ListedModel(slug, None) for slug in self._bases]
        found = [target for target in targets if self._find_obstacle(target) is None]
        return listed + [ListedModel(_name_of(target), target.changed_at) for target in found]

    def _version(self, name: str) -> AdapterVersion:
        try:
            version = self._read(name)
        except DatabaseError as error:
            known = self._known.get(name)
            if known is None:
                raise
            logger.warning(
                "%s is asked as it was: %s",
                f"{known.adapter_name} v{known.version_number}",
                error,
                extra={"event": "database_unavailable"},
            )
            return known
        self._known[name] = version
        return version

    def _read(self, name: str) -> AdapterVersion:
        try:
            with self._database.read() as session:
                _, version = find_named_version(session, name)
        except UnknownVersion:
            self._known.pop(name, None)
            raise refuse_model(
                f"there is no model {name[:60]!r}: /v1/models lists the base models and the "
                "adapters that have a live version"
            ) from None
        return version

    def _base_of(self, version: AdapterVersion) -> ServedBase:
        obstacle = self._find_obstacle(version)
        base = self._find_base(version.base_model_revision)
        if obstacle is not None or base is None:
            raise refuse_model(
                f"version {version.version_number} of {version.adapter_name!r} cannot be asked "
                f"here: {obstacle}"
            )
        return base

    def _find_obstacle(self, version: AdapterVersion | AliasTarget) -> str | None:
        """Return why a version cannot be asked here; None: it can."""
        if version.is_retired:
            return "it is retired, so its weights are gone"
        if version.backend != _LOCAL:
            return f"backend {version.backend!r} trained it, and only those of {_LOCAL!r} are"
        if version.quantization != "none":
            return (
                f"it was trained on weights in {version.quantization}, and the base models here "
                "are not quantised"
            )
        if self._find_base(version.base_model_revision) is None:
            return (
                f"its base model {version.base_model}, revision "
                f"{(version.base_model_revision or 'unknown')[:20]}, is not among those of "
                "SQLTUNE_SERVE_MODELS"
            )
        return None

    def _find_base(self, revision: str | None) -> ServedBase | None:
        """Return the base model with these very weights, whatever it is called."""
        return next((b for b in self._bases.values() if b.model.revision == revision), None)

    def _folder_of(self, version: AdapterVersion) -> Path:
        try:
            return find_own_folder(self._artifacts, version.artifact_uri)
        except BackendError:
            # Its message has paths of this machine.
            raise refuse_model(
                f"the weights of version {version.version_number} of {version.adapter_name!r} are "
                "not in this server's SQLTUNE_ARTIFACTS"
            ) from None


def _name_of(target: AliasTarget) -> str:
    is_live = target.alias == LIVE
    return target.adapter_name if is_live else f"{target.adapter_name}@{target.alias}"
