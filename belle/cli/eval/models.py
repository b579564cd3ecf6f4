"""The models of a command line: GGUFs in the engine, checkpoints, servers, or a batch that is answered elsewhere."""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from belle import environment
from belle.cli.arguments import input_file, output_file, real, whole
from belle.cli.eval.folders import model_of
from belle.cli.messages import say
from belle.cli.terminal import Terminal, bar
from belle.clients.chat.batch_file import read_batch, write_requests
from belle.clients.chat.bulk import SpendingLimit, Tally
from belle.clients.chat.endpoints import Endpoint, endpoint_at, read_endpoints
from belle.clients.copies import HUB
from belle.engine.process.commands import MOST_PARALLEL
from belle.errors import KnownError
from belle.evaluation.answers.answerer import BatchReader, BatchWriter, ModelAnswerer, ServerAnswerer, engine_answerer
from belle.model_names import is_on_the_hub
from belle.models.catalog import resolve

_CTX_EACH = 2048
ENDPOINTS_HELP = """\
A file of --endpoints has a table for each server:

  [[endpoint]]
  url = "http://10.0.0.7:8000/v1"
  model = "BELLE-13B"        # its name there; servers of one model share its questions
  key = "$VLLM_KEY"          # an environment variable, not the key itself
  weight = 2                 # takes twice as many questions as one of weight 1
  limit = 64                 # questions at once, at most (default: 32)
  price = { prompt = 0.2, completion = 0.6 }   # per million tokens, for --max-cost

All but url and model may be left out.
"""


def add_server_options(parser: argparse.ArgumentParser, title: str, *, batches: bool = True) -> None:
    """Declare the options that name servers, and with `batches` files that are answered elsewhere."""
    servers = parser.add_argument_group(title)
    servers.add_argument("--endpoints", type=input_file, metavar="FILE", help="a TOML file of servers, see below")
    one_of = servers.add_mutually_exclusive_group()
    one_of.add_argument("--url", help="one server, such as http://127.0.0.1:8080/v1")
    if batches:
        one_of.add_argument(
            "--batch-out",
            type=output_file,
            metavar="FILE",
            help="write the open questions to a batch file, to be answered elsewhere",
        )
        one_of.add_argument(
            "--batch-in", type=input_file, metavar="FILE", help="take the answers from that batch's output"
        )
    else:
        parser.set_defaults(batch_out=None, batch_in=None)
    servers.add_argument("--model", metavar="NAME", help="the name of the model at --url, or in a batch")
    servers.add_argument("--key", metavar="'$NAME'", help="the environment variable with the key of --url, in quotes")
    servers.add_argument(
        "--max-total-tokens", type=whole(1), metavar="N", help="ask no more when N tokens are read and written"
    )
    servers.add_argument(
        "--max-cost", type=real(0, 1e9), metavar="N", help="ask no more when N is spent, by the endpoints' prices"
    )


def add_engine_options(parser: argparse.ArgumentParser, title: str) -> None:
    """Declare the options of models that run here."""
    engine = parser.add_argument_group(title)
    engine.add_argument("--template", metavar="NAME", help="prompt template instead of their own")
    engine.add_argument(
        "--ctx",
        type=whole(0),
        default=0,
        metavar="N",
        help="context in tokens, for all together (default: 2048 each)",
    )
    engine.add_argument(
        "--parallel",
        type=whole(1, MOST_PARALLEL),
        default=4,
        metavar="N",
        help="questions answered at once (default: 4); with 1, every run gives the same answers to the last bit",
    )
    engine.add_argument("--threads", type=whole(1), metavar="N", help="threads (default: adapt to the machine)")


