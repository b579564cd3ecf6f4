"""Training: recipes in, checkpoints out.

Read `recipe/stages.py` (which stages there are), a stage in `stages/` (each a short file, top to bottom), then what it
calls: `loop/session.py` (the run that is set up) and `loop/loop.py` (the steps).
"""
