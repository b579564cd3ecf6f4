"""`belle serve`: a model for other programs on this computer, by OpenAI's HTTP API."""

from __future__ import annotations

import argparse
import sys

from belle import environment, network, paths
from belle.cli.arguments import add_attention_options, path_or_name, whole
from belle.cli.chat.model import sampling_of
from belle.cli.fallbacks import note_fallbacks
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.engine.process.commands import MOST_PARALLEL, Load
from belle.engine.process.events import ModelInfo
from belle.errors import KnownError
from belle.models.catalog import STARTER, ResolvedModel, resolve
from belle.prompts import OWN_TEMPLATE, TEMPLATES, get_template

_MIB = 1 << 20
_CACHE_SHARE, _LARGEST_CACHE = 0.1, 2 << 30
_EPILOG = """\
examples:
  belle serve                                          the starter model at http://127.0.0.1:8080/v1
  belle serve model.gguf --port 9000 --ctx 8192
  belle serve --host 0.0.0.0 --origin https://notes.example

It answers /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models and /health, as OpenAI's clients ask:
OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=TOKEN). The token is made at the first start and kept in a file that
only you can read. Four requests are answered at once (--parallel): what several prompts begin with is read once, and
each may use as much of the context as the others leave. Further clients wait and take turns. Ctrl-C ends it.

The same request with a seed, or with temperature 0, gets the same text each time while it is answered alone. Beside
others its numbers are computed in larger batches, whose roundings differ in the last bits, so now and then another word
is chosen. With --parallel 1 it is the same always, and the next tokens are guessed where that is faster; with more, a
client that is alone gets no guesses either.

exit status: 0 by --end-with-input; 2 a mistake, in words; 130 after Ctrl-C.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "model",
        nargs="?",
        type=path_or_name,
        default=STARTER,
        metavar="MODEL",
        help="a name that “belle models” lists, or the path of a GGUF file (default: starter)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this computer alone)")
    parser.add_argument(
        "--port", type=whole(0, (1 << 16) - 1), default=8080, metavar="N", help="port; 0 takes a free one (8080)"
    )
    parser.add_argument("--token", metavar="TEXT", help="what clients have to show, instead of the token that is kept")
    parser.add_argument("--no-token", action="store_true", help="ask for none; only where nobody else can connect")
    parser.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="let web pages of URL ask; repeatable, * for all"
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a further name of this computer; repeatable"
    )
    parser.add_argument("--name", help="what clients call the model (default: its name, or that of its file)")
    parser.add_argument(
        "--template", help=f"the prompt template instead of the model's: {', '.join(TEMPLATES)}, {OWN_TEMPLATE}"
    )
    parser.add_argument("--ctx", type=whole(0), default=0, metavar="N", help="context length in tokens (default: 4096)")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="threads (default: adapt to the machine)")
    add_attention_options(parser)
    parser.add_argument(
        "--parallel",
        type=whole(1, MOST_PARALLEL),
        default=4,
        metavar="N",
        help=f"requests answered at once, 1 to {MOST_PARALLEL} (4)",
    )
    parser.add_argument("--max-tokens", type=whole(1), metavar="N", help="end every answer after N tokens")
    parser.add_argument("--max-waiting", type=whole(0), default=64, metavar="N", help="requests that may wait (64)")
    parser.add_argument(
        "--cache", type=whole(0), metavar="MIB", help="memory for conversations that take turns (default: up to 2048)"
    )
    parser.add_argument(
        "--end-with-input", action="store_true", help="end when standard input does, as with the program that opened it"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C. Raises KnownError, KeyboardInterrupt."""
    environment.check_packages("belle serve", "starlette", "uvicorn")
    from belle.server.program import serve
    from belle.server.settings import ServerSettings

    if arguments.no_token and not network.is_loopback(arguments.host):
        message = f"Without a token anybody who reaches {arguments.host} could use the model."
        raise KnownError("usage", message, "Leave --no-token out, or listen at 127.0.0.1.")
    terminal = Terminal()
    model = resolve(arguments.model)
    load = Load(
        str(model.path),
        n_ctx=arguments.ctx,
        template=_template(arguments.template, model),
        threads=arguments.threads,
        prompt_cache=_cache_bytes(arguments.cache),
        kv_type=arguments.kv_type,
        flash_attention=arguments.flash_attention,
        parallel=arguments.parallel,
    )
    settings = ServerSettings(
        host=arguments.host,
        port=arguments.port,
        token=_token(arguments, terminal),
        origins=tuple(origin.rstrip("/") for origin in arguments.origin),
        allowed_hosts=tuple(arguments.allow_host),
        model_name=arguments.name or (model.entry.name if model.entry else model.path.stem),
        most_waiting=arguments.max_waiting,
        most_tokens=arguments.max_tokens,
    )

    def on_ready(address: str, info: ModelInfo) -> None:
        terminal.clear()
        note_fallbacks(terminal, info)
        if info.template is None:
            terminal.note(f"{say('serve_no_template')} {info.template_problem}".rstrip())
        terminal.note(say("serve_ready", title=model.title, name=settings.model_name, address=address), style="")
        if not network.is_loopback(settings.host):
            terminal.note(say("serve_network", host=settings.host))

    serve(
        load,
        settings,
        sampling_of(model),
        on_ready=on_ready,
        on_loading=lambda part: terminal.progress(say("loading", title=model.title, percent=round(part * 100))),
        on_safer_mode=lambda: terminal.note(say("safer_mode")),
        ends_with=sys.stdin.fileno() if arguments.end_with_input else None,
    )
    return 0


def _template(wanted: str | None, model: ResolvedModel) -> str | None:
    if wanted is None:
        return model.template
    return None if wanted == OWN_TEMPLATE else get_template(wanted).id


def _cache_bytes(wanted_mib: int | None) -> int:
    if wanted_mib is not None:
        return wanted_mib * _MIB
    from belle.engine.llama.memory import available_memory

    return min(_LARGEST_CACHE, int(_CACHE_SHARE * available_memory()))


def _token(arguments: argparse.Namespace, terminal: Terminal) -> str | None:
    from belle.server.token import check_token, kept_token

    if arguments.no_token:
        return None
    if arguments.token is not None:
        return check_token(arguments.token)
    token, is_new = kept_token()
    path = paths.server_token_file()
    terminal.note(say("serve_new_token", token=token, path=path) if is_new else say("serve_token", path=path), style="")
    return token
