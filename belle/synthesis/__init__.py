"""Training data that models write: tasks like the seeds, dialogues, questions about passages; and what is kept."""
