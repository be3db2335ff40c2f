"""Which service of Gradient's API is talked to, and as whom: three variables of the environment.

They are read nowhere else, and never from `sqltune.toml` or a row: who may write a row must not
choose where the samples go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from sqltune.errors import ConfigError

URL, TOKEN, WORKSPACE = "GRADIENT_API_URL", "GRADIENT_ACCESS_TOKEN", "GRADIENT_WORKSPACE_ID"
ALLOW_HTTP = "GRADIENT_ALLOW_HTTP"


@dataclass(frozen=True, slots=True)
class GradientAccount:
    """An address with the credentials for it."""

    url: str  #: without a slash at the end
    access_token: str = field(repr=False)
    workspace_id: str = field(repr=False)
    is_loopback: bool  #: the service is on this machine


def read_account(environment: Mapping[str, str]) -> GradientAccount:
    """Read the account; an empty variable is one that nobody filled in.

    Raises:
        ConfigError: a variable is missing or wrong; the message shows no secret.
    """
    given = {name: environment.get(name, "").strip() for name in (URL, TOKEN, WORKSPACE)}
    if not given[URL]:
        # The old name may belong to anybody by now: nothing is sent to where nobody asked for.
        raise ConfigError(
            f"{URL} is not set: Gradient's public service has closed, and `sqltune serve` takes "
            f"its place; set {URL} to the address that it prints"
        )
    parts = _split(given[URL])
    is_loopback = _is_loopback(parts.hostname or "")
    if parts.scheme == "http" and not is_loopback and environment.get(ALLOW_HTTP) != "1":
        raise ConfigError(
            f"{URL} is plain http to another machine, where anybody on the way reads samples and "
            f"token: use https, or set {ALLOW_HTTP}=1 in a network that you trust"
        )
    for name in (TOKEN, WORKSPACE):
        _check_header(name, given[name])
    return GradientAccount(given[URL].rstrip("/"), given[TOKEN], given[WORKSPACE], is_loopback)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigError(f"{URL} is no address: http://127.0.0.1:8400/api is one") from None
    if parts.scheme not in ("http", "https") or not has_host:
        raise ConfigError(f"{URL} is no address: http://127.0.0.1:8400/api is one")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(f"{URL} must hold neither a user nor a query; the token is {TOKEN}")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_header(name: str, value: str) -> None:
    if not value:
        raise ConfigError(f"{name} is not set: the service asks for it with every request")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{name} holds a blank or a character that no request can carry")
