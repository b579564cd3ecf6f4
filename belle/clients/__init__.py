"""Clients of other servers: a hub of models and data."""
