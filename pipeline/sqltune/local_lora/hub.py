"""The Hugging Face Hub as it is asked here: once, with a short wait, and without words of its own.

Without torch and transformers, so that `check` and `plan` can ask it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sqltune.errors import BackendUnavailable, RequestRejected
from sqltune.local_lora.base_models.carried import advise_carrier
from sqltune.local_lora.sources import BaseModelSource, Place
from sqltune.local_lora.weight_headers import INDEX_FILE, WEIGHTS_FILE, named_files

#: How long the Hub may take to answer the first request. huggingface_hub waits ten seconds and
#: tries six times; HF_HUB_ETAG_TIMEOUT, in seconds, is its setting and ours.
ANSWER_SECONDS = 3.0
_SMALL_FILES = ("*.json", "*.jinja", "*.model", "*.txt")
_TIMEOUT_SETTING = "HF_HUB_ETAG_TIMEOUT"


def fetch_configuration(source: BaseModelSource) -> Path:
    """Return where the Hub's local cache now has the configuration of a base model.

    Raises:
        RequestRejected: the Hub has no such model or revision.
        BackendUnavailable: the Hub does not answer.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def fetch(name: str) -> Path:
        return Path(hf_hub_download(source.location, name, revision=source.revision))

    with quiet_hub():
        _require_answer(source)
        try:
            config = fetch("config.json")
        except LocalEntryNotFoundError as error:
            raise _unavailable(source) from error
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise RequestRejected(
                f"base model {source.name!r} cannot be read from the Hugging Face Hub: {reason}",
                code="unknown_base_model",
            ) from error
        # It may be missing, and only adds a limit of its own.
        with suppress(OSError, ValueError):
            fetch("tokenizer_config.json")
    return config


def fetch_snapshot(source: BaseModelSource, *, with_weights: bool) -> BaseModelSource:
    """Return the folder of the Hub's local cache that now has a base model's files.

    Only a path is given to transformers: a name could also be a folder of the working directory.
    What huggingface_hub raises passes through.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    revision = source.revision
    # Of the repository's top folder alone, where transformers reads.
    folder = Path(
        snapshot_download(
            source.location,
            revision=revision,
            allow_patterns=list(_SMALL_FILES),
            ignore_patterns=["*/*"],
        )
    )
    if with_weights:
        index = folder / INDEX_FILE
        names = [path.name for path in named_files(index)] if index.is_file() else [WEIGHTS_FILE]
        for name in names:
            hf_hub_download(source.location, name, revision=folder.name)
    return replace(source, location=str(folder), place=Place.HUB_CACHE, revision=folder.name)


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Keep huggingface_hub's bars and its words on retries away from our own lines."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, has_bars = logger.level, not are_progress_bars_disabled()
    logger.setLevel(logging.CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if has_bars:
            enable_progress_bars()


def answer_seconds() -> float:
    """Return how long the Hub may take to answer."""
    try:
        return float(os.environ[_TIMEOUT_SETTING])
    except (KeyError, ValueError):
        return ANSWER_SECONDS


def _require_answer(source: BaseModelSource) -> None:
    """Ask the Hub once, whatever it answers: later requests would be repeated for half a minute.

    Raises:
        BackendUnavailable: it does not answer.
    """
    from huggingface_hub import get_session, hf_hub_url

    url = hf_hub_url(source.location, "config.json", revision=source.revision)
    try:
        get_session().head(url, timeout=answer_seconds())
    except Exception as error:  # of whichever HTTP client this release of huggingface_hub has
        raise _unavailable(source) from error


def _unavailable(source: BaseModelSource) -> BackendUnavailable:
    return BackendUnavailable(
        f"the Hugging Face Hub does not answer and base model {source.name!r} is not in its "
        f"local cache: download it there, or name a folder{advise_carrier(source.name)}"
    )
