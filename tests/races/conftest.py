"""Fixtures of the races: the cluster, and a migrated database on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sqltune.database import migrations
from tests.databases import MIGRATED_AT
from tests.galera import Cluster, start_cluster
from tests.mariadb_server import remove_template
from tests.singlestore_on_mariadb import open_database

#: The database on the cluster.
NAME = "races"


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Cluster]:
    """The private cluster of this test session, started when the first test asks for it."""
    with start_cluster() as cluster:
        yield cluster
    remove_template()


@pytest.fixture
def cluster(running_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with all nodes alive and a migrated database without rows."""
    running_cluster.start()
    running_cluster.nodes[0].server.execute(f"CREATE DATABASE {NAME}")
    database = open_database(running_cluster.nodes[0].url(NAME))
    migrations.apply(database, now=lambda: MIGRATED_AT)
    database.close()
    yield running_cluster
    running_cluster.living[0].server.execute(f"DROP DATABASE {NAME}")
