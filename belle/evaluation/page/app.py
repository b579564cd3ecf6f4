"""The routes of the page: its files, which hold no data, and what the script in it asks for, with the token.

What leaves here is JSON; models' texts in it are shown by the script as text and nothing else (`static/show.js`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belle.errors import KnownError
from belle.evaluation.items.check_problem import CheckProblem
from belle.evaluation.items.checks import AnswerCheck
from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.judge.anchors import AnchorPair
from belle.evaluation.judge.prompts import JudgePrompts
from belle.evaluation.judge.sandbox import SandboxError
from belle.evaluation.judge.verdicts import check_problem
from belle.evaluation.page.case_request import read_case, read_view
from belle.evaluation.page.cases import CaseFinder, CaseView, ShownAnswer, ShownCase
from belle.evaluation.page.decisions import Choice, Decisions
from belle.evaluation.page.files import OPEN_FILES, page_file
from belle.evaluation.page.judging import PageJudge, unasked
from belle.server.access import AccessAdvice, AccessControl
from belle.server.connection import read_fields, while_connected
from belle.server.errors import ApiError, ClientGoneError, bad_request
from belle.server.fields import Fields
from belle.server.settings import ServerSettings
from belle.texts import json_text, utf8

MOST_ROWS = 5000
"""Items in the list of the page; a search finds the others."""

_LONGEST_TITLE = 80
_CLIENT_GONE = 499
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
_ADVICE = AccessAdvice(
    host="Ask it as 127.0.0.1 or localhost.",
    origin="It answers its own page alone.",
    authorization="Open the address that “belle eval page” has printed.",
)


@dataclass(slots=True)
class PageState:
    """What the page works on.

    Attributes:
        finder: the set and the answers.
        decisions: of the person.
        prompts: by which one answer is judged.
        judge: None where nobody can be asked.
        tickets: each is exchanged for the token once.
        token: that requests have to show.
    """

    finder: CaseFinder
    decisions: Decisions
    prompts: JudgePrompts
    judge: PageJudge | None
    tickets: set[str]
    token: str


def make_page_app(state: PageState, settings: ServerSettings) -> ASGIApp:
    """The application of the page."""
    routes = [
        *(Route(path, static_file, methods=["GET"]) for path in OPEN_FILES),
        Route("/api/enter", enter, methods=["POST"]),
        Route("/api/session", session, methods=["GET"]),
        Route("/api/items", items, methods=["POST"]),
        Route("/api/case", case, methods=["POST"]),
        Route("/api/checks", checks, methods=["POST"]),
        Route("/api/judge", judge, methods=["POST"]),
        Route("/api/decide", decide, methods=["POST"]),
        Route("/api/undo", undo, methods=["POST"]),
    ]
    access = Middleware(AccessControl, settings=settings, open_paths=(*OPEN_FILES, "/api/enter"), advice=_ADVICE)
    handled = (ApiError, KnownError, ClientGoneError, HTTPException, Exception)
    app = Starlette(routes=routes, middleware=[access], exception_handlers=dict.fromkeys(handled, _on_error))
    app.state.page, app.state.settings = state, settings
    return _with_headers(app)


async def static_file(request: Request) -> Response:
    """The page itself, its style, script and words."""
    content, media_type = page_file(request.url.path)
    return Response(content, media_type=media_type)


async def enter(request: Request) -> Response:
    """The token, for a ticket that was not used before."""
    state, fields = await _read(request)
    ticket = fields.required_text("ticket")
    if ticket not in state.tickets:
        raise ApiError(401, f"This ticket is used up. {_ADVICE.authorization}", code="invalid_ticket")
    state.tickets.discard(ticket)
    return _json({"token": state.token})


async def session(request: Request) -> Response:
    """What there is to be scored, and where the person left off."""
    state: PageState = request.app.state.page
    finder, decisions = state.finder, state.decisions
    return _json({
        "set": {"name": finder.items.name, "n": len(finder.items.items)},
        "classes": finder.items.classes,
        "models": finder.models,
        "judge": state.judge.name if state.judge else None,
        "prompts": state.prompts.name,
        "by": decisions.by,
        "anchors": None if decisions.path is None else str(decisions.path),
        "unreadable": decisions.unreadable,
        "latest": _latest(decisions, finder),
    })  # fmt: skip


async def items(request: Request) -> Response:
    """The items that a search finds, or the undecided ones of them, with what is decided on all of them in a view."""
    state, fields = await _read(request)
    view = read_view(fields, state.finder)
    matching = state.finder.find(fields.text("search") or "", fields.text("class") or "")
    if state.finder.models:
        statuses = [_status(state, item, view) for item in matching]
    else:  # answers are pasted
        decided = state.decisions.items
        statuses = ["done" if item.id in decided else "open" for item in matching]
    only_open = fields.flag("only_open")
    listed = [pair for pair in zip(matching, statuses, strict=True) if not only_open or pair[1] == "open"]
    return _json({
        "n": len(listed),
        "n_done": statuses.count("done"),
        "n_open": statuses.count("open"),
        "rows": [
            {"id": item.id, "class": item.category, "title": _title(item), "status": status}
            for item, status in listed[:MOST_ROWS]
        ],
    })  # fmt: skip


async def case(request: Request) -> Response:
    """One case, without the names of models where it is blind."""
    state, fields = await _read(request)
    shown = read_case(fields, state.finder)
    return _json(_case_fields(state, shown))


async def checks(request: Request) -> Response:
    """For each answer of a case, the rules of the item and what is wrong with the answer by each."""
    state, fields = await _read(request)
    shown = read_case(fields, state.finder)

    def results() -> list[list[dict[str, Any]]]:
        return [[_check_result(check, answer) for check in shown.item.checks] for answer in shown.answers]

    return _json({"answers": await asyncio.to_thread(results)})


async def judge(request: Request) -> Response:
    """What the judge is asked about a case, and with `ask` what it says."""
    state, fields = await _read(request)
    shown = read_case(fields, state.finder)
    if not shown.is_complete:
        raise bad_request("There is no answer to be judged.", "answers", code="no_answer")
    if not fields.flag("ask"):
        return _json(asdict(unasked(state.prompts, shown)))
    if state.judge is None:
        raise ApiError(
            409, "There is no judge. Start the page with --judge MODEL, or --url and --model.", code="no_judge"
        )
    return _json(asdict(await while_connected(request.receive, state.judge.opinions(shown))))


async def decide(request: Request) -> Response:
    """Keep a decision. It has to be about the answers that are shown now, named by their digests."""
    state, fields = await _read(request)
    shown = read_case(fields, state.finder)
    if not (shown.in_set and shown.is_complete):
        raise bad_request("Only answers to items of the set can be decided on.", "item", code="not_decidable")
    if list(fields.texts("shown", 2)) != [answer.digest for answer in shown.answers]:
        raise ApiError(409, "The answers have changed. Load the page again.", code="case_changed")
    if shown.view.is_pair:
        state.decisions.decide_pair(shown, _choice(fields))
    else:
        state.decisions.decide_score(shown, fields.number("score", 0, 1))
    return _json(_case_fields(state, shown)["decision"])


async def undo(request: Request) -> Response:
    """Take back the last decision."""
    state: PageState = request.app.state.page
    return _json({"item": state.decisions.undo()})


async def _read(request: Request) -> tuple[PageState, Fields]:
    return request.app.state.page, await read_fields(request, request.app.state.settings)


def _choice(fields: Fields) -> Choice | None:
    match fields.text("choice"):
        case None | "left" | "right" | "tie" as choice:
            return choice
    raise fields.wrong("choice", "left, right or tie")


def _case_fields(state: PageState, shown: ShownCase) -> dict[str, Any]:
    item, decisions = shown.item, state.decisions
    return {
        "item": {
            "id": item.id,
            "class": item.category,
            "turns": item.turns,
            "reference": item.reference,
            "rubric": item.rubric,
            "n_checks": len(item.checks),
        },
        "in_set": shown.in_set,
        "is_pair": shown.view.is_pair,
        "is_complete": shown.is_complete,
        "answers": [_answer_fields(answer, hidden=shown.view.blind) for answer in shown.answers],
        "decision": {"score": decisions.score(shown), "choice": decisions.choice(shown)} if shown.in_set else None,
    }


def _answer_fields(shown: ShownAnswer, *, hidden: bool) -> dict[str, Any]:
    before = shown.answer.question if len(shown.answer.item.turns) > 1 else ""
    model = None if hidden else shown.model
    return {"model": model, "before": before, "text": shown.answer.text, "digest": shown.digest}


def _check_result(check: AnswerCheck, shown: ShownAnswer) -> dict[str, Any]:
    result = {"type": check.type, "rule": _rule_words(check)}
    try:
        problem = check_problem(check, shown.answer.text)
    except SandboxError as error:
        return result | {"problem": None, "unknown": error.message, "key": error.kind}
    parts = {"key": problem.key, "parts": problem.parts} if isinstance(problem, CheckProblem) else {}
    return result | {"problem": problem, **parts}


def _rule_words(check: AnswerCheck) -> str:
    """What the rule asks, in the words of its file, without what is left as it is by default."""
    defaults = {field.name: field.default for field in fields_of(check)}
    said = {name: value for name, value in asdict(check).items() if value != defaults[name]}
    texts = {name: value if isinstance(value, str) else json_text(value) for name, value in said.items()}
    return " · ".join(f"{name} {text.removesuffix('.0')}" for name, text in texts.items())


def _status(state: PageState, item: EvaluationItem, view: CaseView) -> str:
    shown = state.finder.case(item, view)
    if not shown.is_complete:
        return "empty"
    return "done" if state.decisions.is_decided(shown) else "open"


def _latest(decisions: Decisions, finder: CaseFinder) -> dict[str, str] | None:
    """The item that was decided on last, and the models of a pair."""
    latest = decisions.latest
    if latest is None or finder.item(latest.item) is None:
        return None
    if isinstance(latest, AnchorPair) and {latest.first, latest.second} <= set(finder.models):
        return {"item": latest.item, "first": latest.first, "second": latest.second}
    return {"item": latest.item}


def _title(item: EvaluationItem) -> str:
    text = " ".join(item.turns[-1].split())
    return text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}…"


def _json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(utf8(json_text(value)), status, headers, media_type="application/json")


async def _on_error(request: Request, error: Exception) -> Response:
    del request
    match error:
        case ApiError():
            return _json(error.body(), error.status, error.headers)
        case KnownError():
            return _json(ApiError(409, str(error), code=error.kind).body(), 409)
        case ClientGoneError():
            return Response(status_code=_CLIENT_GONE)
        case HTTPException():
            return _json(
                ApiError(error.status_code, f"{HTTPStatus(error.status_code).phrase}.").body(), error.status_code
            )
    message = "An error in the page's server itself. The terminal has the details; please report it."
    return _json(ApiError(500, message, code="internal_error").body(), 500)


def _with_headers(app: ASGIApp) -> ASGIApp:
    """Around everything, refusals too: what a browser may do with the response, which is to show it."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in _HEADERS.items())]
            await send(message)

        await app(scope, receive, send_with_headers)

    return guarded
