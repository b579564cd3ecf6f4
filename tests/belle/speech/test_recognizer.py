"""How much of the encoder is computed for a clip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from belle.speech.recognizer import audio_context


@given(st.floats(0.01, 30))
def test_the_encoder_always_covers_the_clip_with_a_margin(seconds: float) -> None:
    positions = audio_context(seconds, 1500)
    assert positions == 0 or (positions >= 50 * seconds + 200 and 768 <= positions < 1500 and positions % 256 == 0)


def test_long_clips_get_what_whisper_was_trained_with_and_short_ones_half() -> None:
    assert [audio_context(seconds, 1500) for seconds in (0.5, 5, 10, 15, 25, 30)] == [768, 768, 768, 1024, 0, 0]
