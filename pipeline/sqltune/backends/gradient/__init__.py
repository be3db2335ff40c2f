"""A service that speaks Gradient's REST API."""

from __future__ import annotations
