"""How differently two Whispers predict a transcript: the real library, and files that this project converts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.evaluation.speech.predictions import ClipsToPredict, measure_predictions
from belle.evaluation.speech.transcripts import Clip, clips_digest
from belle.speech import library
from belle.speech.transcript_divergence import divergence_of, transcript_divergence
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from tests.belle.speech.conftest import write_recording
from tests.belle.speech.speaking_model import ENGLISH, write_model
from tests.convert.whisper import tiny

needs_library = pytest.mark.skipif(not library.is_installed(), reason="needs pywhispercpp (the extra “voice”)")


def test_the_divergence_is_that_of_two_distributions() -> None:
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.6, 0.3])
    logits = np.log(np.stack([p, q])).astype(np.float32)
    found = divergence_of(logits, np.log(np.stack([q, q])).astype(np.float32) + 5)
    assert (found.tokens, found.same_first) == (2, 1)
    assert found.divergence == pytest.approx(float((p * np.log(p / q)).sum()), rel=1e-5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whisper")
    checkpoint = tiny.save(folder / "checkpoint", tiny.random_model())
    types = ("f16", "q8_0", "q4_0")
    report = convert(checkpoint, folder / "{type}.bin", ConvertOptions(types=types))
    return {name: file.path for name, file in zip(types, report.files, strict=True)}


@needs_library
def test_fewer_bits_predict_more_differently_and_an_interrupted_run_goes_on(
    files: dict[str, Path], tmp_path: Path
) -> None:
    clips = []
    for name, seconds in (("a", 1), ("b", 2), ("long", 31)):
        audio = write_recording(tmp_path / f"{name}.wav", 0.2, seconds)
        clips.append(Clip(name, audio, f"hello {name}"))
    wanted = ClipsToPredict(clips, clips_digest(clips), "en")
    found = {}
    for name, file in files.items():
        result = measure_predictions(
            (files["f16"], file), wanted, tmp_path / f"{name}.jsonl", print, threads=1, resume=False
        )
        assert result is not None
        found[name] = result
    assert found["f16"].divergence.value == 0
    assert found["f16"].same_first.value == 1
    assert 0 < found["q8_0"].divergence.value < found["q4_0"].divergence.value
    assert found["q4_0"].n_clips == 2, "what Whisper does not hear at once is left out"

    kept = (tmp_path / "q4_0.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "q4_0.jsonl").write_text("".join(kept[:2]), encoding="utf-8")
    asked: list[int] = []
    again = measure_predictions(
        (files["f16"], files["q4_0"]),
        wanted,
        tmp_path / "q4_0.jsonl",
        lambda _model, done, _total, _left: asked.append(done),
        threads=1,
        resume=True,
    )
    assert again == found["q4_0"]
    assert asked == [1]


@needs_library
def test_models_with_other_tokens_and_unknown_languages_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    audio = write_recording(tmp_path / "a.wav", 0.2, 1)
    english = write_model(tmp_path / "en.bin", [" Hi"], vocabulary=ENGLISH)
    with pytest.raises(KnownError) as raised:
        transcript_divergence(files["f16"], english, audio, "hi", "en", threads=1)
    assert raised.value.kind == "other_vocabulary"
    with pytest.raises(KnownError) as raised:
        transcript_divergence(files["f16"], files["f16"], audio, "hi", "klingon", threads=1)
    assert raised.value.kind == "unknown_language"


@needs_library
def test_a_transcript_of_any_length_is_cut_to_what_the_decoder_holds(files: dict[str, Path], tmp_path: Path) -> None:
    audio = write_recording(tmp_path / "a.wav", 0.2, 1)
    found = transcript_divergence(files["f16"], files["f16"], audio, "数" * 900, "zh", threads=1)
    assert found.tokens == 448 - 4 + 1
    assert transcript_divergence(files["f16"], files["f16"], audio, "", "zh", threads=1).tokens == 1
