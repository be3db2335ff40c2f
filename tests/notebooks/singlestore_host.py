"""What a SingleStore notebook has before its first cell, as a script for IPython's start.

The variable `connection_url`, the function `get_secret` and a `%%sql` on the chosen database, which
is JupySQL there (https://github.com/singlestore-labs/singlestoredb-python, sqlx/magic.py). The
server is MariaDB, so this engine is prepared as in all tests; `sqltune` gets the bare address.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from sqlalchemy import URL, create_engine, make_url
from tests.singlestore_on_mariadb import imitate_singlestore
sys.path.pop(0)

connection_url = {url!r}
get_secret = {secrets!r}.__getitem__
_url = make_url(connection_url)
_login = {{"user": _url.username, "password": _url.password}}
_place = URL.create(_url.drivername, host=_url.host, port=_url.port, database=_url.database)
_chosen_database = create_engine(_place, connect_args=_login)
imitate_singlestore(_chosen_database)
get_ipython().run_line_magic("load_ext", "sql")
get_ipython().run_line_magic("sql", "_chosen_database")
"""


def singlestore_host(url: str, secrets: Mapping[str, str]) -> str:
    """Give the script for a notebook whose chosen database is `url`."""
    return _SCRIPT.format(root=str(_ROOT), url=url, secrets=dict(secrets))