def open_models(
    models: Sequence[str], arguments: argparse.Namespace, terminal: Terminal, *, prompt_cache: int = 0
) -> Iterator[AbstractContextManager[ModelAnswerer]]:
    """One for each model, in the order of the command line, to be opened when its turn comes.

    `prompt_cache` is as of `belle.engine.process.commands.Load`. Raises KnownError.
    """
    _check_options(arguments)
    by_model = _endpoints(arguments)
    if not (models or by_model or arguments.model):
        raise KnownError("usage", "There is no model to ask.", "Name a model, or give --url or --endpoints.")
    named = [model_name(model) for model in models]
    _check_distinct([*named, *{*by_model, *([arguments.model] if arguments.model else [])}])
    if arguments.batch_out:
        yield _batch_writer(arguments.model, arguments.batch_out)
    elif arguments.batch_in:
        yield _batch_reader(arguments.model, arguments.batch_in, terminal)
    files = [None if is_checkpoint(model) else resolve(model).path for model in models]
    for model, name, path in zip(models, named, files, strict=True):
        if path is None:
            yield _checkpoint_answerer(model, name, arguments, terminal)
        else:
            yield _engine_answerer(path, name, arguments, terminal, prompt_cache)
    limit, tally = SpendingLimit(arguments.max_total_tokens, arguments.max_cost), Tally()
    for endpoints in by_model.values():
        yield nullcontext(ServerAnswerer(endpoints, limit, terminal.note, tally=tally))


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise KnownError ("usage") where an option is without the one that it belongs to."""
    if arguments.key is not None and not arguments.url:
        raise KnownError("usage", "--key belongs to --url.", "A file of --endpoints names the key of each server.")
    if arguments.key is not None and not arguments.key.strip():
        raise KnownError("usage", "--key is empty.", "Name the environment variable of the key, in quotes: '$API_KEY'.")
    if bool(arguments.url or arguments.batch_out or arguments.batch_in) != bool(arguments.model):
        message = "--model belongs to --url, --batch-out or --batch-in, and these to it."
        raise KnownError("usage", message, "Give the name of the model there.")


def _endpoints(arguments: argparse.Namespace) -> dict[str, list[Endpoint]]:
    """The servers of the command line, by the model that they offer. Raises KnownError."""
    endpoints = read_endpoints(arguments.endpoints) if arguments.endpoints else []
    if arguments.url:
        endpoints.append(endpoint_at(arguments.url, arguments.model, key=arguments.key or ""))
    if arguments.max_cost is not None and not all(endpoint.has_price for endpoint in endpoints):
        message = "--max-cost is given, and there is an endpoint without a price."
        raise KnownError("usage", message, "Give the prices in the file of --endpoints, or --max-total-tokens.")
    by_model: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        by_model[endpoint.model].append(endpoint)
    return by_model


def _engine_answerer(
    path: Path, name: str, arguments: argparse.Namespace, terminal: Terminal, prompt_cache: int
) -> AbstractContextManager[ModelAnswerer]:
    return engine_answerer(
        path,
        name=name,
        template=arguments.template,
        n_ctx=arguments.ctx or _CTX_EACH * arguments.parallel,
        threads=arguments.threads,
        parallel=arguments.parallel,
        prompt_cache=prompt_cache,
        on_loading=lambda fraction: terminal.progress(f"loading {bar(fraction)}"),
        on_safer_mode=lambda: terminal.note(say("safer_mode")),
    )


def is_checkpoint(model: str) -> bool:
    """Whether transformers has to run it: the folder of a checkpoint or an adapter, or a name on the hub."""
    folder = Path(model).expanduser()
    return any((folder / name).is_file() for name in ("config.json", "adapter_config.json")) or is_on_the_hub(model)


def model_name(model: str) -> str:
    """The name of a model for tables and files; that of a run where its folder is one of those that all runs have."""
    if not is_checkpoint(model):
        return model_of(Path(model).stem) if "/" in model or model.endswith(".gguf") else model
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model.removeprefix(HUB)
    folder = folder.resolve()
    if folder.name == "final":
        return folder.parent.name
    return f"{folder.parent.name}-{folder.name}" if folder.name.startswith("checkpoint-") else folder.name


@contextmanager
def _checkpoint_answerer(
    model: str, name: str, arguments: argparse.Namespace, terminal: Terminal
) -> Iterator[ModelAnswerer]:
    environment.check_packages("Asking a checkpoint", "torch", "transformers")
    from belle.training.export.checkpoint_answerer import CheckpointAnswerer

    terminal.progress(f"loading {name}")
    yield CheckpointAnswerer(
        model,
        name=name,
        template=arguments.template,
        batch_size=arguments.parallel,
        threads=arguments.threads,
        say=terminal.note,
    )


def file_name(model: str) -> str:
    """The name of a model as that of a file."""
    return re.sub(r"[^\w.-]+", "-", model).strip("-.") or "model"


def _check_distinct(names: Sequence[str]) -> None:
    """Raise KnownError where two models would share a file; some file systems do not tell small letters from large."""
    by_file: dict[str, str] = {}
    for name in names:
        file = file_name(name).casefold()
        if file in by_file:
            message = f"The answers of two models, {by_file[file]} and {name}, would be in the same file."
            raise KnownError("usage", message, "Ask them one by one, each with a folder of its own (-o).")
        by_file[file] = name


@contextmanager
def _batch_writer(model: str, path: Path) -> Iterator[BatchWriter]:
    writer = BatchWriter(model)
    yield writer
    print(f"{path}: {write_requests(path, writer.requests, model):,} requests")


@contextmanager
def _batch_reader(model: str, path: Path, terminal: Terminal) -> Iterator[BatchReader]:
    reader = BatchReader(model, read_batch(path))
    yield reader
    if reader.unused:
        some = ", ".join(sorted(reader.unused)[:3])
        terminal.note(f"{path} answers {len(reader.unused):,} requests that are not open here, such as {some}.")
