"""What has to be there before the local backend trains or answers."""

from __future__ import annotations

from importlib.util import find_spec

from sqltune.errors import ConfigError


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
