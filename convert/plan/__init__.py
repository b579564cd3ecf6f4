"""Which type each tensor gets, and where it lies in the file."""
