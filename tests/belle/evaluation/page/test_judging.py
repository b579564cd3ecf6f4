"""The judge behind the page: what it says is shown as it came, one case at a time, and not when nobody waits for it."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from belle.cli.main import main
from tests.belle.evaluation.page.conftest import A, B, Judge, PageProcess, judged, page_process, write_run
from tests.support.chat_server import Response, answer, complaint


def test_a_score_comes_with_its_prompt_its_reply_and_the_json_in_it(page: PageProcess, judge: Judge) -> None:
    judge.script = lambda body: answer('Sure! {"reason": "it rhymes", "met": [true, false]} {"sentences": 2}')
    (opinion,) = judged(page, item="poem", first=A)["opinions"]
    assert (opinion["score"], opinion["reason"], opinion["problem"]) == (0.5, "it rhymes", "")
    assert opinion["reply"].startswith("Sure!")
    assert json.loads(opinion["json"]) == {"reason": "it rhymes", "met": [True, False]}
    assert "It is a poem." in opinion["messages"][0]["content"]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("I'd say it is fine.", "answers something other than JSON"),
        ('{"reason": "r", "met": [true]}', "does not decide on each of the 2 sentences"),
        ("", "answers something other than JSON"),
    ],
)
def test_a_reply_that_cannot_be_read_is_shown_with_the_reason(
    page: PageProcess, judge: Judge, reply: str, problem: str
) -> None:
    judge.script = lambda body: answer(reply)
    answers = [{"text": f"A poem for {reply}"}]
    (opinion,) = judged(page, item="poem", answers=answers)["opinions"]
    assert (opinion["score"], opinion["reply"], opinion["problem"]) == (None, reply, problem)


@pytest.mark.parametrize(
    ("preferred", "winner"), [("model-b", "right"), ("first", "tie"), ("tie", "tie")], ids=["true", "position", "tie"]
)
def test_two_answers_are_judged_in_both_orders(page: PageProcess, judge: Judge, preferred: str, winner: str) -> None:
    def script(body: dict) -> Response:  # type: ignore[type-arg]
        told = body["messages"][0]["content"]
        first_is_b = told.index("says of b") < told.index("says of a")
        better = {"first": "1", "tie": "tie", "model-b": "1" if first_is_b else "2"}[preferred]
        return answer(json.dumps({"reason": preferred, "better": better}))

    judge.script = script
    answers = [{"model": A, "text": f"says of a {preferred}"}, {"model": B, "text": f"says of b {preferred}"}]
    said = judged(page, item="sky", answers=answers)
    assert said["winner"] == winner
    assert [opinion["sides"] for opinion in said["opinions"]] == [["left", "right"], ["right", "left"]]
    expected = {"model-b": ["right", "right"], "first": ["left", "right"], "tie": ["tie", "tie"]}[preferred]
    assert [opinion["better"] for opinion in said["opinions"]] == expected


def test_what_was_judged_is_not_asked_and_paid_for_again(page: PageProcess, judge: Judge) -> None:
    request = {"item": "walk", "answers": [{"text": "Take the bus."}]}
    first = judged(page, **request)
    asked = len(judge.server.bodies)
    assert judged(page, **request) == first
    assert len(judge.server.bodies) == asked


def test_a_prompt_can_be_seen_without_asking(page: PageProcess, judge: Judge) -> None:
    asked = len(judge.server.bodies)
    (opinion,) = page.post("judge", {"item": "sky", "first": A}).json()["opinions"]
    assert "天空为什么蓝？" in opinion["messages"][0]["content"]
    assert (opinion["reply"], len(judge.server.bodies)) == (None, asked)


def test_a_judge_that_refuses_or_breaks_is_told_in_words(page: PageProcess, judge: Judge) -> None:
    judge.script = lambda body: complaint(400, "too long for me")
    (opinion,) = judged(page, item="sky", answers=[{"text": "too long"}])["opinions"]
    assert "too long for me" in opinion["problem"]
    assert opinion["reply"] is None
    judge.reset()  # what failed is asked again
    assert judged(page, item="sky", answers=[{"text": "too long"}])["opinions"][0]["reply"]


def test_a_page_that_goes_away_ends_its_question(page: PageProcess, judge: Judge) -> None:
    judge.script = lambda body: Response({}, wait_s=120)
    body = json.dumps({"item": "sky", "answers": [{"text": "slow"}], "ask": True}).encode()
    host = page.base.removeprefix("http://")
    head = f"POST /api/judge HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {page.token}\r\n"
    before = len(judge.server.bodies)
    with socket.create_connection(host.split(":")) as gone:  # type: ignore[arg-type]
        gone.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while len(judge.server.bodies) == before:
            time.sleep(0.01)
    judge.script = lambda body: answer('{"reason": "quick", "met": [true]}')
    started = time.monotonic()
    assert judged(page, item="sky", answers=[{"text": "next"}])["opinions"][0]["reason"] == "quick"
    assert time.monotonic() - started < 20


def test_one_question_at_a_time_is_asked(page: PageProcess, judge: Judge) -> None:
    judge.server.most_at_once = judge.server.under_way = 0
    judge.script = lambda body: Response(answer('{"reason": "r", "met": [true]}').body, wait_s=0.2)
    threads = [
        threading.Thread(target=judged, args=(page,), kwargs={"item": "sky", "answers": [{"text": f"at once {n}"}]})
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert judge.server.most_at_once == 1


def test_a_judge_elsewhere_is_refused_offline_and_the_rest_works(tmp_path: Path) -> None:
    options = [str(tmp_path), "--set", str(write_run(tmp_path)), "--url", "http://10.11.12.13/v1", "--model", "m"]
    with page_process(tmp_path, *options, CHATBELLE_OFFLINE="1") as page:
        refused = page.post("judge", {"item": "sky", "first": A, "ask": True})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "offline")
        assert page.post("case", {"item": "sky"}).status_code == 200


def test_what_was_decided_in_the_page_is_what_a_report_measures_the_judge_by(tmp_path: Path, judge: Judge) -> None:
    set_file = str(write_run(tmp_path))
    with page_process(tmp_path, str(tmp_path), "--set", set_file) as page:
        for item in ("poem", "walk"):
            request = {"item": item, "first": A}
            shown = [answer["digest"] for answer in page.post("case", request).json()["answers"]]
            page.post("decide", {**request, "score": 0.5, "shown": shown})
    judge.script = lambda body: answer('{"reason": "r", "met": [true, false], "score": 0.5}')
    server = ("--url", judge.server.url, "--model", "m", "--self-checks", "0")
    main(["eval", "judge", str(tmp_path), "--set", set_file, *server])
    report = tmp_path / "report.json"
    anchors = ("--anchors", str(tmp_path / "anchors.jsonl"))
    assert main(["eval", "report", str(tmp_path), "--set", set_file, *anchors, "-o", str(report)]) == 0
    (row,) = json.loads(report.read_text("utf-8"))["agreement"]["rows"]
    assert (row["person"], row["kind"], row["by"], row["raw"]["value"], row["raw"]["n"]) == (
        "li",
        "scores",
        "judge",
        1,
        2,
    )
