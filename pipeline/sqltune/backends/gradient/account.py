"""The service of Gradient's API to use and the credentials for it, from environment variables.

They are read nowhere else, and never from `sqltune.toml` or a row: a user who may write rows must
not be able to choose where the samples are sent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult

from sqltune.errors import ConfigError
from sqltune.settings.parsers import split_address

URL, TOKEN, WORKSPACE = "GRADIENT_API_URL", "GRADIENT_ACCESS_TOKEN", "GRADIENT_WORKSPACE_ID"
ALLOW_HTTP = "GRADIENT_ALLOW_HTTP"
_INVALID_URL = f"{URL} is not a valid address; an example is http://127.0.0.1:8400/api"


@dataclass(frozen=True, slots=True)
class GradientAccount:
    """The address of a service and the credentials for it."""

    url: str  #: without a trailing slash
    access_token: str = field(repr=False)
    workspace_id: str = field(repr=False)
    is_loopback: bool  #: the service is on this machine


def read_account(environment: Mapping[str, str]) -> GradientAccount:
    """Read the account; an empty variable counts as not set.

    Raises:
        ConfigError: a variable is missing or invalid; the message shows no secret.
    """
    given = {name: environment.get(name, "").strip() for name in (URL, TOKEN, WORKSPACE)}
    if not given[URL]:
        # The closed service's domain may have another owner by now, so it is no default.
        raise ConfigError(
            f"{URL} is not set: Gradient's public service has closed, and `sqltune serve` replaces "
            f"it; set {URL} to the address that it prints"
        )
    parts = _split(given[URL])
    is_loopback = _is_loopback(parts.hostname or "")
    if parts.scheme == "http" and not is_loopback and environment.get(ALLOW_HTTP) != "1":
        raise ConfigError(
            f"{URL} uses plain http to another machine, so others on the network can read the "
            f"samples and the token: use https, or set {ALLOW_HTTP}=1 on a network that you trust"
        )
    for name in (TOKEN, WORKSPACE):
        _check_header(name, given[name])
    return GradientAccount(given[URL].rstrip("/"), given[TOKEN], given[WORKSPACE], is_loopback)


def _split(url: str) -> SplitResult:
    try:
        parts = split_address(url)
    except ValueError:
        raise ConfigError(_INVALID_URL) from None
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(
            f"{URL} must contain neither a user name nor a query; set {TOKEN} instead"
        )
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_header(name: str, value: str) -> None:
    if not value:
        raise ConfigError(f"{name} is not set: the service requires it with every request")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(
            f"{name} contains a space or a character that a request header cannot carry"
        )
