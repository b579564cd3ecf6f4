"""Sentences of who, when, where and what, in both languages at once, and what can be asked of them.

One small grammar gives the present, past, future and progressive of some thirty actions; from it come translations,
negations, questions, changes of tense, and extraction of the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from makers.sample import Sample, capital
from makers.words import translation

Tense = Literal["habit", "past", "future", "now"]


@dataclass(frozen=True, slots=True)
class Action:
    """A verb with its object: Chinese in two parts (between which 了 stands), English in four forms."""

    zh_verb: str
    zh_object: str
    base: str
    third: str
    past: str
    progressive: str


_ACTIONS = tuple(
    Action(*line.split("|"))
    for line in """喝|茶|drink tea|drinks tea|drank tea|drinking tea
看|书|read a book|reads a book|read a book|reading a book
看|报纸|read the newspaper|reads the newspaper|read the newspaper|reading the newspaper
看|电影|watch a film|watches a film|watched a film|watching a film
听|音乐|listen to music|listens to music|listened to music|listening to music
写|信|write a letter|writes a letter|wrote a letter|writing a letter
写|日记|write a diary|writes a diary|wrote a diary|writing a diary
画|画|paint a picture|paints a picture|painted a picture|painting a picture
踢|足球|play football|plays football|played football|playing football
打|篮球|play basketball|plays basketball|played basketball|playing basketball
下|棋|play chess|plays chess|played chess|playing chess
弹|钢琴|play the piano|plays the piano|played the piano|playing the piano
唱|歌|sing a song|sings a song|sang a song|singing a song
跳|舞|dance|dances|danced|dancing
跑|步|run|runs|ran|running
游|泳|swim|swims|swam|swimming
散|步|take a walk|takes a walk|took a walk|taking a walk
做|饭|cook a meal|cooks a meal|cooked a meal|cooking a meal
吃|面条|eat noodles|eats noodles|ate noodles|eating noodles
吃|苹果|eat an apple|eats an apple|ate an apple|eating an apple
洗|衣服|wash clothes|washes clothes|washed clothes|washing clothes
打扫|房间|clean the room|cleans the room|cleaned the room|cleaning the room
浇|花|water the flowers|waters the flowers|watered the flowers|watering the flowers
修|自行车|repair the bicycle|repairs the bicycle|repaired the bicycle|repairing the bicycle
学|英语|study English|studies English|studied English|studying English
学|数学|study mathematics|studies mathematics|studied mathematics|studying mathematics
买|水果|buy fruit|buys fruit|bought fruit|buying fruit
拍|照片|take photos|takes photos|took photos|taking photos
讲|故事|tell a story|tells a story|told a story|telling a story
等|朋友|wait for a friend|waits for a friend|waited for a friend|waiting for a friend""".splitlines()
)
# Chinese, English, the form of "be" and "have": he/they.
_SUBJECTS = (
    ("我", "I", "am", False),
    ("你", "you", "are", False),
    ("他", "he", "is", True),
    ("她", "she", "is", True),
    ("我们", "we", "are", False),
    ("他们", "they", "are", False),
    ("小明", "Xiaoming", "is", True),
    ("小红", "Xiaohong", "is", True),
    ("我的朋友", "my friend", "is", True),
    ("老师", "the teacher", "is", True),
    ("医生", "the doctor", "is", True),
    ("我哥哥", "my elder brother", "is", True),
    ("我妹妹", "my little sister", "is", True),
    ("爷爷", "grandfather", "is", True),
    ("孩子们", "the children", "are", False),
    ("学生们", "the students", "are", False),
    ("邻居", "the neighbour", "is", True),
    ("工人们", "the workers", "are", False),
)
_PLACES = (
    ("在公园里", "in the park"),
    ("在家里", "at home"),
    ("在学校里", "at school"),
    ("在花园里", "in the garden"),
    ("在河边", "by the river"),
    ("在海边", "by the sea"),
    ("在院子里", "in the yard"),
    ("在山上", "in the mountains"),
    ("在城里", "in town"),
    ("在车站", "at the station"),
)
_TIMES: dict[Tense, tuple[tuple[str, str], ...]] = {
    "habit": (
        ("每天", "every day"),
        ("每个星期天", "every Sunday"),
        ("每天晚上", "every evening"),
        ("每年夏天", "every summer"),
    ),
    "past": (
        ("昨天", "yesterday"),
        ("上个星期", "last week"),
        ("昨天晚上", "yesterday evening"),
        ("前天", "the day before yesterday"),
    ),
    "future": (
        ("明天", "tomorrow"),
        ("下个星期", "next week"),
        ("明天早上", "tomorrow morning"),
        ("后天", "the day after tomorrow"),
    ),
    "now": (("现在", "now"),),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One statement in both languages, and its parts."""

    subject: tuple[str, str, str, bool]
    action: Action
    tense: Tense
    time: tuple[str, str]
    place: tuple[str, str]

    @classmethod
    def random(cls, rng: Random) -> Sentence:
        """Any statement the grammar has."""
        tense: Tense = rng.choice(("habit", "past", "future", "now"))
        return cls(rng.choice(_SUBJECTS), rng.choice(_ACTIONS), tense, rng.choice(_TIMES[tense]), rng.choice(_PLACES))

    @property
    def key(self) -> str:
        """What it says, whatever is asked of it."""
        return f"sentence:{self.subject[1]}:{self.action.base}:{self.time[1]}:{self.place[1]}"

    def zh(self, *, negative: bool = False) -> str:
        """Chinese, without the full stop."""
        verb, thing = self.action.zh_verb, self.action.zh_object
        said = {
            "habit": ("不" if negative else "", verb + thing),
            "past": ("没有" if negative else "", verb + ("" if negative else "了") + thing),
            "future": ("不会" if negative else "要", verb + thing),
            "now": ("没有" if negative else "正", verb + thing),
        }[self.tense]
        return self.subject[0] + self.time[0] + said[0] + self.place[0] + said[1]

    def en(self, *, negative: bool = False) -> str:
        """English, without the full stop, with a large first letter."""
        _, who, be, third = self.subject
        not_ = " not" if negative else ""
        verb = {
            "habit": (
                f"{'does' if third else 'do'} not {self.action.base}"
                if negative
                else (self.action.third if third else self.action.base)
            ),
            "past": f"did not {self.action.base}" if negative else self.action.past,
            "future": f"will{not_} {self.action.base}",
            "now": f"{be}{not_} {self.action.progressive}",
        }[self.tense]
        return capital(f"{who} {verb} {self.place[1]} {self.time[1]}")

    def question_en(self) -> str:
        """The English question that is answered by yes or no."""
        _, who, be, third = self.subject
        start = {"habit": "does" if third else "do", "past": "did", "future": "will", "now": be}[self.tense]
        verb = self.action.progressive if self.tense == "now" else self.action.base
        return capital(f"{start} {who} {verb} {self.place[1]} {self.time[1]}?")

    def what(self) -> str:
        """What was done, in Chinese."""
        return self.action.zh_verb + ("了" if self.tense == "past" else "") + self.action.zh_object


