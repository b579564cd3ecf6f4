"""Scores of answers: by rules where rules can decide, by a judge where they cannot."""
