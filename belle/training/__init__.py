"""Training: recipes in, checkpoints out. Start with `recipe` (what is asked for), `stages` (who does it) and `loop`."""