def translate_sentence(rng: Random) -> Sample:
    """A sentence in the other language."""
    sentence = Sentence.random(rng)
    return translation(rng, sentence.key, sentence.zh() + "。", sentence.en() + ".")


def statement(rng: Random) -> Sample:
    """The sentence alone, in one language or in both."""
    sentence = Sentence.random(rng)
    form = rng.randrange(3)
    if form == 0:
        return Sample("zh", sentence.key, text=f"{sentence.zh()}。")
    if form == 1:
        return Sample("en", sentence.key, text=f"{sentence.en()}.")
    return Sample("zh", sentence.key, text=f"{sentence.zh()}。{sentence.en()}.")


def rewrite_zh(rng: Random) -> Sample:
    """Negation, question, emphasis, another tense, in Chinese."""
    sentence = Sentence.random(rng)
    form = rng.randrange(4)
    if form == 0:
        ask, answer = "改成否定句", sentence.zh(negative=True) + "。"
    elif form == 1:
        ask, answer = "改成疑问句", sentence.zh() + "吗？"
    elif form == 2:
        other = Sentence(sentence.subject, sentence.action, "future", ("明天", "tomorrow"), sentence.place)
        ask, answer = "改成明天的事", other.zh() + "。"
    else:
        other = Sentence(sentence.subject, sentence.action, "past", ("昨天", "yesterday"), sentence.place)
        ask, answer = "改成昨天的事", other.zh() + "。"
    question = rng.choice((f"把这句话{ask}：{{}}。", f"请{ask}：{{}}。"))
    return Sample("zh", sentence.key, (question.format(sentence.zh()), answer))


