"""`belle chat`: a conversation in the terminal; with `--prompt` a single question, for scripts with `--json`."""

from __future__ import annotations

import argparse
import os
import select
import stat
import sys
from dataclasses import asdict, replace

from belle import paths
from belle.cli.arguments import path_or_name, real, whole
from belle.cli.chat.answer import Answerer
from belle.cli.chat.session import ChatSession
from belle.cli.line_editor import History
from belle.cli.messages import is_chinese, say
from belle.cli.terminal import Terminal
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.protocol import Load, Sampling
from belle.errors import KnownError
from belle.models.catalog import STARTER, ResolvedModel, load_catalog, remember_file, resolve
from belle.prompts import OWN_TEMPLATE, TEMPLATES, Message, get_template
from belle.texts import json_text

_SILENT_S = 1.0
_LONGEST_INPUT = 16 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _models()
    parser.add_argument(
        "-m",
        "--model",
        type=path_or_name,
        default=STARTER,
        help="a name from the list below, or the path of a GGUF file (default: starter)",
    )
    parser.add_argument(
        "-p",
        "--prompt",
        help="ask this one question and end; what a pipe or a file brings on standard input is put below it, and - "
        "stands for that alone",
    )
    parser.add_argument("--json", action="store_true", help="with --prompt: print one JSON object and nothing else")
    parser.add_argument("--system", default="", help="the system prompt")
    parser.add_argument(
        "--no-history",
        action="store_true",
        help=f"keep no questions for the arrow keys of later conversations (in {paths.chat_history_file()})",
    )
    parser.add_argument(
        "--template",
        help=f"the prompt template instead of the model's: {', '.join(TEMPLATES)}, {OWN_TEMPLATE} (its own)",
    )
    parser.add_argument(
        "--thinking",
        action=argparse.BooleanOptionalAction,
        help="let a model that can do both think before it answers, or not (default: as its template has it)",
    )
    parser.add_argument("--max-tokens", type=whole(1), metavar="N", help="end an answer after N tokens")
    parser.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end an answer at TEXT; repeatable")
    parser.add_argument("--ctx", type=whole(0), default=0, metavar="N", help="context length in tokens (default: 4096)")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="threads (default: adapt to the machine)")
    sampling = parser.add_argument_group("sampling", "Without these: what the model's card recommends.")
    sampling.add_argument("--temperature", type=real(0, 100), metavar="X", help="0 takes the likeliest token")
    sampling.add_argument("--top-k", type=whole(0), metavar="N", help="draw from the N likeliest tokens; 0: from all")
    sampling.add_argument("--top-p", type=real(0, 1), metavar="X", help="draw from the likeliest that add up to X")
    sampling.add_argument("--min-p", type=real(0, 1), metavar="X", help="leave out what is X times less likely")
    sampling.add_argument("--repeat-penalty", type=real(0.01, 100), metavar="X", help="1 does nothing")
    sampling.add_argument("--seed", type=whole(0), metavar="N", help="the same seed gives the same text")


def run(arguments: argparse.Namespace) -> int:
    """Load the model and chat. Returns the exit status; raises KnownError."""
    terminal = Terminal()
    prompt = _prompt(arguments)
    model = resolve(arguments.model)
    template = _template(arguments.template, model)
    load = Load(str(model.path), n_ctx=arguments.ctx, template=template, threads=arguments.threads)

    def on_loading(fraction: float) -> None:
        terminal.progress(say("loading", title=model.title, percent=round(fraction * 100)))

    def on_safer_mode() -> None:
        terminal.note(say("safer_mode"))

    with open_engine(load, on_loading=on_loading, on_safer_mode=on_safer_mode) as engine:
        terminal.clear()
        if engine.model.template is None:
            _choose_template(engine, model, terminal, ask=prompt is None)
        if model.entry is not None and model.entry.research_only:
            terminal.note(model.entry.license_note["zh" if is_chinese() else "en"])
        answerer = Answerer(
            engine,
            terminal,
            sampling=_sampling(arguments, model),
            max_tokens=arguments.max_tokens,
            stop=tuple(arguments.stop),
            thinking=arguments.thinking,
        )
        if prompt is None:
            history = None if arguments.no_history else History(paths.chat_history_file())
            return ChatSession(answerer, model, terminal, system=arguments.system, history=history).run()
        messages = [Message("system", arguments.system)] if arguments.system else []
        return _answer_once(answerer, [*messages, Message("user", prompt)], as_json=arguments.json)


