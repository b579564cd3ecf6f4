"""Serves the page on this computer until Ctrl-C."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import uvicorn

from belle import network
from belle.evaluation.judge.prompts import JudgePrompts
from belle.evaluation.page.app import PageState, make_page_app
from belle.evaluation.page.cases import CaseFinder
from belle.evaluation.page.decisions import Decisions
from belle.evaluation.page.judging import PageJudge
from belle.server.listening import address_of, listen, server_config
from belle.server.settings import ServerSettings

_HOST = "127.0.0.1"
_TOKEN_BYTES = 24


def serve_page(
    finder: CaseFinder,
    decisions: Decisions,
    prompts: JudgePrompts,
    judge: PageJudge | None,
    *,
    port: int,
    on_ready: Callable[[str, str], object],
) -> None:
    """Serve the page until Ctrl-C or SIGTERM. It listens on loopback alone.

    Args:
        finder: the set and the answers.
        decisions: of the person.
        prompts: by which one answer is judged.
        judge: None where nobody can be asked.
        port: 0 for any that is free.
        on_ready: called with two addresses of the page: one that can be opened as often as one likes, to be shown, and
            one for a command line, which other users of this computer can read: it can be opened once.

    Raises KnownError when the port cannot be listened at; KeyboardInterrupt.
    """
    token, ticket = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES)
    settings = ServerSettings(host=_HOST, port=port, token=token, model_name="belle eval page")
    state = PageState(finder, decisions, prompts, judge, {ticket}, token)
    server = uvicorn.Server(server_config(make_page_app(state, settings)))
    with listen(settings) as listening:
        address = address_of(listening, _HOST)

        async def run() -> None:
            with network.connection("loopback", settings.model_name, address):
                # The part after “#” stays in the browser: no server and no log ever has it.
                on_ready(f"{address}/#token={token}", f"{address}/#ticket={ticket}")
                await server.serve(sockets=[listening])

        asyncio.run(run())
