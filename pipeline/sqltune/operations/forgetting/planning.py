"""What forgetting some rows removes, and who saw them. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

from sqltune.database.connection import Session
from sqltune.database.queries import load_statements
from sqltune.database.streaming import RowStream, open_stream
from sqltune.database.tables import adapters as adapters_table
from sqltune.database.tables import erasures, seen_rows, stored_texts
from sqltune.database.tables.erasures import SeenBy
from sqltune.database.tables.stored_texts import StoredText
from sqltune.operations.forgetting.known import find_unknown_keys, require_known_adapter
from sqltune.operations.forgetting.needles import Needles, needles_of
from sqltune.records import Adapter
from sqltune.runtime import Runtime
from sqltune.selection.forgotten import PROMPT, TEXTS

#: Reading all texts has no limit of its own; the server gets one that nothing reaches.
_TIMEOUT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What is to be forgotten, and where it is."""

    adapter_name: str | None  #: None: rows of all adapters
    keys: tuple[str, ...]
    unseen: tuple[str, ...]  #: keys of rows that no run ever selected
    unknown: tuple[str, ...]  #: of these, keys that no finding and no row of training_samples has
    samples: tuple[StoredText, ...]  #: whose texts are removed
    prompts: tuple[StoredText, ...]  #: evaluation prompts that hold them
    needles: Needles
    seen_by: tuple[SeenBy, ...]
    manifests: tuple[int, ...]
    adapters: tuple[str, ...]  #: whose leases it takes
    left: tuple[str, ...]  #: samples of other rows that hold the text, as adapter and key
    quoting: tuple[str, ...]  #: columns of `adapters` that quote it, as adapter.column
    unfinished: tuple[str, ...]  #: erasures that broke off

    @property
    def with_weights(self) -> list[SeenBy]:
        """The versions that saw it and keep their weights."""
        return [version for version in self.seen_by if not version.is_retired]


@dataclass(frozen=True, slots=True)
class _Scan:
    """What one reading of all contents found."""

    samples: dict[str, StoredText]  #: those to forget, by their content hash
    prompts: dict[str, StoredText]
    needles: Needles
    left: list[str]  #: content hashes


def plan_erasure(runtime: Runtime, adapter_name: str | None, keys: Sequence[str]) -> ErasurePlan:
    """Return what forgetting these rows would remove, and which versions saw them.

    Raises:
        ConfigError: there is no such adapter.
    """
    with runtime.database.read() as session:
        if adapter_name is not None:
            require_known_adapter(session, adapter_name)
        found = {key: _find_contents(session, key, adapter_name) for key in dict.fromkeys(keys)}
        unseen = [key for key, contents in found.items() if not contents]
        unknown = tuple(find_unknown_keys(session, adapter_name, unseen))
        unfinished = erasures.list_open_erasures(session)
        hashes = [content for contents in found.values() for content in contents]
        texts = [stored_texts.get_content(session, content) for content in dict.fromkeys(hashes)]
    targets = [text for text in texts if text is not None]
    if unfinished:
        targets += _find_left_behind(runtime)
    scan = _scan(runtime, targets)
    with runtime.database.read() as session:
        seen_by, manifests, adapters = _find_readers(session, {*hashes, *scan.samples})
        left = [seen_rows.find_key_of_content(session, content) for content in scan.left]
        declared = adapters_table.list_adapters(session)
    return ErasurePlan(
        adapter_name=adapter_name,
        keys=tuple(found),
        unseen=tuple(unseen),
        unknown=unknown,
        samples=tuple(scan.samples.values()),
        prompts=tuple(scan.prompts.values()),
        needles=scan.needles,
        seen_by=seen_by,
        manifests=manifests,
        adapters=tuple(sorted(adapters | ({adapter_name} if adapter_name else set()))),
        left=tuple(sorted(name for name in left if name is not None)),
        quoting=tuple(_find_quoting(declared, scan.needles)),
        unfinished=tuple(unfinished),
    )


