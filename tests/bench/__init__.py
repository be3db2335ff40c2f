"""Measurements that stand in the README."""

from __future__ import annotations
