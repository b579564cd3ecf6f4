"""`belle data …`: looking at training data, cleaning, converting, splitting and mixing it."""
