"""`belle data …`: checks, cleans, converts, splits and mixes training data."""
