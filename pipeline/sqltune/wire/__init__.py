"""Requests and replies on the wire, shared by client and server. No HTTP, no torch."""