def _answer_once(answerer: Answerer, messages: list[Message], *, as_json: bool) -> int:
    done = answerer.answer(messages, write=None if as_json else _write)
    if as_json:
        stats = asdict(done.stats)
        figures = ("prompt_tokens", "reused_tokens", "completion_tokens", "ttft_s", "tokens_per_s")
        result = {"text": done.text, "stop_reason": done.reason} | {name: stats[name] for name in figures}
        if done.thinking:
            result |= {"thinking": done.thinking, "thinking_seconds": done.thinking_seconds}
        print(json_text(result))
    elif not done.text.endswith("\n"):
        print()
    return 130 if done.reason == "stopped" else 0


def _write(text: str) -> None:
    print(text, end="", flush=True)


def _prompt(arguments: argparse.Namespace) -> str | None:
    """The one question; None for a conversation."""
    prompt: str | None = arguments.prompt
    if prompt == "-" or (prompt is None and not sys.stdin.isatty()):
        prompt = _standard_input()
    elif prompt is not None and _is_fed():
        # Such as “summarize” with a text to summarize.
        prompt = "\n\n".join(part for part in (prompt, _standard_input()) if part.strip())
    if prompt is None and arguments.json:
        raise KnownError("usage", "--json needs a question.", "Give it with --prompt TEXT, or --prompt - to read it.")
    if prompt is not None and not prompt.strip():
        raise KnownError("usage", "The question is empty.", "Give it with --prompt TEXT, or on standard input.")
    return prompt


def _is_fed() -> bool:
    """Whether standard input is a pipe or a file. A terminal or /dev/null has no text for the question."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _standard_input() -> str:
    if not select.select([sys.stdin], [], [], _SILENT_S)[0]:
        # While it waits for a pipe that is never closed, the program would seem to hang.
        print(say("waiting_for_input"), file=sys.stderr, flush=True)
    text = sys.stdin.read(_LONGEST_INPUT + 1)
    if len(text) > _LONGEST_INPUT:
        raise KnownError(
            "usage",
            f"Standard input has more than {_LONGEST_INPUT:,} characters, and no model reads as many.",
            "Give it a part of the text.",
        )
    return text.removesuffix("\n")


def _template(wanted: str | None, model: ResolvedModel) -> str | None:
    if wanted is None:
        return model.template
    return None if wanted == OWN_TEMPLATE else get_template(wanted).id


def _choose_template(engine: BlockingEngine, model: ResolvedModel, terminal: Terminal, *, ask: bool) -> None:
    problem = engine.model.template_problem
    if not (ask and terminal.interactive):
        raise KnownError(
            "no_template",
            problem or f"{model.path.name} contains no prompt template, so the form of its prompts is not known.",
            f"Choose one with --template: {', '.join(TEMPLATES)}.",
            path=str(model.path),
        )
    if problem:
        terminal.note(problem)
    terminal.note(say("no_template" if not problem else "template_broken"))
    choices = list(TEMPLATES.values())
    for number, template in enumerate(choices, 1):
        terminal.note(f"{number:3}  {template.title}  ({template.id})", style="")
    while True:
        try:
            answer = terminal.read(f"{say('no_template_ask')} (1–{len(choices)}) › ").strip()
        except EOFError:
            raise KnownError("no_template", "No prompt template was chosen.", "See --template.") from None
        if answer.isdecimal() and 1 <= int(answer) <= len(choices):
            chosen = choices[int(answer) - 1].id
            engine.set_template(chosen)
            remember_file(model.path, chosen, title=model.title)
            return


def _sampling(arguments: argparse.Namespace, model: ResolvedModel) -> Sampling:
    sampling = Sampling(**asdict(model.sampling)) if model.sampling else Sampling()
    names = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed")
    return replace(sampling, **{name: value for name in names if (value := getattr(arguments, name)) is not None})


def _models() -> str:
    lines = ["models:"]
    for entry in load_catalog():
        if entry.kind != "unsupported":
            research = " (research only)" if entry.research_only else ""
            lines.append(f"  {entry.name:24}{entry.title}{research}")
    return "\n".join(lines)
