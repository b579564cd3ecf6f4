"""Functions asked for in English."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.code.task import CodeTask, en

TASKS: Sequence[CodeTask] = (
    en(
        "Write a Python function `initials(name)` that returns the initials of a full name in upper case, each followed by a full stop. Hyphenated parts count as two names. Runs of spaces may occur.",
        """
        def initials(name):
            return "".join(part[0].upper() + "." for part in name.replace("-", " ").split())
        """,
        "initials('mary-ann  lee')",
        "initials('')",
        "initials('Q')",
        "initials(' jean-luc de la tour ')",
    ),
    en(
        "A ferry takes cars in the order of the queue. Write `crossings(lengths, deck)` in Python: it returns how many crossings are needed if the cars, with the given lengths, board in order and a crossing ends as soon as the next car no longer fits on the deck. No car is longer than the deck.",
        """
        def crossings(lengths, deck):
            count, used = 0, deck
            for length in lengths:
                if used + length > deck:
                    count, used = count + 1, 0
                used += length
            return count
        """,
        "crossings([4, 5, 3, 6], 10)",
        "crossings([], 10)",
        "crossings([10, 10], 10)",
        "crossings([1, 1, 1], 10)",
    ),
    en(
        "Implement `snake_to_camel(name)` in Python. It turns `snake_case` into `camelCase`; leading underscores are kept, and runs of underscores inside count as one.",
        """
        def snake_to_camel(name):
            bare = name.lstrip("_")
            parts = [part for part in bare.split("_") if part]
            camel = parts[0] + "".join(part.capitalize() for part in parts[1:]) if parts else ""
            return name[:len(name) - len(bare)] + camel
        """,
        "snake_to_camel('_total__net_price')",
        "snake_to_camel('x')",
        "snake_to_camel('')",
        "snake_to_camel('get_user_id')",
    ),
    en(
        "Write a Python function `time_slots(start, end, minutes)`. The times are strings such as '09:30'. It returns the list of start times of all whole slots of the given length that fit between start and end, one right after the other.",
        """
        def time_slots(start, end, minutes):
            def parse(text):
                hours, rest = text.split(":")
                return int(hours) * 60 + int(rest)
            times = range(parse(start), parse(end) - minutes + 1, minutes)
            return [f"{t // 60:02}:{t % 60:02}" for t in times]
        """,
        "time_slots('09:30', '11:00', 40)",
        "time_slots('08:00', '08:10', 15)",
        "time_slots('23:00', '23:30', 15)",
        "time_slots('00:00', '01:00', 60)",
    ),
    en(
        "Write `anagram_groups(words)` in Python. It returns a list of lists: words that are anagrams of each other, ignoring case, stand in one list in their original order, and the lists are ordered by the first appearance of one of their words.",
        """
        def anagram_groups(words):
            groups = {}
            for word in words:
                groups.setdefault("".join(sorted(word.lower())), []).append(word)
            return list(groups.values())
        """,
        "anagram_groups(['Listen', 'map', 'silent', 'amp'])",
        "anagram_groups([])",
        "anagram_groups(['a', 'A', 'b'])",
    ),
    en(
        "A robot starts at (0, 0) facing north. Write a Python function `walk(commands)` for a string of the letters L (turn left), R (turn right) and F (one step forward, north is +y). It returns the final position as a tuple (x, y).",
        """
        def walk(commands):
            x, y, dx, dy = 0, 0, 0, 1
            for command in commands:
                if command == "L":
                    dx, dy = -dy, dx
                elif command == "R":
                    dx, dy = dy, -dx
                else:
                    x, y = x + dx, y + dy
            return x, y
        """,
        "walk('FFRFLF')",
        "walk('')",
        "walk('LF')",
        "walk('RRFF')",
        "walk('FLFLFLF')",
    ),
    en(
        "Write `parse_query(text)` in Python without imports. The text is the part of a URL after the question mark, for instance 'a=1&b=2&a=3&c'. Return a dictionary from each key to the list of its values in order; a key without '=' has the value ''. An empty text gives an empty dictionary. Nothing is percent-encoded.",
        """
        def parse_query(text):
            result = {}
            for part in text.split("&"):
                if part:
                    key, _, value = part.partition("=")
                    result.setdefault(key, []).append(value)
            return result
        """,
        "parse_query('a=1&b=2&a=3&c')",
        "parse_query('')",
        "parse_query('x=')",
        "parse_query('k=v=w')",
    ),
    en(
        "In Python, write `bowling_average(games)`, where games is a list of dictionaries with the keys 'player' and 'score'. Return a dictionary from each player to the mean of that player's scores without the lowest one; players with a single game are left out.",
        """
        def bowling_average(games):
            scores = {}
            for game in games:
                scores.setdefault(game["player"], []).append(game["score"])
            return {player: (sum(all_) - min(all_)) / (len(all_) - 1) for player, all_ in scores.items() if len(all_) > 1}
        """,
        "bowling_average([{'player': 'Ida', 'score': 120}, {'player': 'Ida', 'score': 90}, {'player': 'Max', 'score': 70}])",
        "bowling_average([])",
        "bowling_average([{'player': 'A', 'score': 4}, {'player': 'A', 'score': 4}, {'player': 'A', 'score': 6}])",
    ),
    en(
        "Write a Python function `wrap(text, width)` that breaks a text into lines of at most `width` characters, only at single spaces, each line as long as possible, and returns the list of lines. A word longer than the width gets a line of its own and is not broken. An empty text gives an empty list.",
        """
        def wrap(text, width):
            lines = []
            for word in text.split():
                if lines and len(lines[-1]) + 1 + len(word) <= width:
                    lines[-1] += " " + word
                else:
                    lines.append(word)
            return lines
        """,
        "wrap('to be or not to be', 8)",
        "wrap('', 5)",
        "wrap('extraordinary day', 6)",
        "wrap('a b c', 1)",
    ),
    en(
        "Implement `hamming_weights(n)` in Python: a list of length n + 1 whose entry at index i is the number of ones in the binary form of i.",
        """
        def hamming_weights(n):
            return [bin(i).count("1") for i in range(n + 1)]
        """,
        "hamming_weights(5)",
        "hamming_weights(0)",
        "hamming_weights(16)",
    ),
    en(
        "Write `compound(balance, rate, years)` in Python. A balance in whole cents earns `rate` percent interest at the end of each year; the interest is rounded down to whole cents every year before it is added. Return the list of balances after each year. `rate` is an integer.",
        """
        def compound(balance, rate, years):
            result = []
            for _ in range(years):
                balance += balance * rate // 100
                result.append(balance)
            return result
        """,
        "compound(10050, 3, 3)",
        "compound(99, 1, 2)",
        "compound(500, 0, 1)",
        "compound(1000, 5, 0)",
    ),
    en(
        "Write a Python function `is_valid_move(board, row, column)` for noughts and crosses. The board is a list of three strings of length three made of 'X', 'O' and ' '. A move is valid if row and column are within the board, the cell is free, and nobody has three in a row yet.",
        """
        def is_valid_move(board, row, column):
            if not (0 <= row < 3 and 0 <= column < 3) or board[row][column] != " ":
                return False
            lines = list(board) + ["".join(line) for line in zip(*board)]
            lines.append("".join(board[i][i] for i in range(3)))
            lines.append("".join(board[i][2 - i] for i in range(3)))
            return "XXX" not in lines and "OOO" not in lines
        """,
        "is_valid_move(['X O', ' O ', '  X'], 2, 0)",
        "is_valid_move(['X  ', '   ', '   '], 0, 0)",
        "is_valid_move(['XXX', 'OO ', '   '], 2, 2)",
        "is_valid_move(['X O', ' X ', 'O X'], 1, 0)",
        "is_valid_move(['   ', '   ', '   '], 3, 0)",
        "is_valid_move(['   ', '   ', '   '], -1, 0)",
    ),
    en(
        "Write `dedupe_lines(text)` in Python: keep only the first of several equal lines, where lines that differ only in case or in spaces at either end count as equal. Return the kept lines unchanged, joined by newlines.",
        """
        def dedupe_lines(text):
            seen, kept = set(), []
            for line in text.split("\\n"):
                key = line.strip().lower()
                if key not in seen:
                    seen.add(key)
                    kept.append(line)
            return "\\n".join(kept)
        """,
        "dedupe_lines('Milk\\neggs\\n milk \\nTea')",
        "dedupe_lines('')",
        "dedupe_lines('a\\nb')",
        "dedupe_lines('x\\nX\\nx')",
    ),
    en(
        "Write a Python function `zigzag(n, width)` that returns the numbers 1 to n as a list of rows of the given width, where every second row runs from right to left. The last row may be incomplete; it holds only the numbers that are left, in the direction of its row.",
        """
        def zigzag(n, width):
            rows = [list(range(start, min(start + width, n + 1))) for start in range(1, n + 1, width)]
            return [row[::-1] if i % 2 else row for i, row in enumerate(rows)]
        """,
        "zigzag(8, 3)",
        "zigzag(0, 4)",
        "zigzag(5, 3)",
        "zigzag(3, 1)",
    ),
    en(
        "A thermostat log is a list of readings. Write `alarms(readings, limit, n)` in Python that returns the indices at which the reading has been above the limit for exactly n readings in a row, so that one long hot period raises one alarm.",
        """
        def alarms(readings, limit, n):
            result, run = [], 0
            for i, reading in enumerate(readings):
                run = run + 1 if reading > limit else 0
                if run == n:
                    result.append(i)
            return result
        """,
        "alarms([19, 25, 26, 27, 18, 30, 31], 24, 2)",
        "alarms([], 24, 1)",
        "alarms([30, 30], 24, 3)",
        "alarms([24, 25, 24, 25], 24, 1)",
    ),
    en(
        "Write `evaluate(tokens)` in Python for expressions in reverse Polish notation. Tokens are strings: integers, which may be negative, and the operators +, - and *. Return the result as an int.",
        """
        def evaluate(tokens):
            stack = []
            for token in tokens:
                if token in ("+", "-", "*"):
                    b, a = stack.pop(), stack.pop()
                    stack.append(a + b if token == "+" else a - b if token == "-" else a * b)
                else:
                    stack.append(int(token))
            return stack[0]
        """,
        "evaluate(['7', '2', '-', '3', '*'])",
        "evaluate(['-4'])",
        "evaluate(['2', '3', '4', '*', '+'])",
        "evaluate(['1', '-1', '-'])",
    ),
    en(
        "Write a Python function `missing_pages(ranges, last)`. `ranges` is a list of strings such as '3-7' or '12', the pages of a document that were scanned. Return the sorted list of the pages from 1 to `last` that were not.",
        """
        def missing_pages(ranges, last):
            scanned = set()
            for text in ranges:
                first, _, end = text.partition("-")
                scanned.update(range(int(first), int(end or first) + 1))
            return [page for page in range(1, last + 1) if page not in scanned]
        """,
        "missing_pages(['3-5', '8'], 9)",
        "missing_pages([], 3)",
        "missing_pages(['1-4', '2-3'], 4)",
        "missing_pages(['5'], 2)",
    ),
    en(
        "In Python, write `ratio(a, b)`, which takes two positive integers and returns their ratio in lowest terms as a string such as '3:2'. Do not use the modules math and fractions.",
        """
        def ratio(a, b):
            x, y = a, b
            while y:
                x, y = y, x % y
            return f"{a // x}:{b // x}"
        """,
        "ratio(1920, 1080)",
        "ratio(7, 7)",
        "ratio(5, 9)",
        "ratio(100, 10)",
    ),
)
