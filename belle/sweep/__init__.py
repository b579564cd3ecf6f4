"""`belle train sweep`: one recipe with several values of a key, each trained, evaluated, and compared in one table."""
