"""Which machines can reach the server: without a token, only this one.

Imports nothing heavy, so that a refusal is quick.
"""

from __future__ import annotations

import ipaddress
import socket

from sqltune.errors import ConfigError
from sqltune.settings import Settings


def require_token(settings: Settings) -> None:
    """Refuse to let a server without a token listen to other machines.

    Raises:
        ConfigError: other machines can reach it.
    """
    if settings.serve_token is None and not _is_loopback(settings.serve_host):
        raise ConfigError(
            f"{settings.serve_host} can be reached from other machines: set SQLTUNE_SERVE_TOKEN, "
            "or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)
