"""Answers what people ask in rows of `questions`: which version each means, and what it answers."""
