"""A smaller model of the same vocabulary guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.cli.messages import say
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.commands import Sampling
from belle.errors import KnownError
from tests.belle.engine.answer.speculation.conftest import Loaded
from tests.belle.engine.tiny_gguf import write_random_model

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
QUESTION = "Why is the sky blue?"


def test_a_draft_model_changes_no_word(starter: Path, native_log: NativeLog, guessing: Loaded, plain: Loaded) -> None:
    drafting = Loaded(native_log, starter, draft=str(starter))
    try:
        for sampling in (GREEDY, Sampling(temperature=0.9, seed=3)):
            ours = drafting.ask(QUESTION, sampling=sampling, max_tokens=32)
            assert ours.text == plain.ask(QUESTION, sampling=sampling, max_tokens=32).text
            assert ours.stats.drafted_tokens > 0
        # It is the same model: but for ties it guesses what the other one takes.
        assert drafting.ask(QUESTION, sampling=GREEDY, max_tokens=32).stats.accepted_tokens > 20
    finally:
        drafting.model.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"control": ["<a>"]}, "its vocabulary has 275 tokens, not 274"),
        ({"words": "x"}, "its token 273 is “x”, not “b”"),
    ],
)
def test_another_vocabulary_is_refused_in_words(
    change: dict[str, object], words: str, tmp_path: Path, native_log: NativeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, draft = tmp_path / "target.gguf", tmp_path / "draft.gguf"
    write_random_model(target)
    if other := change.pop("words", None):
        from tests.belle.engine import tiny_gguf

        monkeypatch.setattr(tiny_gguf, "SPM_WORDS", [*tiny_gguf.SPM_WORDS[:-1], other])
    write_random_model(draft, **change)  # type: ignore[arg-type]
    with pytest.raises(KnownError) as caught:
        Loaded(native_log, target, draft=str(draft))
    assert caught.value.kind == "draft_mismatch"
    assert words in caught.value.message
    assert draft.name in caught.value.message


def test_a_draft_model_that_does_not_exist_is_an_error(starter: Path, native_log: NativeLog, tmp_path: Path) -> None:
    with pytest.raises(KnownError):
        Loaded(native_log, starter, draft=str(tmp_path / "none.gguf"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"speculation": False}, "draft_off"),
        ({"flash_attention": "on"}, "draft_attention"),
        ({"kv_type": "q8_0"}, "draft_attention"),
        ({"parallel": 2}, "draft_shared"),
    ],
)
def test_a_draft_model_that_cannot_be_used_is_said(
    options: dict[str, object], reason: str, starter: Path, native_log: NativeLog
) -> None:
    loaded = Loaded(native_log, starter, draft=str(starter), n_ctx=256, **options)
    (fallback,) = loaded.model.info.fallbacks
    loaded.model.close()
    assert (fallback.setting, fallback.asked, fallback.taken) == ("draft", starter.name, "none")
    assert fallback.reason == reason
    assert say(f"fallback_{reason}") == fallback.message
