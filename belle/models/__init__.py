"""The models that are known: the catalog of published ones, the registry of installed ones."""
