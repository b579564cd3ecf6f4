"""A picture changes what the starter says next just as it does in transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.prompt import Renderer
from belle.engine.answer.template_list import own_template
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Logprobs
from belle.gguf.reader import read_header
from belle.prompts import Message, PictureRef
from tests.support.mmproj import IMAGE_SIZE, N_PICTURE_TOKENS, seen_by, vision_tower, write_mmproj

# Between llama.cpp with Q4_1 kernels and transformers with the same weights as fp32, of the 20 likeliest tokens. It is
# the same for text alone.
LARGEST_DIFFERENCE = 0.3
SCALE = 0.3


def question(picture: Path | None) -> Message:
    return Message("user", "What is in it?", pictures=(PictureRef(str(picture)),) if picture else ())


def prompt_tokens(starter: Path, message: Message, log: NativeLog) -> list[int]:
    """The tokens of the prompt, with -1 in the places of the picture."""
    model = Model(starter, n_gpu_layers=0, log=log, on_progress=lambda _: True, vocabulary_only=True)
    try:
        vocabulary = model.vocabulary
        template = own_template(vocabulary, read_header(starter).chat_template)
        return Renderer(vocabulary, template, AnswerTokens(vocabulary.piece), lambda _: [-1] * N_PICTURE_TOKENS).prompt(
            [message]
        )
    finally:
        model.close()


@pytest.mark.slow
def test_log_probabilities_after_a_picture_agree_with_transformers(
    starter: Path, native_log: NativeLog, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pixels = np.random.default_rng(3).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    picture = tmp_path / "noise.png"
    Image.fromarray(pixels).save(picture)
    tower, n_embd = vision_tower(), read_header(starter).n_embd
    mmproj = write_mmproj(tmp_path / "mmproj.gguf", n_embd, scale=SCALE, state=tower.state_dict())
    language = transformers.AutoModelForCausalLM.from_pretrained(
        starter.parent, gguf_file=starter.name, dtype=torch.float32
    )

    def expected(message: Message) -> NDArray[np.float32]:
        """Log probabilities of the next token `[n_vocab]`, with the picture's embeddings in place of its tokens."""
        ids = torch.tensor(prompt_tokens(starter, message, native_log))
        with torch.no_grad():
            embedded = language.get_input_embeddings()(ids.clamp(min=0))
            if message.pictures:
                embedded[ids < 0] = seen_by(tower, pixels, n_embd, SCALE)
            logits = language(inputs_embeds=embedded[None]).logits[0, -1]
        return torch.log_softmax(logits, -1).numpy()  # type: ignore[no-any-return]

    with open_engine(Load(str(starter), n_ctx=512, threads=1, mmproj=str(mmproj))) as engine:
        for message in (question(None), question(picture)):
            request = Generate(1, (message,), Sampling(temperature=0.0), max_tokens=1, logprobs=20)
            (told,) = (event for event in engine.generate(request) if isinstance(event, Logprobs))
            theirs = expected(message)
            ours = {token: logprob for token, _, logprob in told.tokens[0].top}
            differences = [abs(logprob - theirs[token]) for token, logprob in ours.items()]
            assert max(differences) < LARGEST_DIFFERENCE
    blind, seeing = expected(question(None)), expected(question(picture))
    assert np.abs(seeing - blind)[list(ours)].max() > 2 * LARGEST_DIFFERENCE  # so it was looked at
