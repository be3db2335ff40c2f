"""The weights that a row of `adapter_versions` names: that they are ours, there and unchanged."""

from __future__ import annotations

from pathlib import Path

from sqltune.errors import BackendError


def find_own_folder(artifacts: Path, artifact_uri: str | None) -> Path:
    """Return the folder of a version's weights; a row must not lead anywhere else.

    Raises:
        BackendError: it is not among the artifacts.
    """
    folder = Path(artifact_uri or "").resolve()
    own = (artifacts / "adapters").resolve()
    if not folder.is_relative_to(own) or folder == own:
        raise BackendError(
            f"the weights of this version are in {folder}, outside {own}: set "
            "SQLTUNE_ARTIFACTS to the folder that they were written to",
            code="artifact_not_found",
        )
    return folder


def require_weights(folder: Path, sha256: str | None) -> None:
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
    try:
        stored = read_manifest(folder).get("weights_sha256")
    except (OSError, ValueError) as error:
        raise BackendError(
            f"the manifest of the weights in {folder} cannot be read "
            f"({type(error).__name__}: {error}): restore it, or sync --force",
            code="adapter_unreadable",
        ) from error
    if stored != sha256:
        raise BackendError(
            f"the weights in {folder} are not those that the version's row names (SHA-256 differs)",
            code="artifact_changed",
        )
