"""A simulated backend: answers from a file, and a training that trains no model."""

from __future__ import annotations
