"""The gradient backend against the contract of all backends, over HTTP with the real server."""

from __future__ import annotations

import pytest

from tests.backends.cases import BackendCase
from tests.backends.contract import BackendContract
from tests.backends.gradient_cases import case_of
from tests.serving import ServerAtWork


class TestGradient(BackendContract):
    @pytest.fixture
    def case(self, server: ServerAtWork) -> BackendCase:
        return case_of(server)
