"""The images that Dockerfile and docker-compose.yml name, or what plays them where none is pulled.

A private engine without a registry gets an image with Debian's own Python, and one with MySQL from
Debian sid, under the tags of the real ones, without their digests. No other engine ever gets them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.debian_root import codename, debian_root, sid_root
from tests.docker.engine import Engine

ROOT = Path(__file__).parents[2]
PYTHON = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.M)[0]
MYSQL = re.findall(r"MYSQL_IMAGE:-(\S+)}", (ROOT / "docker-compose.yml").read_text("utf-8"))[0]
_LABEL = "sqltune.played"
_LEFT_OUT = (
    # Debian's pip installs nothing where this file is.
    "./usr/lib/python3*/EXTERNALLY-MANAGED",
    "./usr/libexec/docker",
    "./usr/share/doc",
    "./usr/share/locale",
    "./usr/share/man",
)
_PIP_OPTIONS = ("index-url", "extra-index-url", "find-links", "trusted-host", "cert", "timeout")
_CERTIFICATES = "/etc/pip.crt"
#: The official entrypoint, as far as docker-compose.yml needs it.
_MYSQL_ENTRYPOINT = """#!/bin/sh
set -e
if [ ! -d /var/lib/mysql/mysql ]; then
  mysqld --no-defaults --initialize-insecure --user=root --datadir=/var/lib/mysql
  cat > /tmp/first.sql <<SQL
CREATE DATABASE IF NOT EXISTS $MYSQL_DATABASE;
CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON $MYSQL_DATABASE.* TO '$MYSQL_USER'@'%';
ALTER USER 'root'@'localhost' ACCOUNT LOCK;
SQL
  set -- --init-file=/tmp/first.sql
fi
exec mysqld --no-defaults --user=root --datadir=/var/lib/mysql --socket=/tmp/mysql.sock \\
  --mysqlx=OFF --innodb-use-native-aio=0 --secure-file-priv=NULL "$@"
"""


@dataclass(frozen=True)
class BaseImages:
    """What the engine builds on and starts."""

    python: str
    mysql: str

    @property
    def played(self) -> list[str]:
        """Those that the tests had to make."""
        return [name for name in (self.python, self.mysql) if name not in (PYTHON, MYSQL)]

    @property
    def torch_index(self) -> list[str]:
        """The build arguments for PyTorch: its index is out of reach where no image is pulled."""
        return ["--build-arg=TORCH_INDEX="] if self.python != PYTHON else []

    @property
    def environment(self) -> dict[str, str]:
        """The names, as docker-compose.yml takes them from the environment."""
        return {"PYTHON_IMAGE": self.python, "MYSQL_IMAGE": self.mysql}


def provide_images(engine: Engine) -> BaseImages:
    """Ensure that the engine has the images.

    Raises:
        RuntimeError: an image cannot be pulled into an engine that is not ours.
    """
    return BaseImages(
        _provide(engine, PYTHON, _make_python),
        _provide(engine, MYSQL, _make_mysql),
    )


def _provide(engine: Engine, pinned: str, make: Callable[[Engine, str], None]) -> str:
    """Return the name under which the engine has an image: the pinned one, or its tag if played."""
    tag = pinned.partition("@")[0]
    if engine.docker("images", "--filter", f"label={_LABEL}", "--quiet", tag):
        return tag
    try:
        engine.docker("pull", "--quiet", pinned)
        return pinned
    except RuntimeError:
        if not engine.is_private:
            raise
    sys.stderr.write(f"\n{pinned} cannot be pulled: making an image that plays it\n")
    make(engine, tag)
    return tag


def _make_python(engine: Engine, name: str) -> None:
    packages = ("python3", "python3-pip", "ca-certificates")
    root = debian_root(f"debian-{codename()}-python", codename(), packages)
    with TemporaryDirectory() as folder:
        extra = Path(folder)
        folders = _write_pip_configuration(extra)
        _import(engine, name, root, extra, folders, 'CMD ["python3"]')


def _make_mysql(engine: Engine, name: str) -> None:
    with TemporaryDirectory() as folder:
        entrypoint = Path(folder) / "entrypoint.sh"
        entrypoint.write_text(_MYSQL_ENTRYPOINT, "utf-8")
        entrypoint.chmod(0o755)
        changes = ('ENTRYPOINT ["/entrypoint.sh"]', "VOLUME /var/lib/mysql", "EXPOSE 3306")
        _import(engine, name, sid_root(), Path(folder), [], *changes)


def _write_pip_configuration(folder: Path) -> list[str]:
    """Let pip in the image find packages where it does here; return the folders that it needs."""
    options = _pip_options()
    (folder / "etc").mkdir()
    if "cert" in options:
        certificates = Path(options["cert"][0]).read_bytes()
        (folder / _CERTIFICATES.removeprefix("/")).write_bytes(certificates)
        options["cert"] = [_CERTIFICATES]
    lines = [f"{name} = {' '.join(values)}" for name, values in options.items()]
    (folder / "etc" / "pip.conf").write_text("\n".join(["[global]", *lines, ""]), "utf-8")
    return [value for value in options.get("find-links", []) if Path(value).is_dir()]


def _pip_options() -> dict[str, list[str]]:
    """Return pip's configuration without indexes among this machine's files: they are gigabytes."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^\S+\.([\w-]+)='(.*)'$", listed, re.MULTILINE):
        values = [v for v in value.replace("\\n", " ").split() if not v.startswith("file:")]
        if name in _PIP_OPTIONS and values:
            found.setdefault(name, values)
    return found


def _import(
    engine: Engine, name: str, root: Path, extra: Path, folders: Sequence[str], *changes: str
) -> None:
    """Make an image of a root folder, the files below `extra`, and folders of this machine."""
    pack = ["tar", "--create", *(f"--exclude={pattern}" for pattern in _LEFT_OUT)]
    files = [f"./{path.relative_to(extra)}" for path in extra.rglob("*") if path.is_file()]
    pack += ["-C", str(root), ".", "-C", str(extra), *files]
    if folders:
        pack += ["-C", "/", *(f".{folder}" for folder in folders)]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
        options = [f"--change={change}" for change in (*changes, f"LABEL {_LABEL}=yes")]
        engine.docker("import", *options, "-", name, stdin=tar.stdout)
    if tar.returncode != 0:
        engine.docker("rmi", name)
        raise RuntimeError(f"tar ended with {tar.returncode}")
