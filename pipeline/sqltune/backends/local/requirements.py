"""What has to be there before the local backend trains or answers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sqltune.backends.base import TrainedAdapter
from sqltune.errors import BackendError, ConfigError


def find_own_folder(artifacts: Path, adapter: TrainedAdapter) -> Path:
    """Return the adapter's folder; a row must not lead anywhere else.

    Raises:
        BackendError: it is not among the artifacts.
    """
    folder = Path(adapter.artifact_uri or "").resolve()
    own = (artifacts / "adapters").resolve()
    if not folder.is_relative_to(own) or folder == own:
        raise BackendError(
            f"the weights of this version are in {folder}, outside {own}: set "
            "SQLTUNE_ARTIFACTS to the folder that they were written to",
            code="artifact_not_found",
        )
    return folder


def require_weights(folder: Path, adapter: TrainedAdapter) -> None:
    """Require the weights that a version's row names.

    Raises:
        BackendError: they are not there, or are others.
    """
    from sqltune.local_lora.adapters import read_manifest

    if not folder.is_dir():
        raise BackendError(
            f"the weights of this version are not in {folder}: restore it, or sync --force",
            code="artifact_not_found",
        )
    if read_manifest(folder)["weights_sha256"] != adapter.artifact_sha256:
        raise BackendError(
            f"the weights in {folder} are not those that the version's row names (SHA-256 differs)",
            code="artifact_changed",
        )


def require_torch() -> None:
    """Require the packages of the extra `local`.

    Raises:
        ConfigError: one is not installed.
    """
    if find_spec("torch") is None or find_spec("peft") is None:
        raise ConfigError(
            "the local backend needs torch, transformers and peft: "
            "pip install '.[local]' in a clone"
        )
