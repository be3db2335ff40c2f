"""Extra training pairs that preserve what the base model knows.

`questions` decides what the base model is asked, `pairs` joins its answers with the questions.
"""

from __future__ import annotations
