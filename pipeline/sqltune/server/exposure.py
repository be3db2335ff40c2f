"""Which machines can reach the server: without a token, only this one.

Imports nothing heavy, so that a refusal is quick.
"""

from __future__ import annotations

import ipaddress
import socket

from sqltune.errors import ConfigError
from sqltune.settings import Settings

#: The port that no client writes into the header Host.
_HTTP_PORT = 80


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


def local_hosts(host: str, listener: socket.socket) -> frozenset[str]:
    """Return the values of the header Host by which programs of this machine name the server.

    A page of the web can let its own name lead to 127.0.0.1, and then speak to us as its own
    server; but it cannot change the name that its browser sends.
    """
    port = listener.getsockname()[1]
    names = {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host.lower()}
    hosts = {f"{name}:{port}" for name in names}
    return frozenset(hosts | names if port == _HTTP_PORT else hosts)


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)
