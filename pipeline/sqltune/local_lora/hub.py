"""The Hugging Face Hub as it is asked here: once, with a short wait, and without words of its own.

Without torch and transformers, so that `check` and `plan` can ask it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqltune.errors import BackendUnavailable, RequestRejected
from sqltune.local_lora.base_models.carried import advise_carrier
from sqltune.local_lora.sources import BaseModelSource

#: How long the Hub may take to answer the first request. huggingface_hub waits ten seconds and
#: tries six times; HF_HUB_ETAG_TIMEOUT, in seconds, is its setting and ours.
ANSWER_SECONDS = 3.0
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
