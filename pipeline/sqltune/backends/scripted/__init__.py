"""Answers from a file and a training that trains nothing."""

from __future__ import annotations
