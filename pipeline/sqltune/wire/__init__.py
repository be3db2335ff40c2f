"""Shapes of requests and replies on the wire, which client and server share. No HTTP, no torch."""
