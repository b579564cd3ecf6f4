"""JSON schemas as grammars (GBNF) that an answer is held to."""
