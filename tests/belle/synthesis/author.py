"""A model on a server that writes tasks, answers and judges as asked: sound replies, and all different."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from tests.support.chat_server import Response, answer


def han(seed: object, length: int = 16) -> str:
    """A text of Chinese characters, always the same for a seed."""
    chance = random.Random(f"{seed}")
    return "".join(chr(0x4E00 + chance.randrange(8000)) for _ in range(length))


def tasks(*instructions: str, text: str = "") -> str:
    """A reply to a proposal."""
    return json.dumps({"tasks": [{"instruction": each, "input": text} for each in instructions]}, ensure_ascii=False)


def wants(body: dict[str, Any]) -> str:
    """What a request asks for: the first field of its schema; "" where free text is wanted."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return next(iter(schema.get("properties", {})), "")


def write(body: dict[str, Any]) -> Response:
    """Three new tasks, a rewriting, an answer, a dialogue, questions, or a score."""
    told = body["messages"][-1]["content"]
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    match wants(body):
        case "tasks":
            return answer(tasks(*(han(f"{digest}{i}") for i in range(3))))
        case "instruction":
            return answer(json.dumps({"instruction": han(digest), "input": ""}))
        case "input":
            return answer(json.dumps({"input": han(f"{digest}in"), "output": han(f"{digest}out")}))
        case "turns":
            turns = [{"user": han(f"{digest}u{i}"), "assistant": han(f"{digest}a{i}")} for i in range(2)]
            return answer(json.dumps({"turns": turns}))
        case "reason":
            return answer('{"reason": "好", "score": 0.8}')
        case "questions":
            passage = told.partition("<资料>\n")[2].partition("\n</资料>")[0]
            return answer(json.dumps({"questions": [{"question": han(digest), "answer": passage[:40]}]}))
    return answer(han(f"answer to {told}", 30))
