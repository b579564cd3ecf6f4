"""`belle chat`: a conversation in the terminal, or a single question, for scripts with `--json`."""

from __future__ import annotations

import argparse
import os
import select
import stat
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from belle import paths
from belle.cli.arguments import add_attention_options, add_speculation_options, input_file, path_or_name, real, whole
from belle.cli.chat.answer import Answerer
from belle.cli.chat.attachments import LONGEST_TEXT, Attachment, read_attachment
from belle.cli.chat.conversation import ChatConversation
from belle.cli.chat.input_history import InputHistory
from belle.cli.chat.model import ChatModel, sampling_of
from belle.cli.chat.session import ChatSession
from belle.cli.chat.settings import POLICIES, AnswerSettings
from belle.cli.chat.transcript import Transcript
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Load, Overflow, Sampling
from belle.engine.process.events import Done
from belle.errors import KnownError
from belle.models.catalog import STARTER, ResolvedModel, load_catalog, resolve
from belle.prompts import OWN_TEMPLATE, TEMPLATES, get_template
from belle.texts import json_text

# What opens the store is imported by the functions that need it.
if TYPE_CHECKING:
    from belle.cli.chat.shared import SharedConversation
    from belle.cli.chat.strategy import StrategyAnswerer
    from belle.dialogue.events import Mind
    from belle.dialogue.turn_record import TurnRecord

_SILENT_S = 1.0
_PROMPT_CACHE = 512 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _models()
    parser.add_argument(
        "question",
        nargs="?",
        help="ask this one question and end; what a pipe or a file brings on standard input is fenced in front of it",
    )
    parser.add_argument(
        "-m",
        "--model",
        type=path_or_name,
        help="a name from the list below, or the path of a GGUF file (default: starter, or that of the conversation)",
    )
    parser.add_argument(
        "-p",
        "--prompt",
        help="ask this one question and end; what a pipe or a file brings on standard input is put below it as it is, "
        "and - stands for that alone",
    )
    parser.add_argument("--json", action="store_true", help="for one question: print one JSON object and nothing else")
    parser.add_argument("--system", help="the system prompt")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        type=input_file,
        metavar="PATH",
        help="a text that goes with the (first) question: plain text, Markdown, source code; repeatable. With a "
        "strategy it is a document that the model can search",
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        type=input_file,
        metavar="PATH",
        help="a picture that the (first) question is about, for models that see: PNG, JPEG, WebP, GIF, BMP; repeatable",
    )
    parser.add_argument(
        "--mmproj",
        type=input_file,
        metavar="FILE",
        help="the GGUF with the model's vision encoder (default: one beside the model that fits it)",
    )
    steps = parser.add_argument_group(
        "strategies", "The model works in steps, which are shown, and may use tools: calculator, calendar, search."
    )
    steps.add_argument(
        "--strategy",
        choices=("plain", "react", "duma", "raise"),
        default="plain",
        help="plain (default); react: thoughts and actions; duma: a fast answer, and a slow mind where that is in "
        "doubt; raise: react with a scratchpad and examples from your saved conversations",
    )
    steps.add_argument("--slow", type=path_or_name, metavar="MODEL", help="duma's slow mind (default: the same model)")
    shared = parser.add_argument_group("conversations", "Those of the window. Without these, nothing is kept.")
    which = shared.add_mutually_exclusive_group()
    which.add_argument("-c", "--continue", action="store_true", dest="goes_on", help="go on with the latest one")
    which.add_argument("--conversation", metavar="NAME", help="go on with the one of this number or title")
    which.add_argument("--save", action="store_true", help="begin one that the window will have, too")
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
    add_attention_options(parser)
    add_speculation_options(parser)
    parser.add_argument(
        "--context-policy",
        choices=tuple(POLICIES),
        help="when the context is full: ask (refuse, the default), leave out the oldest turns or those in the middle, "
        "or go on with a summary of the oldest",
    )
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
    question, piped = _question(arguments)
    files = [read_attachment(path) for path in arguments.file]
    attachments = [*piped, *(files if arguments.strategy == "plain" else [])]
    if arguments.slow and arguments.strategy != "duma":
        raise KnownError("usage", "--slow belongs to --strategy duma.", "Leave it out, or choose that strategy.")
    opened = _opened(arguments)
    model = resolve(arguments.model or opened.model or STARTER)
    load = Load(str(model.path), n_ctx=arguments.ctx, template=_template(arguments.template, model))
    load = replace(load, threads=arguments.threads)
    load = replace(load, kv_type=arguments.kv_type, flash_attention=arguments.flash_attention)
    load = replace(load, speculation=arguments.speculation, draft=arguments.draft and str(arguments.draft))
    load = replace(load, mmproj=arguments.mmproj and str(arguments.mmproj))
    if opened.shared is not None:
        load = _with_saved_states(load)

    def on_loading(fraction: float) -> None:
        terminal.progress(say("loading", title=model.title, percent=round(fraction * 100)))

    def on_safer_mode() -> None:
        terminal.note(say("safer_mode"))

    if arguments.strategy == "duma" and not arguments.slow:
        load = replace(load, prompt_cache=_PROMPT_CACHE)  # both minds' prompts take turns in one context
    with ExitStack() as stack:
        engine = stack.enter_context(open_engine(load, on_loading=on_loading, on_safer_mode=on_safer_mode))
        strategy = _strategy(arguments, engine, files, terminal=terminal, stack=stack, transcript=opened.transcript)
        terminal.clear()
        chat_model = ChatModel(engine, model, load, terminal)
        chat_model.introduce(ask=question is None)
        answerer = Answerer(engine, terminal, _settings(arguments, model, opened.overflow))
        conversation = ChatConversation(
            answerer,
            chat_model,
            terminal,
            opened.transcript,
            write=None if arguments.json else _write,
            asks=question is None and terminal.interactive,
            shared=opened.shared,
            strategy=strategy,
        )
        if opened.shared is not None:
            _take_over(arguments, conversation)
        for picture in arguments.image:
            conversation.show_picture(picture)
        if question is None:
            history = None if arguments.no_history else InputHistory(paths.chat_history_file())
            return ChatSession(conversation, terminal, history=history, attachments=attachments).run()
        conversation.attachments = attachments
        return _answer_once(conversation, question, as_json=arguments.json)


