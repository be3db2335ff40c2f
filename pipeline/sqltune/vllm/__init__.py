"""A running vLLM is kept in step with the alias live."""
