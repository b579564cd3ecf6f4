"""BELLE's core: prompts, catalogue, engine, data, training, evaluation. Runs without a display."""

__version__ = "0.1.0"
