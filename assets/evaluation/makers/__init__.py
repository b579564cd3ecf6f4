"""What writes the generated half of the project's own evaluation set: one module per class, Chinese and English.

    python -m assets.evaluation.makers            writes assets/evaluation/own/*.generated.jsonl

Every maker is a function that returns drafts, in the same order and with the same numbers each time. What can be
computed is computed: the number that a word problem ends in, the record that a notice was written from, the output of
a reference program. Makers know nothing of ids and files; `__main__.py` does.
"""
