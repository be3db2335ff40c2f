"""The options that a database address may have behind its `?`; any other is refused.

The drivers take many more: some expect Python objects, some let one query run several statements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from sqlalchemy.engine import URL

from sqltune.errors import ConfigError

Parser = Callable[[str], object]


def _flag(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError("a number of seconds")
    return seconds


def _one_of(*words: str) -> Parser:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return parse


_NETWORK: dict[str, Parser] = {
    "connect_timeout": _count,
    "charset": _one_of("utf8mb4"),
    "local_infile": _flag,
    "program_name": str,
    "ssl_ca": str,
    "ssl_cert": str,
    "ssl_key": str,
    "ssl_disabled": _flag,
    "ssl_verify_cert": _flag,
    "ssl_verify_identity": _flag,
}
PYMYSQL = _NETWORK | {
    "bind_address": str,
    "max_allowed_packet": _count,
    "read_default_file": str,
    "read_default_group": str,
    "read_timeout": _count,
    "unix_socket": str,
    "write_timeout": _count,
}
SINGLESTOREDB = _NETWORK | {
    "autocommit": _flag,  # read and never obeyed
    "pure_python": _flag,
    "ssl_cipher": str,
    "tls_sni_servername": str,
}
SQLITE: dict[str, Parser] = {
    "cache": _one_of("private", "shared"),
    "immutable": _flag,
    "mode": _one_of("ro", "rw", "rwc"),
    "nolock": _flag,
    "psow": _flag,
    "timeout": _seconds,
    "uri": _one_of("true"),
    "vfs": str,
}
#: SQLite reads these itself, out of a file: address.
_SQLITE_OWN = frozenset({"cache", "immutable", "mode", "nolock", "psow", "vfs"})

_SEVERAL = "one query could run several statements with it"
#: Why options that a driver has are refused; others are only not known.
_REFUSED = {
    "multi_statements": _SEVERAL,
    "client_flag": _SEVERAL,
    "init_command": "it would change what statements of ours mean",
    "sql_mode": "it would change what statements of ours mean",
    "interpolate_query_with_empty_args": "it would change the text of queries",
}


def read_options(
    url: URL, known: Mapping[str, Parser], *, setting: str, reads_only: bool
) -> dict[str, object]:
    """Return the options of an address as their drivers want them.

    Args:
        url: the address.
        known: the options that its driver may get.
        setting: what messages call the address.
        reads_only: whether only queries of adapters run there.

    Raises:
        ConfigError: an option is not allowed or has a wrong value; no value is shown.
    """
    _refuse_passwords(url, setting)
    for name in url.query:
        if name in _REFUSED:
            raise ConfigError(f"{setting} has option {name!r}: {_REFUSED[name]}; remove it")
        if name not in known:
            raise ConfigError(_explain_unknown(name, known, setting))
    if reads_only and "local_infile" in url.query:
        raise ConfigError(
            f"{setting} has option 'local_infile', with which a server may read this machine's "
            "files: remove it here; imports go through SQLTUNE_DATABASE_URL"
        )
    if known is SQLITE and _SQLITE_OWN & set(url.query) and "uri" not in url.query:
        raise ConfigError(
            f"{setting} has options of SQLite without uri=true: write it as "
            "sqlite:///file:name.db?mode=ro&uri=true"
        )
    return {name: _parse(name, url.query[name], known[name], setting) for name in url.query}


def _refuse_passwords(url: URL, setting: str) -> None:
    """Refuse what would be shown with the address, and stored with an error that names it."""
    if any("passw" in name or name == "pwd" for name in url.query):
        raise ConfigError(
            f"{setting} has a password behind its ?, where it would be shown: write it before the "
            "host, user:password@host"
        )


def _explain_unknown(name: str, known: Mapping[str, Parser], setting: str) -> str:
    # What follows an unescaped & in a password is no option, so only a plain name is shown.
    is_name = name.isascii() and name.replace("_", "").isalpha() and name.islower()
    shown = f"option {name!r}, which" if is_name else "an option that"
    return f"{setting} has {shown} is not one of {', '.join(sorted(known))}"


def _parse(name: str, value: object, parse: Parser, setting: str) -> object:
    if not isinstance(value, str):
        raise ConfigError(f"{setting} has option {name!r} twice: write it once")
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigError(f"option {name!r} in {setting} must be {error}") from None
