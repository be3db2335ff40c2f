"""Fixtures of the Docker tests: an engine, the images of the Dockerfile, a project of Compose."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.docker.base_images import ROOT, BaseImages, provide_images
from tests.docker.engine import Engine, open_engine
from tests.docker.project import Project, open_project
from tests.end_to_end.command import People


@pytest.fixture(scope="session")
def bare_engine() -> Iterator[Engine]:
    """Yield the engine, without images of ours."""
    with open_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def base_images(bare_engine: Engine) -> BaseImages:
    """Return the base images, and say which of them the tests had to make."""
    images = provide_images(bare_engine)
    sys.stderr.write(f"\nbase images made by the tests: {', '.join(images.played) or 'none'}\n")
    return images


@pytest.fixture(scope="session")
def engine(bare_engine: Engine, base_images: BaseImages) -> Engine:
    """Return the engine with the base images."""
    return bare_engine


@pytest.fixture(scope="session")
def build(engine: Engine, base_images: BaseImages) -> Iterator[Callable[[str], str]]:
    """Return what builds the image with some extras and returns its name."""
    built: list[str] = []

    def build_it(extras: str) -> str:
        name = f"sqltune-test:{extras or 'bare'}"
        arguments = [f"--build-arg=EXTRAS={extras}", *base_images.torch_index]
        arguments.append(f"--build-arg=PYTHON_IMAGE={base_images.python}")
        engine.docker("build", "--quiet", f"--tag={name}", *arguments, str(ROOT))
        built.append(name)
        return name

    yield build_it
    if engine.is_private:
        # What earlier versions of the sources left; the layers of the images stay for the next run.
        engine.docker("image", "prune", "--force")
    elif built:
        engine.docker("rmi", *built)


@pytest.fixture(scope="session")
def bare_image(build: Callable[[str], str]) -> str:
    """Return the name of the image without torch."""
    return build("")


@pytest.fixture(scope="session")
def local_image(build: Callable[[str], str]) -> str:
    """Return the name of the image with torch."""
    return build("local")


@pytest.fixture(scope="module")
def project(engine: Engine, base_images: BaseImages, bare_image: str) -> Iterator[Project]:
    """Return a project with a running database; its images share the layers of `bare_image`."""
    with open_project(engine, base_images) as opened:
        yield opened


@pytest.fixture
def people(project: Project) -> Iterator[People]:
    """Return the people who write and read the rows of the project."""
    someone = People(project.url)
    yield someone
    someone.close()
