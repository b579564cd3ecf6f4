"""Recipes: their keys, what each means, and how they are read and checked."""
