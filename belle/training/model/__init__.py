"""The model of a run: loaded, with adapters and heads, and its losses."""
