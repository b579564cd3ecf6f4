"""Functions with a mistake, to be mended, in English."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.code.task import CodeTask, en

TASKS: Sequence[CodeTask] = (
    en(
        "It should return the number of words in a text that start with a capital letter.",
        """
        def capitalised(text):
            return sum(word[0].isupper() for word in text.split())
        """,
        "capitalised('The cat met Rex in Rome')",
        "capitalised('')",
        "capitalised('two  Spaces')",
        broken="""
        def capitalised(text):
            return sum(word[0].isupper() for word in text.split(" "))
        """,
    ),
    en(
        "It should return the median of a non-empty list of numbers and leave the list as it is.",
        """
        def median(values):
            ordered = sorted(values)
            middle = len(ordered) // 2
            if len(ordered) % 2:
                return ordered[middle]
            return (ordered[middle - 1] + ordered[middle]) / 2
        """,
        "median([9, 1, 4])",
        "median([1, 2, 3, 10])",
        "median([7])",
        "(lambda v: (median(v), v))([3, 1, 2])",
        broken="""
        def median(values):
            values.sort()
            middle = len(values) // 2
            return values[middle]
        """,
    ),
    en(
        "It should yield the running total after each number; running_totals collects the results in a list.",
        """
        def totals(numbers):
            total = 0
            for number in numbers:
                total += number
                yield total


        def running_totals(numbers):
            return list(totals(numbers))
        """,
        "running_totals([3, 4, -2])",
        "running_totals([])",
        "running_totals([0.5])",
        broken="""
        def totals(numbers):
            for number in numbers:
                total = 0
                total += number
                yield total


        def running_totals(numbers):
            return list(totals(numbers))
        """,
    ),
    en(
        "It should return the word that occurs most often, in lower case; of several the one that comes first in the alphabet.",
        """
        def most_common(words):
            counts = {}
            for word in words:
                counts[word.lower()] = counts.get(word.lower(), 0) + 1
            return min(counts, key=lambda word: (-counts[word], word))
        """,
        "most_common(['Sea', 'sun', 'sea', 'Sun', 'oar'])",
        "most_common(['b', 'a'])",
        "most_common(['Z'])",
        broken="""
        def most_common(words):
            counts = {}
            for word in words:
                counts[word] = counts.get(word, 0) + 1
            return max(counts, key=counts.get)
        """,
    ),
    en(
        "It should say whether a number is prime.",
        """
        def is_prime(n):
            if n < 2:
                return False
            for divisor in range(2, int(n ** 0.5) + 1):
                if n % divisor == 0:
                    return False
            return True
        """,
        "is_prime(49)",
        "is_prime(1)",
        "is_prime(2)",
        "is_prime(97)",
        "is_prime(-7)",
        "is_prime(15)",
        broken="""
        def is_prime(n):
            for divisor in range(2, int(n ** 0.5)):
                if n % divisor == 0:
                    return False
                return True
        """,
    ),
    en(
        "It should count how many days in a row, ending today, the step goal was reached; `steps` has today's number last.",
        """
        def streak(steps, goal):
            count = 0
            for value in reversed(steps):
                if value < goal:
                    break
                count += 1
            return count
        """,
        "streak([9000, 12000, 10000], 10000)",
        "streak([], 1)",
        "streak([20, 5], 10)",
        "streak([1, 1, 1], 1)",
        broken="""
        def streak(steps, goal):
            count = 0
            for value in steps:
                if value > goal:
                    count += 1
                else:
                    count = 0
            return count
        """,
    ),
)
