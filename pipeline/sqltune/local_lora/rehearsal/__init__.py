"""Extra training pairs that preserve what the base model knows.

`pairs` makes all of them, `questions` decides what the base model is asked, `rewording` asks for
the samples' own responses in other words.
"""

from __future__ import annotations
