"""A LLaVA checkpoint that answers questions about pictures, as it was trained to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from belle.clients.copies import model_here
from belle.errors import KnownError
from belle.pretrained import load_pretrained
from belle.prompts import Message
from belle.prompts.encoding import encode_prompt
from belle.training.cluster.processes import this_process
from belle.training.engines.precision import choose_precision
from belle.training.export.checkpoint_answerer import content_digest
from belle.training.model.answer import answer_text, end_tokens
from belle.training.model.options import ModelOptions
from belle.training.model.vision import SEEING, picture_format, sees_already
from belle.training.recipe.vision_options import VisionOptions
from belle.training.samples.picture_text import PicturePlaceholder, PictureVocabulary, with_mark
from belle.training.samples.pictures import read_picture
from belle.training.tokenizer.picture_token import picture_token_of
from belle.training.tokenizer.templates import template_to_answer_in
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer


class SeeingCheckpoint:
    """Answers with the likeliest tokens. A `PictureAnswerer` of `belle eval mme`.

    Args:
        model: the folder of a LLaVA.
        name: for tables and files.
        max_tokens: of an answer.
        template: an id of `belle.prompts`; None: the one that the model was trained with.

    Raises KnownError: `model_blind`, and those of loading.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str,
        max_tokens: int,
        template: str | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        options = ModelOptions(model=model)
        if not sees_already(options):
            message = f"{model} does not take pictures: it is not a LLaVA."
            raise KnownError("model_blind", message, "Train one with a recipe of stage: vl_instruct.", model=model)
        folder = model_here(model, say=say)
        self.name = name
        self._max_tokens = max_tokens
        self._format = picture_format(options, VisionOptions())
        self._tokenizer = load_tokenizer(folder, notice=say)
        self._template = template_to_answer_in(template, self._tokenizer, model)
        placeholder = PicturePlaceholder(picture_token_of(self._tokenizer), self._format.patches)
        self._vocabulary = PictureVocabulary(HubVocabulary(self._tokenizer), placeholder)
        device = this_process().device
        dtype = choose_precision("auto", device).compute_dtype
        self._model = load_pretrained(SEEING.loader, folder, dtype=dtype).eval().to(device)
        self._ends = end_tokens(self._tokenizer, self._template.stop)
        self.identity: Mapping[str, Any] = {
            "model": content_digest(Path(folder)),
            "template": self._template.id,
            "max_tokens": max_tokens,
        }

    def answer(self, picture: Path, question: str) -> str:
        """The likeliest answer to a question about the picture in that file. Raises KnownError."""
        import torch
        from transformers import GenerationConfig

        ids = encode_prompt(self._vocabulary, self._template, with_mark([Message("user", question)]))
        pixels = torch.from_numpy(read_picture(picture, self._format))[None]  # [1, 3, size, size]
        prompt = torch.tensor([ids], device=self._model.device)  # [1, length]
        with torch.no_grad():
            written = self._model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                pixel_values=pixels.to(self._model.device, self._model.dtype),
                generation_config=GenerationConfig(
                    max_new_tokens=self._max_tokens,
                    do_sample=False,
                    eos_token_id=list(self._ends),
                    pad_token_id=self._tokenizer.pad_token_id,
                ),
            )
        new = [token for token in written[0, len(ids) :].tolist() if token not in self._ends]
        return str(answer_text(self._tokenizer, self._template, new))
