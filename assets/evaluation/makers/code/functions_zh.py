"""Functions over texts and numbers, asked for in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.code.task import CodeTask, zh

TASKS: Sequence[CodeTask] = (
    zh(
        "写一个 Python 函数 `mask_phone(phone)`，把 11 位手机号的中间四位换成星号；如果传入的字符串不是恰好 11 位数字，就原样返回。",
        """
        def mask_phone(phone):
            if len(phone) == 11 and phone.isdigit():
                return phone[:3] + "****" + phone[7:]
            return phone
        """,
        "mask_phone('13812345678')",
        "mask_phone('1381234567')",
        "mask_phone('1381234567a')",
        "mask_phone('')",
    ),
    zh(
        "请编写 Python 函数 `count_hanzi(text)`，返回字符串里汉字的个数。只把 U+4E00 到 U+9FFF 之间的字符算作汉字。",
        """
        def count_hanzi(text):
            return sum("\\u4e00" <= character <= "\\u9fff" for character in text)
        """,
        "count_hanzi('第3名：Li 雷')",
        "count_hanzi('')",
        "count_hanzi('abc，。123')",
        "count_hanzi('春眠不觉晓')",
    ),
    zh(
        "用 Python 实现 `to_chinese_weekday(n)`：把 1 到 7 变成“星期一”到“星期日”，其他整数一律返回 None。",
        """
        def to_chinese_weekday(n):
            return "星期" + "一二三四五六日"[n - 1] if 1 <= n <= 7 else None
        """,
        "to_chinese_weekday(7)",
        "to_chinese_weekday(1)",
        "to_chinese_weekday(0)",
        "to_chinese_weekday(8)",
        "to_chinese_weekday(4)",
    ),
    zh(
        "实现函数 `squeeze(text)`：把连续重复的同一个字符压缩成“字符＋次数”，只出现一次的不写次数。用 Python。",
        """
        def squeeze(text):
            result, i = "", 0
            while i < len(text):
                j = i
                while j < len(text) and text[j] == text[i]:
                    j += 1
                result += text[i] + (str(j - i) if j - i > 1 else "")
                i = j
            return result
        """,
        "squeeze('aaabccd')",
        "squeeze('')",
        "squeeze('xyz')",
        "squeeze('zzzzzzzzzzzz')",
        "squeeze('abba')",
    ),
    zh(
        "写函数 `leap_years(start, end)`，用列表返回从 start 到 end（两端都含）的所有闰年，按从小到大排列。语言为 Python。",
        """
        def leap_years(start, end):
            return [y for y in range(start, end + 1) if y % 4 == 0 and y % 100 != 0 or y % 400 == 0]
        """,
        "leap_years(1996, 2008)",
        "leap_years(1897, 1903)",
        "leap_years(2400, 2400)",
        "leap_years(2001, 2003)",
    ),
    zh(
        "停车场收费规则：30 分钟以内（含）免费；之后每开始一小时收 6 元，从入场时刻起算；一天最多收 48 元。"
        "请写 Python 函数 `parking_fee(minutes)`，输入停车的分钟数（不超过 1440），返回应收的元数（整数）。",
        """
        def parking_fee(minutes):
            if minutes <= 30:
                return 0
            return min(48, -(-minutes // 60) * 6)
        """,
        "parking_fee(61)",
        "parking_fee(30)",
        "parking_fee(31)",
        "parking_fee(60)",
        "parking_fee(0)",
        "parking_fee(481)",
        "parking_fee(1440)",
    ),
    zh(
        "请写 `tiered_power_bill(kwh)`（Python）：居民用电第一档 200 度以内每度 0.5 元，超过 200 度到 400 度的部分每度 0.6 元，"
        "超过 400 度的部分每度 0.8 元。返回总电费，四舍五入到两位小数的浮点数。",
        """
        def tiered_power_bill(kwh):
            bill = min(kwh, 200) * 0.5 + max(0, min(kwh, 400) - 200) * 0.6 + max(0, kwh - 400) * 0.8
            return round(bill, 2)
        """,
        "tiered_power_bill(450)",
        "tiered_power_bill(0)",
        "tiered_power_bill(200)",
        "tiered_power_bill(201.5)",
        "tiered_power_bill(400)",
    ),
    zh(
        "写一个 Python 函数 `digit_root(n)`：反复把非负整数 n 的各位数字相加，直到结果只有一位，返回这一位数和一共加了几轮，形式是元组。",
        """
        def digit_root(n):
            rounds = 0
            while n > 9:
                n, rounds = sum(map(int, str(n))), rounds + 1
            return n, rounds
        """,
        "digit_root(9875)",
        "digit_root(7)",
        "digit_root(0)",
        "digit_root(199999999)",
        "digit_root(10)",
    ),
    zh(
        "实现 `is_balanced(text)`：判断字符串中的中文书名号《》和圆括号（）是否正确配对、正确嵌套，其他字符忽略，返回 True 或 False。请用 Python。",
        """
        def is_balanced(text):
            stack = []
            pairs = {"》": "《", "）": "（"}
            for character in text:
                if character in "《（":
                    stack.append(character)
                elif character in pairs and (not stack or stack.pop() != pairs[character]):
                    return False
            return not stack
        """,
        "is_balanced('《山海（全本）》')",
        "is_balanced('《山海（全本》）')",
        "is_balanced('）（')",
        "is_balanced('没有括号')",
        "is_balanced('《')",
    ),
    zh(
        "用 Python 写 `caesar(text, shift)`，把英文字母按字母表向后移动 shift 位（可以是负数，循环移动），大小写保持不变，其他字符不动。",
        """
        def caesar(text, shift):
            result = []
            for c in text:
                if c.isascii() and c.isalpha():
                    base = ord("a") if c.islower() else ord("A")
                    c = chr((ord(c) - base + shift) % 26 + base)
                result.append(c)
            return "".join(result)
        """,
        "caesar('Xyz-9', 3)",
        "caesar('abc', -1)",
        "caesar('你好 Zoo', 27)",
        "caesar('', 5)",
    ),
    zh(
        "请用 Python 实现 `roman(n)`，把 1 到 3999 的整数转成大写罗马数字字符串。",
        """
        def roman(n):
            table = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
                     (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
            result = ""
            for value, letters in table:
                while n >= value:
                    result, n = result + letters, n - value
            return result
        """,
        "roman(1949)",
        "roman(4)",
        "roman(3999)",
        "roman(58)",
        "roman(1)",
    ),
    zh(
        "编写 `format_duration(seconds)`，把非负整数秒变成“1小时2分3秒”这样的字符串，为零的部分省略不写；输入 0 时返回“0秒”。使用 Python。",
        """
        def format_duration(seconds):
            parts = [(seconds // 3600, "小时"), (seconds % 3600 // 60, "分"), (seconds % 60, "秒")]
            return "".join(f"{n}{unit}" for n, unit in parts if n) or "0秒"
        """,
        "format_duration(3723)",
        "format_duration(0)",
        "format_duration(3600)",
        "format_duration(59)",
        "format_duration(90061)",
    ),
    zh(
        "写 Python 函数 `common_prefix(words)`，返回一个字符串列表里所有词共同的最长开头；列表为空时返回空字符串。",
        """
        def common_prefix(words):
            if not words:
                return ""
            prefix = words[0]
            for word in words[1:]:
                while not word.startswith(prefix):
                    prefix = prefix[:-1]
            return prefix
        """,
        "common_prefix(['机器学习', '机器翻译', '机器人'])",
        "common_prefix([])",
        "common_prefix(['abc', 'xbc'])",
        "common_prefix(['solo'])",
        "common_prefix(['ab', 'abc', ''])",
    ),
    zh(
        "有一种校验码：从左到右给每位数字依次乘以 1、2、3、1、2、3……，求和后对 10 取余。"
        "请写 Python 函数 `checksum(digits)`，digits 是只含数字的字符串，返回校验码（整数）。",
        """
        def checksum(digits):
            return sum(int(d) * (i % 3 + 1) for i, d in enumerate(digits)) % 10
        """,
        "checksum('4071')",
        "checksum('')",
        "checksum('999999')",
        "checksum('0010')",
    ),
    zh(
        "实现 Python 函数 `split_bill(total_cents, people)`：把以分为单位的总金额分给 people 个人，每人的钱都是整数分，"
        "相差不超过 1 分，多出来的分给排在前面的人。返回长度为 people 的列表。",
        """
        def split_bill(total_cents, people):
            each, rest = divmod(total_cents, people)
            return [each + (i < rest) for i in range(people)]
        """,
        "split_bill(1000, 3)",
        "split_bill(5, 8)",
        "split_bill(0, 2)",
        "split_bill(77, 1)",
    ),
    zh(
        "写 `next_workday(year, month, day)`，返回给定日期之后的第一个工作日（周一到周五，不考虑节假日），结果是“YYYY-MM-DD”字符串。用 Python 标准库。",
        """
        from datetime import date, timedelta

        def next_workday(year, month, day):
            result = date(year, month, day) + timedelta(days=1)
            while result.weekday() >= 5:
                result += timedelta(days=1)
            return result.isoformat()
        """,
        "next_workday(2025, 1, 31)",
        "next_workday(2024, 2, 28)",
        "next_workday(2023, 12, 30)",
        "next_workday(2026, 7, 1)",
    ),
    zh(
        "写一个 Python 函数 `primes_with_digit(limit, digit)`，返回小于 limit 的质数中十进制写法里含有数字 digit（0 到 9 的整数）的那些，升序列表。",
        """
        def primes_with_digit(limit, digit):
            primes = [n for n in range(2, limit) if all(n % d for d in range(2, int(n ** 0.5) + 1))]
            return [p for p in primes if str(digit) in str(p)]
        """,
        "primes_with_digit(50, 3)",
        "primes_with_digit(3, 2)",
        "primes_with_digit(2, 2)",
        "primes_with_digit(120, 0)",
    ),
    zh(
        "请写函数 `amount_in_words(n)`（Python），把 0 到 99 的整数写成汉字，例如 10 是“十”，21 是“二十一”，0 是“零”。",
        """
        def amount_in_words(n):
            digits = "零一二三四五六七八九"
            if n < 10:
                return digits[n]
            tens, ones = divmod(n, 10)
            return ("" if tens == 1 else digits[tens]) + "十" + (digits[ones] if ones else "")
        """,
        "amount_in_words(47)",
        "amount_in_words(10)",
        "amount_in_words(0)",
        "amount_in_words(19)",
        "amount_in_words(80)",
        "amount_in_words(9)",
    ),
    zh(
        "用 Python 编写 `strip_comments(source)`：删去每一行从 `#` 开始到行尾的内容，再去掉行尾空白，最后丢掉变成空的行。源码中不会有含 `#` 的字符串。返回处理后的多行字符串，行间用换行符连接。",
        """
        def strip_comments(source):
            lines = [line.split("#")[0].rstrip() for line in source.split("\\n")]
            return "\\n".join(line for line in lines if line)
        """,
        "strip_comments('a = 1  # 一\\n# 全是注释\\n\\nb = 2')",
        "strip_comments('')",
        "strip_comments('  x = 3   ')",
        "strip_comments('#')",
    ),
    zh(
        "编写 Python 函数 `vowel_swap(word)`：把英文单词里的元音字母（a、e、i、o、u，只有小写）按相反的顺序放回元音所在的位置，辅音不动。",
        """
        def vowel_swap(word):
            vowels = [c for c in word if c in "aeiou"]
            return "".join(vowels.pop() if c in "aeiou" else c for c in word)
        """,
        "vowel_swap('computer')",
        "vowel_swap('sky')",
        "vowel_swap('')",
        "vowel_swap('aeiou')",
        "vowel_swap('banana')",
    ),
    zh(
        "请实现 `fill_template(template, values)`，把字符串里形如 `{名字}` 的占位符换成字典 values 中对应的值（转成字符串）；字典里没有的占位符原样保留。用 Python，花括号不会嵌套。",
        """
        import re

        def fill_template(template, values):
            def replaced(match):
                return str(values.get(match[1], match[0]))
            return re.sub(r"\\{([^{}]*)\\}", replaced, template)
        """,
        "fill_template('{姓名}您好，编号{no}', {'姓名': '林舟', 'no': 7})",
        "fill_template('{a}{b}', {'a': 1})",
        "fill_template('没有', {})",
        "fill_template('{}', {'': 'x'})",
    ),
    zh(
        "给出一个不含重复数字的三位数，各位数字从大到小排列组成的数减去从小到大排列组成的数（允许前导零），这样算一次叫“一步”。"
        "请写 Python 函数 `steps_to_495(n)`，返回从 n 开始要走多少步才能得到 495；n 本身就是 495 时返回 0。",
        """
        def steps_to_495(n):
            steps = 0
            while n != 495:
                digits = sorted(f"{n:03}")
                n = int("".join(reversed(digits))) - int("".join(digits))
                steps += 1
            return steps
        """,
        "steps_to_495(917)",
        "steps_to_495(495)",
        "steps_to_495(210)",
        "steps_to_495(102)",
        "steps_to_495(954)",
    ),
)