def rewrite_en(rng: Random) -> Sample:
    """The same in English."""
    sentence = Sentence.random(rng)
    form = rng.randrange(4)
    if form == 0:
        ask, answer = (
            rng.choice(("Make this negative", "Put “not” into this sentence")),
            sentence.en(negative=True) + ".",
        )
    elif form == 1:
        ask, answer = rng.choice(("Turn this into a question", "Ask this as a question")), sentence.question_en()
    elif form == 2:
        other = Sentence(sentence.subject, sentence.action, "future", ("明天", "tomorrow"), sentence.place)
        ask, answer = "Say this about tomorrow", other.en() + "."
    else:
        other = Sentence(sentence.subject, sentence.action, "past", ("昨天", "yesterday"), sentence.place)
        ask, answer = "Say this about yesterday", other.en() + "."
    return Sample("en", sentence.key, (f"{ask}: {sentence.en()}.", answer))


def parts_zh(rng: Random) -> Sample:
    """Who, when, where and what, in Chinese."""
    sentence = Sentence.random(rng)
    said = f"{sentence.zh()}。"
    asks = [
        ("谁", "是谁？", sentence.subject[0]),
        ("时间", "是什么时候？", sentence.time[0]),
        ("地点", "在哪里？", sentence.place[0].removeprefix("在")),
        ("做什么", "做什么？", sentence.what()),
    ]
    if rng.random() < 0.4:
        chosen = rng.sample(asks, rng.randint(2, 4))
        names = "、".join({"谁": "人物", "做什么": "事情"}.get(name, name) for name, _, _ in chosen)
        lines = "\n".join(f"{ {'谁': '人物', '做什么': '事情'}.get(name, name) }：{value}" for name, _, value in chosen)
        return Sample("zh", sentence.key, (f"从句子里找出{names}：{said}", lines))
    chosen = rng.sample(asks, rng.randint(1, 3))
    turns: list[str] = []
    for _, ask, value in chosen:
        turns += [ask if turns else f"{said}这句话说的{ask}", f"{'在' if ask == '在哪里？' else ''}{value}。"]
    return Sample("zh", sentence.key, tuple(turns))


def parts_en(rng: Random) -> Sample:
    """The same in English."""
    sentence = Sentence.random(rng)
    done = sentence.action.progressive if sentence.tense == "now" else sentence.action.base
    asks = [("who", sentence.subject[1]), ("when", sentence.time[1]), ("where", sentence.place[1]), ("what", done)]
    if rng.random() < 0.4:
        chosen = rng.sample(asks, rng.randint(2, 4))
        names = ", ".join(name for name, _ in chosen)
        lines = "\n".join(f"{capital(name)}: {value}" for name, value in chosen)
        return Sample("en", sentence.key, (f"Find {names} in this sentence: {sentence.en()}.", lines))
    chosen = rng.sample(asks[:3], rng.randint(1, 3))
    turns: list[str] = []
    for name, value in chosen:
        turns += [f"And {name}?" if turns else f"{sentence.en()}. {capital(name)} is that?", f"{capital(value)}."]
    return Sample("en", sentence.key, tuple(turns))
