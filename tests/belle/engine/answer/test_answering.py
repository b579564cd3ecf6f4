"""Answers of the real starter model, through the real worker process."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest

from belle.engine.llama.native_log import NativeLog
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Count, Generate, Load, Sampling
from belle.engine.process.events import ContextCut, Done, Prefill, Summarised, Text
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.prompts import Message, as_text, get_template, template_from_gguf

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
_ids = itertools.count(1)


def ask(engine: BlockingEngine, *messages: Message | str, **options: object) -> tuple[Done, list[object]]:
    """The end of the answer to a conversation, and all the events."""
    roles = itertools.cycle(("user", "assistant"))
    talk = tuple(m if isinstance(m, Message) else Message(next(roles), m) for m in messages)  # type: ignore[arg-type]
    settings: dict[str, object] = {"max_tokens": 40, "sampling": GREEDY} | options
    events: list[object] = list(engine.generate(Generate(next(_ids), talk, **settings)))  # type: ignore[arg-type]
    done = events[-1]
    assert isinstance(done, Done)
    assert "".join(e.text for e in events if isinstance(e, Text)) == done.text
    return done, events


def test_text_comes_as_it_is_made(engine: BlockingEngine) -> None:
    done, events = ask(engine, "Name three colours.")
    texts = [e for e in events if isinstance(e, Text)]
    assert len(texts) >= 2
    assert done.stats.completion_tokens <= 40
    assert done.stats.ttft_s is not None and done.stats.ttft_s > 0
    assert done.stats.tokens_per_s is not None and done.stats.tokens_per_s > 0
    progress = [e for e in events if isinstance(e, Prefill)]
    assert progress[0].done == 0 and progress[-1].done == progress[-1].total
    assert events.index(progress[-1]) < events.index(texts[0])


def test_a_short_answer_ends_by_itself(engine: BlockingEngine) -> None:
    done, _ = ask(engine, "What is 2 + 2? Answer with the number only.", max_tokens=200)
    assert done.reason == "end"


def test_the_same_seed_gives_the_same_text(engine: BlockingEngine, starter: Path) -> None:
    settings = Sampling(temperature=1.0, seed=7)
    question = "Tell me a story about a fox and a very long journey."
    first, _ = ask(engine, question, sampling=settings)
    again, _ = ask(engine, question, sampling=settings)
    other, _ = ask(engine, question, sampling=Sampling(temperature=1.0, seed=8))
    assert first.text == again.text != other.text
    assert again.stats.reused_tokens == again.stats.prompt_tokens - 1
    with open_engine(Load(str(starter), n_ctx=2048, threads=1)) as fresh:
        cold, _ = ask(fresh, question, sampling=settings)
    assert cold.text == first.text


def test_without_a_seed_texts_differ(engine: BlockingEngine) -> None:
    texts = {ask(engine, "Invent a name.", sampling=Sampling(temperature=1.5))[0].text for _ in range(3)}
    assert len(texts) > 1


def test_greedy_is_what_a_plain_loop_gives(engine: BlockingEngine, starter: Path, native_log: NativeLog) -> None:
    question = (Message("user", "What is the capital of France?"),)
    template = template_from_gguf(read_header(starter).chat_template, bos_token="<|im_start|>", eos_token="<|im_end|>")
    done, _ = ask(engine, *question, max_tokens=24)
    assert done.text == plain_loop(
        starter, as_text(template.segments(question), bos="<|im_start|>", eos="<|im_end|>"), 24
    )


def plain_loop(path: Path, prompt: str, n_tokens: int) -> str:
    """The likeliest tokens after `prompt`, by nothing but llama.cpp."""
    model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
    vocabulary = llama.llama_model_get_vocab(model)
    params = llama.llama_context_default_params()
    params.flash_attn_type = 0
    params.n_threads = params.n_threads_batch = 1
    context = llama.llama_init_from_model(model, params)
    ids = (llama.llama_token * 512)()
    count = llama.llama_tokenize(vocabulary, prompt.encode(), len(prompt.encode()), ids, 512, False, True)
    text = b""
    piece = llama.ctypes.create_string_buffer(64)
    llama.llama_decode(context, llama.llama_batch_get_one(ids, count - 1))
    token = ids[count - 1]
    for _ in range(n_tokens):
        one = (llama.llama_token * 1)(token)
        llama.llama_decode(context, llama.llama_batch_get_one(one, 1))
        size = llama.llama_vocab_n_tokens(vocabulary)
        token = int(np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (size,)).argmax())
        if llama.llama_vocab_is_eog(vocabulary, token):
            break
        length = llama.llama_token_to_piece(vocabulary, token, piece, 64, 0, False)
        text += piece.raw[:length]
    llama.llama_free(context)
    llama.llama_model_free(model)
    return text.decode()


@pytest.mark.parametrize("template", ["gguf", "chatml", "belle", "belle-v0", "llama-2", "plain"])
def test_the_second_turn_reads_only_what_is_new(engine: BlockingEngine, template: str) -> None:
    engine.set_template(template)
    try:
        question = "Write two sentences about the sea."
        first, _ = ask(engine, question, sampling=Sampling(temperature=1.2, seed=3), stop=(". ",))
        if not first.text.strip():
            first, _ = ask(engine, question, sampling=Sampling(temperature=1.2, seed=4))
        second, _ = ask(engine, question, first.text, "And one more.", max_tokens=8)
    finally:
        engine.set_template("gguf")
    known = first.stats.prompt_tokens + first.stats.completion_tokens
    assert known - 4 <= second.stats.reused_tokens < second.stats.prompt_tokens


def test_stop_strings_end_the_answer_and_are_no_part_of_it(engine: BlockingEngine) -> None:
    whole, _ = ask(engine, "Count from one to nine in words.")
    word = whole.text.split()[4]
    cut, _ = ask(engine, "Count from one to nine in words.", stop=(word,))
    assert cut.reason == "stop_string"
    assert cut.text == whole.text[: whole.text.index(word)]


def test_max_tokens(engine: BlockingEngine) -> None:
    done, _ = ask(engine, "Tell me a long story.", max_tokens=5)
    assert (done.reason, done.stats.completion_tokens) == ("length", 5)
    nothing, _ = ask(engine, "Tell me a long story.", max_tokens=0)
    assert (nothing.reason, nothing.text, nothing.stats.ttft_s) == ("length", "", None)


def test_a_cut_answer_goes_on_as_if_it_had_not_been_cut(engine: BlockingEngine) -> None:
    question = Message("user", "Tell me about the moon.")
    whole, _ = ask(engine, question, max_tokens=30)
    start, _ = ask(engine, question, max_tokens=12)
    rest, _ = ask(engine, question, Message("assistant", start.text), max_tokens=18, continue_last=True)
    assert start.text + rest.text == whole.text
    assert rest.stats.reused_tokens >= rest.stats.prompt_tokens - 2
    after, _ = ask(engine, question, Message("assistant", whole.text), Message("user", "Why?"), max_tokens=1)
    assert after.stats.reused_tokens >= whole.stats.prompt_tokens + 29


def test_chinese_and_emoji_arrive_whole(engine: BlockingEngine) -> None:
    engine.set_template("plain")
    try:
        done, _ = ask(engine, "你好，世界！🦊🦊 今天天气很好。\n" * 12, max_tokens=40)
    finally:
        engine.set_template("gguf")
    # The model goes on repeating, in tokens that are fewer bytes than these characters.
    assert "\ufffd" not in done.text
    assert any(character in done.text for character in "你好世界🦊天气")
    assert done.stats.completion_tokens > len(done.text)


def test_tokens_are_counted_as_the_prompt_is(engine: BlockingEngine) -> None:
    talk = (Message("system", "Be brief."), Message("user", "Hello 你好"))
    count = engine.count(Count(next(_ids), talk))
    done, _ = ask(engine, *talk, max_tokens=1)
    assert count.tokens == done.stats.prompt_tokens


def test_of_the_tokens_counted_some_are_the_system_prompts(engine: BlockingEngine) -> None:
    def count(*messages: Message, summary: str = "") -> tuple[int, int]:
        counted = engine.count(Count(next(_ids), messages, summary))
        return counted.system_tokens, counted.tokens - counted.system_tokens

    system, brief, long = (Message(*m) for m in (("system", "Be brief. " * 20), ("user", "Hi"), ("user", "Hi " * 100)))
    assert count(system, brief)[0] == count(system, long)[0] > count(brief)[0] + 20
    assert abs(count(system, long)[1] - count(long)[1]) <= 2
    assert count(system, brief, summary="They spoke of water. " * 9)[0] > count(system, brief)[0] + 20


def test_ctrl_c_stops_the_answer_and_the_next_one_comes(engine: BlockingEngine) -> None:
    story = Generate(next(_ids), (Message("user", "Tell me a very long story about the sea."),), GREEDY)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    *_, done = engine.generate(story)
    timer.join()
    assert isinstance(done, Done) and done.reason in ("stopped", "end")
    ask(engine, "Hello", max_tokens=1)


def test_leaving_an_answer_early_stops_it(engine: BlockingEngine) -> None:
    story = Generate(next(_ids), (Message("user", "Tell me a very long story about the sea."),), GREEDY)
    for event in engine.generate(story):
        if isinstance(event, Text):
            break
    ask(engine, "Hello", max_tokens=1)


def test_settings_out_of_range_are_refused_in_words(engine: BlockingEngine) -> None:
    fraction = Sampling(top_k=40.5)  # type: ignore[arg-type]  # as a hand-edited file may say
    for settings in (Sampling(temperature=-1.0), Sampling(top_p=float("nan")), Sampling(repeat_penalty=0.0), fraction):
        with pytest.raises(KnownError) as caught:
            ask(engine, "Hello", sampling=settings)
        assert caught.value.kind == "bad_sampling"
    ask(engine, "Hello", max_tokens=1)


def test_an_unknown_template_is_refused_in_words(engine: BlockingEngine) -> None:
    with pytest.raises(KnownError) as caught:
        engine.set_template("nonsense")
    assert caught.value.kind == "unknown_template"
    assert engine.model.template == "gguf"


@pytest.fixture(scope="module")
def small(starter: Path) -> Iterator[BlockingEngine]:
    """A context of 512 tokens."""
    with open_engine(Load(str(starter), n_ctx=512, threads=1)) as opened:
        yield opened


@pytest.fixture(scope="module")
def babbler(random_model: Path) -> Iterator[BlockingEngine]:
    """A SentencePiece model that says random bytes."""
    with open_engine(Load(str(random_model), template="belle")) as opened:
        yield opened


class TestOverflow:
    """A context that is too small."""

    LONG = tuple(
        text
        for i in range(12)
        for text in (f"Question {i}: what is water, in a few words?", f"Answer {i}: " + "wet " * 25)
    )

    def test_refused_with_the_numbers(self, small: BlockingEngine) -> None:
        with pytest.raises(KnownError) as caught:
            ask(small, *self.LONG, "Last?")
        assert caught.value.kind == "prompt_too_long"
        assert caught.value.details["n_ctx"] == 512 < caught.value.details["prompt_tokens"]
        assert caught.value.details["fits_after_drop"] is True
        assert caught.value.details["n_ctx_train"] == 8192

    def test_the_oldest_turns_are_left_out_and_it_is_told(self, small: BlockingEngine) -> None:
        system = Message("system", "You are a drop of water.")
        talk = [system, *(Message(("user", "assistant")[i % 2], t) for i, t in enumerate((*self.LONG, "Last?")))]  # type: ignore[arg-type]
        first, events = ask(small, *talk, overflow="drop_oldest", max_tokens=8)
        cut = next(e for e in events if isinstance(e, ContextCut))
        assert cut.left_out == tuple(range(1, cut.left_out[-1] + 1))
        assert talk[cut.left_out[-1] + 1].role == "user"
        assert first.stats.prompt_tokens <= 512 - 8
        talk += [Message("assistant", first.text), Message("user", "More?")]
        second, events = ask(small, *talk, overflow="drop_oldest", max_tokens=8)
        assert next(e for e in events if isinstance(e, ContextCut)).left_out == cut.left_out
        assert second.stats.reused_tokens >= first.stats.prompt_tokens

    def test_a_pinned_turn_stays(self, small: BlockingEngine) -> None:
        _, events = ask(small, *self.LONG, "Last?", overflow="drop_oldest", pinned=(3,), max_tokens=4)
        left_out = next(e for e in events if isinstance(e, ContextCut)).left_out
        assert left_out[:3] == (0, 1, 4)

    def test_the_middle_is_cut(self, small: BlockingEngine) -> None:
        first, events = ask(small, *self.LONG, "Last?", overflow="cut_middle", max_tokens=8)
        cut = next(e for e in events if isinstance(e, ContextCut))
        assert cut.left_out == tuple(range(2, cut.left_out[-1] + 1))
        second, _ = ask(small, *self.LONG, "Last?", first.text, "More?", overflow="cut_middle", max_tokens=4)
        assert second.stats.reused_tokens >= first.stats.prompt_tokens - 1

    def test_it_goes_on_with_a_summary(self, small: BlockingEngine) -> None:
        first, events = ask(small, *self.LONG, "Last?", overflow="summarise", max_tokens=8)
        kinds = [type(event) for event in events]
        assert kinds.index(ContextCut) < kinds.index(Summarised)
        summary = next(e for e in events if isinstance(e, Summarised))
        assert summary.text.strip()
        assert first.stats.prompt_tokens <= 512 - 8
        left_out = next(e for e in events if isinstance(e, ContextCut)).left_out
        # The next request has the summary in the place of what it tells.
        remaining = [text for index, text in enumerate((*self.LONG, "Last?")) if index not in left_out]
        second, events = ask(
            small, *remaining, first.text, "More?", overflow="summarise", summary=summary.text, max_tokens=4
        )
        assert not any(isinstance(e, ContextCut | Summarised) for e in events)
        assert second.stats.reused_tokens >= first.stats.prompt_tokens - 1

    def test_a_summary_stands_for_the_messages_it_was_made_of_until_all_fit(
        self, small: BlockingEngine, engine: BlockingEngine
    ) -> None:
        talk = (*self.LONG, "Last?")
        first, events = ask(small, *talk, overflow="summarise", max_tokens=8)
        summary = next(e for e in events if isinstance(e, Summarised)).text
        told = next(e for e in events if isinstance(e, ContextCut)).left_out
        talk = (*talk, first.text, "More?")
        second, events = ask(small, *talk, overflow="summarise", summary=summary, summarised=told, max_tokens=4)
        assert next(e for e in events if isinstance(e, ContextCut)).left_out == told
        assert not any(isinstance(e, Summarised) for e in events)
        assert second.stats.reused_tokens >= first.stats.prompt_tokens - 1
        larger, events = ask(engine, *talk, overflow="summarise", summary=summary, summarised=told, max_tokens=4)
        assert not any(isinstance(e, ContextCut | Summarised) for e in events)
        whole, _ = ask(engine, *talk, max_tokens=4)
        assert larger.stats.prompt_tokens == whole.stats.prompt_tokens

    def test_a_summary_that_leaves_no_room_is_named_and_not_the_question(self, small: BlockingEngine) -> None:
        with pytest.raises(KnownError) as caught:
            ask(small, "And now?", overflow="summarise", summary="They spoke of water. " * 200, max_tokens=4)
        assert caught.value.details["too_large"] == "summary"
        assert "summary" in caught.value.message
        with pytest.raises(KnownError) as caught:
            ask(small, "And now? " * 400, overflow="summarise", summary="They spoke of water.", max_tokens=4)
        assert "too_large" not in caught.value.details

    def test_the_next_summary_carries_on_the_one_before(self, small: BlockingEngine) -> None:
        talk = (*self.LONG, *self.LONG, "Last?")
        _, events = ask(
            small, *talk, overflow="summarise", summary="Her name is Mary.", summarised=(0, 1, 2, 3), max_tokens=4
        )
        left_out = next(e for e in events if isinstance(e, ContextCut)).left_out
        assert left_out[:4] == (0, 1, 2, 3)
        assert len(left_out) > 4
        assert any(isinstance(e, Summarised) for e in events)

    def test_a_summary_is_made_of_a_text_that_would_not_fit(self, small: BlockingEngine) -> None:
        done, events = ask(small, "word " * 700, "I see.", "And what else?", overflow="summarise", max_tokens=4)
        assert any(isinstance(e, Summarised) for e in events)
        assert done.stats.prompt_tokens <= 512 - 4

    def test_a_summary_can_be_stopped(self, starter: Path) -> None:
        with open_engine(Load(str(starter), n_ctx=512)) as engine:
            request = Generate(
                next(_ids),
                tuple(Message(("user", "assistant")[i % 2], t) for i, t in enumerate((*self.LONG, "Last?"))),  # type: ignore[arg-type]
                GREEDY,
                overflow="summarise",
            )
            for event in engine.generate(request):
                if isinstance(event, ContextCut):
                    engine.client.stop(request.id)
                assert not isinstance(event, Summarised | Text)
            assert isinstance(event, Done)
            assert event.reason == "stopped"

    def test_one_message_that_is_too_long(self, small: BlockingEngine) -> None:
        with pytest.raises(KnownError) as caught:
            ask(small, "word " * 3000, overflow="drop_oldest")
        assert caught.value.kind == "prompt_too_long"
        assert caught.value.details["fits_after_drop"] is False

    def test_the_context_fills_up(self, small: BlockingEngine) -> None:
        small.set_template("plain")
        done, _ = ask(small, "one two three " * 140, max_tokens=None)
        small.set_template("gguf")
        assert done.reason == "context_full"
        assert done.stats.context_used == 512
        ask(small, "Hello", max_tokens=2)


class TestRandomModel:
    """Malformed text must neither stall nor break anything."""

    def test_malformed_bytes_do_not_stall_the_answer(self, babbler: BlockingEngine) -> None:
        done, _ = ask(babbler, "hello", sampling=Sampling(temperature=3.0, seed=1, top_k=0, min_p=0.0), max_tokens=60)
        assert "\ufffd" in done.text

    def test_its_answers_are_reused_too(self, babbler: BlockingEngine) -> None:
        settings = Sampling(temperature=3.0, seed=2, top_k=0, min_p=0.0)
        first, _ = ask(babbler, "hello", sampling=settings, max_tokens=60)
        second, _ = ask(babbler, "hello", first.text, "world", sampling=settings, max_tokens=1)
        known = first.stats.prompt_tokens + first.stats.completion_tokens
        assert second.stats.reused_tokens >= known - 6

    def test_what_is_known_of_it(self, babbler: BlockingEngine) -> None:
        info = babbler.model
        assert (info.name, info.architecture, info.quantization, info.template) == ("Random", "llama", "F32", "belle")
        assert (info.n_ctx, info.n_ctx_train) == (512, 512)

    def test_no_template_means_that_one_must_be_chosen(self, random_model: Path) -> None:
        with open_engine(Load(str(random_model))) as opened:
            assert opened.model.template is None
            with pytest.raises(KnownError) as caught:
                ask(opened, "hello")
            assert caught.value.kind == "no_template"
            assert opened.set_template("plain").template == "plain"
            ask(opened, "hello")


def test_the_models_own_template_may_be_asked_for(starter: Path, random_model: Path) -> None:
    with open_engine(Load(str(starter), n_ctx=512, template="gguf")) as opened:
        assert opened.model.template == "gguf"
    # A model without one is loaded all the same, so that another can be chosen.
    with open_engine(Load(str(random_model), template="gguf")) as opened:
        assert opened.model.template is None
        assert "contains no prompt template" in opened.model.template_problem


def test_the_default_context_is_at_most_the_models_own(starter: Path, random_model: Path) -> None:
    for path, wanted, given in ((starter, 0, 4096), (random_model, 0, 512), (random_model, 100_000, 512)):
        with open_engine(Load(str(path), n_ctx=wanted)) as opened:
            assert opened.model.n_ctx == given


@pytest.mark.parametrize("wanted", [1, 10, 100, 257])
def test_a_context_may_be_of_any_size(random_model: Path, wanted: int) -> None:
    with open_engine(Load(str(random_model), n_ctx=wanted, template="plain")) as opened:
        assert opened.model.n_ctx >= wanted
        for begin in "ab":  # the second time its speed is known, and it is read in larger pieces
            done, _ = ask(opened, begin + "c" * (opened.model.n_ctx - 20), max_tokens=2)
            assert done.stats.prompt_tokens > opened.model.n_ctx - 30


def test_built_in_templates_know_their_stop_strings(engine: BlockingEngine) -> None:
    assert get_template("belle").stop == ("Human:",)
    engine.set_template("plain")
    try:
        done, _ = ask(engine, "Human: Hi\nAssistant: Hello\nHuman: Hi\nAssistant: Hello\n", stop=("Human:",))
    finally:
        engine.set_template("gguf")
    assert done.reason == "stop_string"
    assert "Human:" not in done.text
