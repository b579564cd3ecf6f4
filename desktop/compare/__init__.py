"""Two models answer the same request, each in a process of its own, and their answers are compared by words."""
