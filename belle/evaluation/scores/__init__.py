"""What the scores of an evaluation say, and how surely: means, comparisons, reports."""
