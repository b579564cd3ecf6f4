"""How similar a question is to what has nothing to do with it, which every model measures on a scale of its own.

Two unrelated texts have a cosine of about 0 with one model and of 0.7 with another. So each model also embeds a few
sentences about everyday things, and a passage counts as an answer only if it is clearly more similar to the question
than these are (the cohort normalisation of speaker verification: Auckenthaler, Carey and Lloyd-Thomas, DSP 2000).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean, pstdev

from desktop.documents.embeddings.vectors import Vector, similarity

_ENGLISH = (
    "The train to the coast leaves every morning at half past seven.",
    "She planted tomatoes and basil behind the house.",
    "The museum is closed on Mondays and on public holidays.",
    "Mix the flour with two eggs and a pinch of salt.",
    "Heavy rain is expected in the north of the country.",
    "He repaired the old bicycle and painted it green.",
    "The committee will vote on the proposal next week.",
    "Whales breathe air and come to the surface for it.",
    "My brother plays the violin in a small orchestra.",
    "The contract ends after twelve months without notice.",
    "A new bridge will connect the two parts of the town.",
    "Wash dark clothes separately, in cold water.",
)
_CHINESE = (
    "去海边的火车每天早上七点半出发。",
    "她在屋后种了西红柿和罗勒。",
    "博物馆每逢星期一和公共假日闭馆。",
    "把面粉和两个鸡蛋、一小撮盐搅拌均匀。",
    "预计北方地区将有大雨。",
    "他修好了旧自行车，还漆成了绿色。",
    "委员会将在下周对提案进行表决。",
    "鲸鱼用肺呼吸，要浮到水面换气。",
    "我弟弟在一个小乐团里拉小提琴。",
    "合同十二个月后自动终止，无需通知。",
    "一座新桥将把城市的两部分连接起来。",
    "深色衣服要用冷水单独洗。",
)
SENTENCES = _ENGLISH + _CHINESE

_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_DEVIATIONS = 3.0
_LEAST_MARGIN = 0.1


def least_similarity(question: str, vector: Vector, baseline: Sequence[Vector]) -> float:
    """How similar a passage must be to the question to count as an answer.

    Args:
        question: its language chooses the sentences to compare with.
        vector: of the question.
        baseline: of `SENTENCES`, in their order.
    """
    count = len(_ENGLISH)
    sentences = baseline[count:] if _WIDE.search(question) else baseline[:count]
    unrelated = [similarity(vector, sentence) for sentence in sentences]
    return fmean(unrelated) + max(_LEAST_MARGIN, _DEVIATIONS * pstdev(unrelated))
