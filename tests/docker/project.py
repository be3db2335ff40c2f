"""docker-compose.yml in a project of its own, with MySQL and an image without torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.docker.base_images import ROOT, BaseImages
from tests.docker.engine import Engine, compose_command
from tests.sql_server import free_port

PASSWORD = "lettersAnd9Digits"


@dataclass(frozen=True)
class Project:
    """The services of the profile `mysql`."""

    engine: Engine
    images: BaseImages
    name: str = field(default_factory=lambda: f"sqltune-test-{os.getpid()}")
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """The address of its database on this machine."""
        return f"mysql+pymysql://sqltune:{PASSWORD}@127.0.0.1:{self.port}/sqltune"

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` on the project and return what it printed.

        Raises:
            RuntimeError: it failed.
        """
        command = [*compose_command(), f"--project-name={self.name}", "--profile=mysql"]
        command += [f"--file={ROOT / 'docker-compose.yml'}", "--progress=plain", *arguments]
        settings = {"SQLTUNE_DATABASE_PASSWORD": PASSWORD, "MYSQL_PORT": str(self.port)}
        settings |= self.images.environment
        return self.engine.run(command, EXTRAS="", TORCH_INDEX="", **settings)

    def inspect(self, service: str, template: str) -> str:
        """Return a field of a service's container, as `docker inspect` names it."""
        container = self.compose("ps", "--all", "--quiet", service)
        return self.engine.docker("inspect", "--format", template, container)


@contextmanager
def open_project(engine: Engine, images: BaseImages) -> Iterator[Project]:
    """Yield the project with a migrated database; remove all that is its own at the end."""
    project = Project(engine, images)
    try:
        project.compose("build", "runner-mysql", "worker-mysql")
        project.compose("up", "--detach", "--wait", "mysql")
        project.compose("run", "--rm", "--entrypoint=sqltune", "runner-mysql", "init")
        yield project
    finally:
        project.compose("down", "--volumes", "--remove-orphans", "--rmi=local", "--timeout=5")


def script_folder(folder: Path, text: str) -> str:
    """Return the option that gives a container this script of the scripted backend."""
    folder.chmod(0o777)
    (folder / "script.json").write_text(text, "utf-8")
    return f"--volume={folder}:/script"
