"""Functions over lists, tables and grids, asked for in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.code.task import CodeTask, zh

TASKS: Sequence[CodeTask] = (
    zh(
        "列表 orders 的每个元素是 `(商品名, 单价, 数量)`。请写 Python 函数 `top_seller(orders)`，返回销售额（单价×数量，同名商品累加）最高的商品名；并列时取先出现的；列表为空返回 None。",
        """
        def top_seller(orders):
            totals = {}
            for name, price, amount in orders:
                totals[name] = totals.get(name, 0) + price * amount
            return max(totals, key=totals.get) if totals else None
        """,
        "top_seller([('茶', 30, 2), ('杯', 25, 3), ('茶', 30, 1)])",
        "top_seller([])",
        "top_seller([('甲', 5, 2), ('乙', 10, 1)])",
        "top_seller([('甲', 0, 2)])",
    ),
    zh(
        "写 Python 函数 `merge_shifts(shifts)`：输入若干班次 `(开始, 结束)`（整数，开始小于结束），把重叠或首尾相接的班次合并，按开始时间升序返回元组列表。",
        """
        def merge_shifts(shifts):
            merged = []
            for start, end in sorted(shifts):
                if merged and start <= merged[-1][1]:
                    merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
                else:
                    merged.append((start, end))
            return merged
        """,
        "merge_shifts([(13, 17), (8, 10), (9, 12)])",
        "merge_shifts([])",
        "merge_shifts([(1, 2), (2, 3)])",
        "merge_shifts([(1, 9), (2, 3)])",
    ),
    zh(
        "请写 `rank_scores(scores)`：输入分数列表，返回每个分数的名次列表，位置与输入对应。分高者名次靠前，同分同名次，后面的名次要跳过（如 1、2、2、4）。用 Python 实现。",
        """
        def rank_scores(scores):
            return [1 + sum(other > score for other in scores) for score in scores]
        """,
        "rank_scores([88, 95, 88, 70])",
        "rank_scores([])",
        "rank_scores([60, 60, 60])",
        "rank_scores([1, 2, 3])",
    ),
    zh(
        "用 Python 写 `rotate_seats(rows)`：rows 是座位表（列表的列表，每排人数相同）。每周全班往后挪一排，最后一排到第一排，同时每排向右挪一位，最右边的到最左边。返回新的座位表，不修改原表。",
        """
        def rotate_seats(rows):
            moved = rows[-1:] + rows[:-1]
            return [row[-1:] + row[:-1] for row in moved]
        """,
        "rotate_seats([['甲', '乙'], ['丙', '丁']])",
        "rotate_seats([[1, 2, 3]])",
        "rotate_seats([[1], [2], [3]])",
        "(lambda rows: (rotate_seats(rows), rows))([[1, 2], [3, 4]])",
    ),
    zh(
        "写函数 `longest_streak(days)`（Python）：days 是打卡日期的列表，元素是一年中的第几天（整数，可能乱序、可能重复），返回最长连续打卡的天数。",
        """
        def longest_streak(days):
            present, best = set(days), 0
            for day in present:
                if day - 1 not in present:
                    length = 1
                    while day + length in present:
                        length += 1
                    best = max(best, length)
            return best
        """,
        "longest_streak([5, 3, 4, 9, 10, 4])",
        "longest_streak([])",
        "longest_streak([7])",
        "longest_streak([1, 3, 5])",
        "longest_streak([2, 1, 2, 3])",
    ),
    zh(
        "实现 Python 函数 `spiral(n)`，返回一个 n×n 的二维列表，从左上角开始顺时针由外向里依次填入 1 到 n²。",
        """
        def spiral(n):
            grid = [[0] * n for _ in range(n)]
            row, column, step_row, step_column = 0, 0, 0, 1
            for value in range(1, n * n + 1):
                grid[row][column] = value
                r, c = row + step_row, column + step_column
                if not (0 <= r < n and 0 <= c < n and grid[r][c] == 0):
                    step_row, step_column = step_column, -step_row
                row, column = row + step_row, column + step_column
            return grid
        """,
        "spiral(3)",
        "spiral(1)",
        "spiral(2)",
        "spiral(4)",
    ),
    zh(
        "班费记录是若干字符串，形如“收入 张三 50”或“支出 文具 32”，三部分以空格分隔，金额是整数。请写 Python 函数 `balance(lines)` 返回结余（收入减支出），不符合这种格式的行忽略。",
        """
        def balance(lines):
            total = 0
            for line in lines:
                parts = line.split()
                if len(parts) == 3 and parts[0] in ("收入", "支出") and parts[2].isdigit():
                    total += int(parts[2]) if parts[0] == "收入" else -int(parts[2])
            return total
        """,
        "balance(['收入 张三 50', '支出 文具 32', '备注'])",
        "balance([])",
        "balance(['支出 车费 8'])",
        "balance(['收入 李四', '收入 李四 十元', '收入 李四 10'])",
    ),
    zh(
        "写 Python 函数 `group_by_length(words)`，返回一个字典：键是词的长度，值是该长度的词组成的列表，列表内保持原来的先后顺序并去掉重复的词。",
        """
        def group_by_length(words):
            groups = {}
            for word in words:
                group = groups.setdefault(len(word), [])
                if word not in group:
                    group.append(word)
            return groups
        """,
        "group_by_length(['山', '河流', '水', '大海', '山'])",
        "group_by_length([])",
        "group_by_length(['', 'a', ''])",
    ),
    zh(
        "电梯从 1 楼出发，依次停靠列表 stops 中的楼层（整数，没有 0 层，-1 层的上面一层就是 1 层）。请写 Python 函数 `floors_travelled(stops)`，返回一共走过多少层的距离。",
        """
        def floors_travelled(stops):
            def height(floor):
                return floor if floor < 0 else floor - 1
            position, total = 0, 0
            for stop in stops:
                total += abs(height(stop) - position)
                position = height(stop)
            return total
        """,
        "floors_travelled([5, -2, 1])",
        "floors_travelled([])",
        "floors_travelled([-1, 1])",
        "floors_travelled([3, 3])",
    ),
    zh(
        "写 `transpose_csv(text)`：输入一段用逗号分隔的表格文本（每行列数相同，单元格里没有逗号），返回行列互换后的文本，仍用逗号和换行连接。用 Python。",
        """
        def transpose_csv(text):
            rows = [line.split(",") for line in text.split("\\n")]
            return "\\n".join(",".join(column) for column in zip(*rows))
        """,
        "transpose_csv('姓名,年龄\\n小安,9\\n小北,11')",
        "transpose_csv('a')",
        "transpose_csv('a,b,c')",
        "transpose_csv('1\\n2')",
    ),
    zh(
        "仓库货架是一个列表，元素是每层已放的箱数，每层最多放 cap 箱。写 Python 函数 `place_boxes(shelves, n, cap)`：把 n 个箱子从第一层起依次放进有空位的层，返回新的列表；如果放不下，返回 None。",
        """
        def place_boxes(shelves, n, cap):
            result = list(shelves)
            for i, used in enumerate(result):
                added = min(n, cap - used)
                result[i] += added
                n -= added
            return result if n == 0 else None
        """,
        "place_boxes([2, 3, 0], 4, 4)",
        "place_boxes([4, 4], 1, 4)",
        "place_boxes([], 0, 5)",
        "place_boxes([0, 0], 0, 3)",
        "place_boxes([1, 1, 1], 6, 3)",
    ),
    zh(
        "有一份选课名单，字典的键是学生，值是课程列表。请写 Python 函数 `students_by_course(choices)`，返回反过来的字典：键是课程，值是选了这门课的学生，按姓名的默认字符串顺序排列。",
        """
        def students_by_course(choices):
            result = {}
            for student, courses in choices.items():
                for course in courses:
                    result.setdefault(course, []).append(student)
            return {course: sorted(students) for course, students in result.items()}
        """,
        "students_by_course({'lin': ['art', 'go'], 'an': ['go']})",
        "students_by_course({})",
        "students_by_course({'bo': []})",
    ),
    zh(
        "写 Python 函数 `moving_average(values, k)`，返回长度为 len(values)−k+1 的列表，第 i 个元素是从第 i 个数起连续 k 个数的平均值，四舍五入到两位小数；k 大于列表长度时返回空列表。",
        """
        def moving_average(values, k):
            return [round(sum(values[i:i + k]) / k, 2) for i in range(len(values) - k + 1)]
        """,
        "moving_average([1, 2, 4, 9], 2)",
        "moving_average([3], 2)",
        "moving_average([10, 20, 31], 3)",
        "moving_average([5, 6], 1)",
    ),
    zh(
        "扫雷：grid 是由 '.' 和 '*' 组成的字符串列表，'*' 是雷。请写 Python 函数 `hints(grid)`，把每个 '.' 换成周围八格里雷的个数（0 也要写成 '0'），雷不变，返回字符串列表。",
        """
        def hints(grid):
            def around(r, c):
                return sum(
                    grid[i][j] == "*"
                    for i in range(max(0, r - 1), min(len(grid), r + 2))
                    for j in range(max(0, c - 1), min(len(grid[r]), c + 2))
                )
            return ["".join("*" if cell == "*" else str(around(r, c)) for c, cell in enumerate(row))
                    for r, row in enumerate(grid)]
        """,
        "hints(['*..', '...', '.*.'])",
        "hints(['.'])",
        "hints(['**', '**'])",
    ),
    zh(
        "写 Python 函数 `reachable(links, start)`：links 是字典，键是站名，值是能直达的站名列表（单向），返回从 start 出发能到达的所有站（包括 start 自己）组成的有序列表，按字符串升序。没有出现在键里的站表示不能再往外走。",
        """
        def reachable(links, start):
            seen, waiting = {start}, [start]
            while waiting:
                for station in links.get(waiting.pop(), []):
                    if station not in seen:
                        seen.add(station)
                        waiting.append(station)
            return sorted(seen)
        """,
        "reachable({'a': ['b'], 'b': ['c', 'a'], 'd': ['a']}, 'a')",
        "reachable({}, 'x')",
        "reachable({'a': ['a']}, 'a')",
        "reachable({'d': ['a'], 'a': ['c', 'b']}, 'd')",
    ),
    zh(
        "实现 Python 函数 `make_change(amount)`：用 50、20、10、5、1 元纸币凑出整数金额，张数最少，返回字典，只列出用到的面额及其张数。",
        """
        def make_change(amount):
            result = {}
            for note in (50, 20, 10, 5, 1):
                if amount >= note:
                    result[note], amount = divmod(amount, note)
            return result
        """,
        "make_change(87)",
        "make_change(0)",
        "make_change(4)",
        "make_change(200)",
    ),
    zh(
        "写一个 Python 类 `Ticket`，用作取号机：每次调用实例的 `take()` 方法返回下一个号，第一个号是“A001”，到“A999”之后接着是“B001”，依此类推；再写一个函数 `nth_ticket(n)`，新建一个 `Ticket`，取 n 次，返回最后一次取到的号。n 不超过 5000。",
        """
        class Ticket:
            def __init__(self):
                self.count = 0

            def take(self):
                letter, number = divmod(self.count, 999)
                self.count += 1
                return f"{chr(ord('A') + letter)}{number + 1:03}"


        def nth_ticket(n):
            ticket = Ticket()
            for _ in range(n):
                last = ticket.take()
            return last
        """,
        "nth_ticket(12)",
        "nth_ticket(1)",
        "nth_ticket(999)",
        "nth_ticket(1000)",
        "Ticket().take()",
        "nth_ticket(1999)",
    ),
    zh(
        "请写 Python 函数 `flatten_menu(menu)`：menu 是嵌套字典，叶子的值是价格。返回 `(路径, 价格)` 的列表，路径用“/”连接各级名称，按原字典的遍历顺序排列。",
        """
        def flatten_menu(menu):
            result = []
            for name, value in menu.items():
                if isinstance(value, dict):
                    result += [(f"{name}/{path}", price) for path, price in flatten_menu(value)]
                else:
                    result.append((name, value))
            return result
        """,
        "flatten_menu({'饮料': {'热': {'红茶': 12}, '水': 3}, '米饭': 2})",
        "flatten_menu({})",
        "flatten_menu({'空': {}})",
    ),
    zh(
        "投票箱里的选票是候选人名字的列表。写 Python 函数 `winner(votes)`：得票超过半数的人当选，返回他的名字；没有人过半就返回“需要重投”。",
        """
        def winner(votes):
            for name in set(votes):
                if votes.count(name) * 2 > len(votes):
                    return name
            return "需要重投"
        """,
        "winner(['何', '吕', '何'])",
        "winner(['何', '吕'])",
        "winner([])",
        "winner(['施'])",
    ),
    zh(
        "用 Python 写 `pack_bags(weights, limit)`：按给定顺序把物品装袋，当前袋子再装会超过 limit 就换一个新袋子，返回每个袋子里物品重量的列表；单件就超过 limit 的物品直接跳过。",
        """
        def pack_bags(weights, limit):
            bags = []
            for weight in weights:
                if weight > limit:
                    continue
                if not bags or sum(bags[-1]) + weight > limit:
                    bags.append([])
                bags[-1].append(weight)
            return bags
        """,
        "pack_bags([4, 3, 9, 5, 2], 8)",
        "pack_bags([], 5)",
        "pack_bags([5, 5], 5)",
        "pack_bags([6], 5)",
    ),
    zh(
        "写 Python 函数 `second_largest(numbers)`，返回列表里第二大的不同的数；如果不同的数少于两个，返回 None。不许使用 sorted 和列表的 sort 方法。",
        """
        def second_largest(numbers):
            first = second = None
            for number in set(numbers):
                if first is None or number > first:
                    first, second = number, first
                elif second is None or number > second:
                    second = number
            return second
        """,
        "second_largest([3, 9, 9, 4])",
        "second_largest([1])",
        "second_largest([2, 2])",
        "second_largest([-1, -5, -3])",
        "second_largest([0, -1])",
    ),
    zh(
        "请写 Python 函数 `word_chain(words)`，检查这个中文词语列表是不是合格的“接龙”：后一个词的第一个字必须是前一个词的最后一个字，并且没有词重复出现。返回布尔值，空列表算合格。",
        """
        def word_chain(words):
            linked = all(one[-1] == other[0] for one, other in zip(words, words[1:]))
            return linked and len(set(words)) == len(words)
        """,
        "word_chain(['人民', '民歌', '歌手'])",
        "word_chain(['人民', '歌手'])",
        "word_chain([])",
        "word_chain(['天天', '天天'])",
    ),
)
