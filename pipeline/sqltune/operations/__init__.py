"""What a person does by hand, one module per verb; each works through rows like the runner."""

from __future__ import annotations
