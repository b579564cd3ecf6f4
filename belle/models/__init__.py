"""The catalogue of published models, and the registry of installed ones."""