def _strategy(
    arguments: argparse.Namespace,
    engine: BlockingEngine,
    files: list[Attachment],
    *,
    terminal: Terminal,
    stack: ExitStack,
    transcript: Transcript,
) -> StrategyAnswerer | None:
    """What answers in steps; None for plain answers. Raises KnownError when the slow model cannot be loaded."""
    if arguments.strategy == "plain":
        return None
    from belle.cli.chat.shared import saved_answers_with
    from belle.cli.chat.strategy import StrategyAnswerer, resources_of

    minds: dict[Mind, BlockingEngine] = {"fast": engine}
    if arguments.slow:
        slow = resolve(arguments.slow)

        def on_loading(fraction: float) -> None:
            terminal.progress(say("loading", title=slow.title, percent=round(fraction * 100)))

        load = Load(str(slow.path), n_ctx=arguments.ctx, template=slow.template, threads=arguments.threads)
        minds["slow"] = stack.enter_context(open_engine(load, on_loading=on_loading))
    resources = resources_of({file.name: file.text for file in files}, saved_answers_with)
    return StrategyAnswerer(arguments.strategy, minds, resources, terminal, transcript)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The conversation to go on with, or an empty one. `model` is empty where any will do."""

    transcript: Transcript
    shared: SharedConversation | None = None
    model: str = ""
    overflow: Overflow = "refuse"


def _opened(arguments: argparse.Namespace) -> _Opened:
    """The conversation that the options name. Raises KnownError."""
    transcript = Transcript(arguments.system or "")
    if not (arguments.goes_on or arguments.conversation is not None or arguments.save):
        return _Opened(transcript)
    from belle.cli.chat.shared import SharedConversation, find

    if not arguments.save:
        stored, transcript = find(arguments.conversation)
        return _Opened(transcript, SharedConversation(stored), stored.model, stored.overflow)
    model = resolve(arguments.model or STARTER)
    return _Opened(transcript, SharedConversation(model=model.ref))


def _take_over(arguments: argparse.Namespace, conversation: ChatConversation) -> None:
    """Let the options that say something else than the stored conversation hold for it from now on."""
    if arguments.system is not None and arguments.system != conversation.transcript.system:
        conversation.set_system(arguments.system)
    if arguments.context_policy:
        conversation.set("context", arguments.context_policy)


def _with_saved_states(load: Load) -> Load:
    from belle.cli.chat.shared import state_budget

    budget = state_budget()
    return replace(load, state_folder=str(paths.saved_states_dir()) if budget else None, state_budget=budget)


def _answer_once(conversation: ChatConversation, question: str, *, as_json: bool) -> int:
    try:
        done = conversation.ask(question)
    finally:
        conversation.end()
    assert done is not None  # nobody was asked anything
    if as_json:
        print(json_text(_as_json(done, conversation.last_record)))
    return 130 if done.reason == "stopped" else 0


def _as_json(done: Done, record: TurnRecord | None) -> dict[str, object]:
    stats = asdict(done.stats)
    tokens = ("prompt_tokens", "reused_tokens", "completion_tokens")
    figures = (*tokens, "ttft_s", "tokens_per_s", "drafted_tokens", "accepted_tokens")
    result: dict[str, object] = {"text": done.text, "stop_reason": done.reason}
    result |= {name: stats[name] for name in figures}
    if record is not None:
        result |= {"dialogue": record.fields}
    elif done.thinking:
        result |= {"thinking": done.thinking, "thinking_seconds": done.thinking_seconds}
    return result


def _write(text: str) -> None:
    print(text, end="", flush=True)


def _question(arguments: argparse.Namespace) -> tuple[str | None, list[Attachment]]:
    """The one question, None for a conversation, and what standard input has for it."""
    if arguments.question is not None:
        if arguments.prompt is not None:
            raise KnownError("usage", "There are two questions.", "Give one of QUESTION and --prompt.")
        if not arguments.question.strip():
            raise KnownError("usage", "The question is empty.", "Give it as an argument, or on standard input.")
        piped = _standard_input() if _is_fed() else ""
        return arguments.question, [Attachment(piped)] if piped.strip() else []
    return _prompt(arguments), []


def _prompt(arguments: argparse.Namespace) -> str | None:
    """The question of `--prompt` or of standard input; None for a conversation."""
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
    text = sys.stdin.read(LONGEST_TEXT + 1)
    if len(text) > LONGEST_TEXT:
        raise KnownError(
            "usage",
            f"Standard input has more than {LONGEST_TEXT:,} characters, and no model reads as many.",
            "Give it a part of the text.",
        )
    if "\0" in text:
        raise KnownError("not_text", "Standard input is not a text: it has null bytes.", "Give it a text.")
    return text.removesuffix("\n")


def _template(wanted: str | None, model: ResolvedModel) -> str | None:
    if wanted is None:
        return model.template
    return None if wanted == OWN_TEMPLATE else get_template(wanted).id


def _settings(arguments: argparse.Namespace, model: ResolvedModel, overflow: Overflow) -> AnswerSettings:
    names = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed")
    chosen = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    sampling: Sampling = replace(sampling_of(model), **chosen)
    policy = POLICIES[arguments.context_policy] if arguments.context_policy else overflow
    return AnswerSettings(sampling, arguments.max_tokens, tuple(arguments.stop), arguments.thinking, policy)


def _models() -> str:
    lines = ["models:"]
    for entry in load_catalog():
        if entry.chats:
            research = " (research only)" if entry.research_only else ""
            lines.append(f"  {entry.name:24}{entry.title}{research}")
    return "\n".join(lines)
