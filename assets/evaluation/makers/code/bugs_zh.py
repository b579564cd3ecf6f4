"""Functions with a mistake, to be mended, in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.code.task import CodeTask, zh

TASKS: Sequence[CodeTask] = (
    zh(
        "它应当返回列表中所有偶数的平方和。",
        """
        def even_square_sum(numbers):
            total = 0
            for number in numbers:
                if number % 2 == 0:
                    total += number ** 2
            return total
        """,
        "even_square_sum([1, 2, 4])",
        "even_square_sum([])",
        "even_square_sum([-2, 3])",
        broken="""
        def even_square_sum(numbers):
            total = 0
            for number in numbers:
                if number % 2 == 0:
                    total += number * 2
                return total
        """,
    ),
    zh(
        "它应当判断一个词正着读和倒着读是否一样，忽略大小写和空格。",
        """
        def is_palindrome(text):
            text = text.replace(" ", "").lower()
            return text == text[::-1]
        """,
        "is_palindrome('Never odd or even')",
        "is_palindrome('上海自来水来自海上')",
        "is_palindrome('ab')",
        "is_palindrome('')",
        broken="""
        def is_palindrome(text):
            text.replace(" ", "").lower()
            return text == text[::-1]
        """,
    ),
    zh(
        "它应当把新同学加进班级名单并返回名单；不传名单时从空名单开始，各次调用互不影响。",
        """
        def add_student(name, roster=None):
            roster = [] if roster is None else roster
            roster.append(name)
            return roster
        """,
        "add_student('周舟')",
        "add_student('许诺')",
        "add_student('丁', ['甲'])",
        "(add_student('子'), add_student('丑'))",
        broken="""
        def add_student(name, roster=[]):
            roster.append(name)
            return roster
        """,
    ),
    zh(
        "它应当用二分查找在升序列表里找 target 的下标，找不到返回 -1。",
        """
        def find(values, target):
            low, high = 0, len(values) - 1
            while low <= high:
                middle = (low + high) // 2
                if values[middle] == target:
                    return middle
                if values[middle] < target:
                    low = middle + 1
                else:
                    high = middle - 1
            return -1
        """,
        "find([2, 5, 8, 13], 13)",
        "find([], 1)",
        "find([4], 4)",
        "find([1, 3], 2)",
        broken="""
        def find(values, target):
            low, high = 0, len(values) - 1
            while low < high:
                middle = (low + high) // 2
                if values[middle] == target:
                    return middle
                if values[middle] < target:
                    low = middle + 1
                else:
                    high = middle - 1
            return -1
        """,
    ),
    zh(
        "它应当删除列表中所有的负数，返回同一个列表。",
        """
        def drop_negative(values):
            values[:] = [value for value in values if value >= 0]
            return values
        """,
        "drop_negative([3, -1, -2, 0, -5])",
        "drop_negative([])",
        "drop_negative([-1, -1])",
        "(lambda v: drop_negative(v) is v)([1, -1])",
        broken="""
        def drop_negative(values):
            for value in values:
                if value < 0:
                    values.remove(value)
            return values
        """,
    ),
    zh(
        "它应当返回斐波那契数列的第 n 项，第 1 项和第 2 项都是 1。",
        """
        def fib(n):
            a, b = 1, 1
            for _ in range(n - 1):
                a, b = b, a + b
            return a
        """,
        "fib(7)",
        "fib(1)",
        "fib(2)",
        "fib(30)",
        broken="""
        def fib(n):
            a, b = 1, 1
            for _ in range(n):
                a = b
                b = a + b
            return a
        """,
    ),
    zh(
        "它应当统计每个字符出现的次数，返回字典。",
        """
        def tally(text):
            counts = {}
            for character in text:
                counts[character] = counts.get(character, 0) + 1
            return counts
        """,
        "tally('好好学习')",
        "tally('')",
        "tally('aab')",
        broken="""
        def tally(text):
            counts = {}
            for character in text:
                counts[character] += 1
            return counts
        """,
    ),
    zh(
        "它应当把摄氏温度列表换算成华氏温度，四舍五入到整数。",
        """
        def to_fahrenheit(values):
            return [round(value * 9 / 5 + 32) for value in values]
        """,
        "to_fahrenheit([0, 37, 100])",
        "to_fahrenheit([-40])",
        "to_fahrenheit([])",
        broken="""
        def to_fahrenheit(values):
            return [round(value * (9 / 5 + 32)) for value in values]
        """,
    ),
    zh(
        "它应当返回字符串里最长的单词（以空格分隔），一样长时返回先出现的；没有单词时返回空字符串。",
        """
        def longest_word(text):
            best = ""
            for word in text.split():
                if len(word) > len(best):
                    best = word
            return best
        """,
        "longest_word('the quick brown fox')",
        "longest_word('')",
        "longest_word('aa bb')",
        broken="""
        def longest_word(text):
            best = ""
            for word in text.split():
                if len(word) >= len(best):
                    best = word
            return best[0]
        """,
    ),
    zh(
        "它应当从字典列表里挑出成年人（age 至少 18）的名字，并按年龄从大到小排列，同龄的保持原来的顺序。",
        """
        def adults(people):
            grown = [person for person in people if person["age"] >= 18]
            grown.sort(key=lambda person: -person["age"])
            return [person["name"] for person in grown]
        """,
        "adults([{'name': '安', 'age': 18}, {'name': '博', 'age': 30}, {'name': '晨', 'age': 9}])",
        "adults([])",
        "adults([{'name': 'x', 'age': 20}, {'name': 'y', 'age': 20}])",
        broken="""
        def adults(people):
            grown = [person for person in people if person["age"] > 18]
            grown = grown.sort(key=lambda person: person["age"])
            return [person["name"] for person in grown]
        """,
    ),
    zh(
        "它应当把两个已经升序的列表合并成一个升序列表。",
        """
        def merge(left, right):
            result, i, j = [], 0, 0
            while i < len(left) and j < len(right):
                if left[i] <= right[j]:
                    result.append(left[i])
                    i += 1
                else:
                    result.append(right[j])
                    j += 1
            return result + left[i:] + right[j:]
        """,
        "merge([1, 4], [2, 3, 9])",
        "merge([], [5])",
        "merge([7], [])",
        "merge([1, 1], [1])",
        broken="""
        def merge(left, right):
            result, i, j = [], 0, 0
            while i < len(left) and j < len(right):
                if left[i] <= right[j]:
                    result.append(left[i])
                    i += 1
                else:
                    result.append(right[j])
                    j += 1
            return result
        """,
    ),
    zh(
        "它应当建一个 n 行 m 列、全是 0 的表，再把第 r 行第 c 列（从 0 数起）设为 1，返回这张表。",
        """
        def marked(n, m, r, c):
            table = [[0] * m for _ in range(n)]
            table[r][c] = 1
            return table
        """,
        "marked(2, 3, 1, 0)",
        "marked(1, 1, 0, 0)",
        "marked(3, 2, 2, 1)",
        broken="""
        def marked(n, m, r, c):
            table = [[0] * m] * n
            table[r][c] = 1
            return table
        """,
    ),
    zh(
        "它应当返回一组乘法函数，第 i 个函数（i 从 1 到 n）把自变量乘以 i；apply_all 用来依次调用它们。",
        """
        def multipliers(n):
            return [lambda x, i=i: x * i for i in range(1, n + 1)]


        def apply_all(n, x):
            return [f(x) for f in multipliers(n)]
        """,
        "apply_all(3, 10)",
        "apply_all(0, 1)",
        "apply_all(2, -1)",
        broken="""
        def multipliers(n):
            return [lambda x: x * i for i in range(1, n + 1)]


        def apply_all(n, x):
            return [f(x) for f in multipliers(n)]
        """,
    ),
    zh(
        "它应当判断某一年的某个月有多少天，要考虑闰年。",
        """
        def days_in_month(year, month):
            if month == 2:
                leap = year % 4 == 0 and year % 100 != 0 or year % 400 == 0
                return 29 if leap else 28
            return 30 if month in (4, 6, 9, 11) else 31
        """,
        "days_in_month(2024, 2)",
        "days_in_month(1900, 2)",
        "days_in_month(2000, 2)",
        "days_in_month(2023, 8)",
        "days_in_month(2023, 11)",
        broken="""
        def days_in_month(year, month):
            if month == 2:
                return 29 if year % 4 == 0 else 28
            return 31 if month % 2 == 1 else 30
        """,
    ),
    zh(
        "它应当递归地求一个嵌套列表里所有整数的和。",
        """
        def deep_sum(values):
            total = 0
            for value in values:
                total += deep_sum(value) if isinstance(value, list) else value
            return total
        """,
        "deep_sum([1, [2, [3, 4]], 5])",
        "deep_sum([])",
        "deep_sum([[[-1]]])",
        broken="""
        def deep_sum(values):
            total = 0
            for value in values:
                if isinstance(value, list):
                    deep_sum(value)
                else:
                    total += value
            return total
        """,
    ),
    zh(
        "它应当返回购物车总价：满 100 元打九折，会员在此基础上再减 5 元，结果不低于 0。",
        """
        def checkout(prices, member):
            total = sum(prices)
            if total >= 100:
                total = total * 0.9
            if member:
                total -= 5
            return max(total, 0)
        """,
        "checkout([60, 40], True)",
        "checkout([], True)",
        "checkout([50], False)",
        "checkout([200], False)",
        "checkout([50], True)",
        broken="""
        def checkout(prices, member):
            total = sum(prices)
            if total > 100:
                total = total * 0.9
            elif member:
                total -= 5
            return total
        """,
    ),
)