def stream_rows(runtime: Runtime, statement: str) -> AbstractContextManager[RowStream]:
    """Run a statement without values on a connection of its own."""
    sql = load_statements(runtime.database.kind.value)[statement]
    return open_stream(
        runtime.database, sql, {}, check=lambda: None, timeout_seconds=_TIMEOUT_SECONDS
    )


def _find_quoting(declared: Iterable[Adapter], needles: Needles) -> Iterator[str]:
    """Yield the columns of people's adapters that quote a text: only they can rewrite those."""
    for adapter in declared:
        for column, value in asdict(adapter).items():
            if isinstance(value, str) and needles.find_in(value.encode("utf-8", "replace")):
                yield f"{adapter.adapter_name}.{column}"


def _find_contents(session: Session, key: str, adapter_name: str | None) -> list[str]:
    return [
        sample.content_hash
        for sample in seen_rows.find_samples_of_key(session, key)
        if adapter_name in (None, sample.adapter_name)
    ]


def _find_left_behind(runtime: Runtime) -> list[StoredText]:
    """Return the texts that an erasure which broke off has not removed."""
    known = runtime.load_forgotten()
    if known is None:
        return []
    return [
        text
        for text in _read_texts(runtime)
        if known.holds(TEXTS if text.is_sample else PROMPT, *text.texts)
    ]


def _read_texts(runtime: Runtime) -> Iterator[StoredText]:
    """Yield every stored text of samples and prompts."""
    with stream_rows(runtime, "select_all_contents") as rows:
        for page in rows.pages():
            for content_hash, weight, *texts in page:
                yield StoredText(content_hash.decode(), weight is not None, *texts)


def _scan(runtime: Runtime, targets: Iterable[StoredText]) -> _Scan:
    """Find equal samples, prompts that hold the texts, and samples of other rows that do."""
    samples = {text.content_hash: text for text in targets if text.is_sample}
    prompts = {text.content_hash: text for text in targets if not text.is_sample}
    if not samples:
        return _Scan(samples, prompts, Needles(frozenset()), [])
    equal = {text.texts for text in samples.values()}
    pairs = {texts[:2] for texts in equal}
    needles, shared = Needles(frozenset(needles_of(samples.values()))), set[bytes]()
    holding: dict[StoredText, set[bytes]] = {}
    for text in _read_texts(runtime):
        if text.is_sample and text.texts in equal:
            samples[text.content_hash] = text
        elif not text.is_sample and text.texts[:2] in pairs:
            prompts[text.content_hash] = text
        elif found := needles.find_in(*text.texts):
            holding[text] = found
            if text.is_sample:  # what is a whole text of another row is not this row's alone
                shared |= found & {text.prompt.strip(), (text.response or b"").strip()}
    own = {text: found - shared for text, found in holding.items() if found - shared}
    prompts |= {text.content_hash: text for text in own if not text.is_sample}
    left = [text.content_hash for text in own if text.is_sample]
    return _Scan(samples, prompts, Needles(needles.texts - shared), left)


def _find_readers(
    session: Session, contents: Iterable[str]
) -> tuple[tuple[SeenBy, ...], tuple[int, ...], set[str]]:
    """Return the versions that saw these contents, their manifests, and whose they are."""
    counts, adapters = Counter[int](), set[str]()
    for content in contents:
        for manifest_id, adapter_name, samples in seen_rows.find_manifests_of_content(
            session, content
        ):
            counts[manifest_id] += samples
            adapters.add(adapter_name)
    seen = sorted(_versions_of(session, counts), key=lambda v: (v.adapter_name, v.version_number))
    return tuple(seen), tuple(sorted(counts)), adapters | {v.adapter_name for v in seen}


def _versions_of(session: Session, counts: Mapping[int, int]) -> Iterator[SeenBy]:
    for manifest_id, samples in counts.items():
        for name, number, is_retired in seen_rows.list_versions_of_manifest(session, manifest_id):
            yield SeenBy(name, number, samples, is_retired)
