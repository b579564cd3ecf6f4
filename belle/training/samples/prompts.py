"""The questions that PPO lets the model answer: read, encoded, and taken in an order that can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from belle.data.read import read_rows
from belle.errors import KnownError
from belle.prompts import Message, PromptTemplate
from belle.prompts.encoding import encode_prompt
from belle.training.samples.encode import refusal_of
from belle.training.samples.prepare import fingerprint
from belle.training.samples.store import Counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from belle.training.recipe.options import DataFile
    from belle.training.tokenizer.tokenizer import HubVocabulary


class PromptSet:
    """Encoded prompts, each up to and with what makes the model answer.

    Args:
        ids: of all prompts, one after the other.
        ends: where each ends.
        inputs: fingerprints of the files, for the checkpoint.
        seed: of the order.
    """

    def __init__(
        self, ids: NDArray[np.int32], ends: NDArray[np.int64], inputs: Sequence[dict[str, Any]], seed: int
    ) -> None:
        self._ids = ids
        self._bounds = [0, *ends.tolist()]
        self._seed = seed
        self.inputs = list(inputs)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, number: int) -> NDArray[np.int32]:
        start, end = self._bounds[number : number + 2]
        return self._ids[start:end]

    def take(self, epoch: int, index: int, count: int) -> tuple[list[int], int, int]:
        """The numbers of the next `count` prompts from a position on, and the position behind them.

        Every epoch has all prompts, in an order of its own; a batch may reach over its end.
        """
        import numpy as np

        numbers: list[int] = []
        while len(numbers) < count:
            order = np.random.Generator(np.random.PCG64([self._seed, epoch])).permutation(len(self))
            part = order[index : index + count - len(numbers)].tolist()
            numbers += part
            index += len(part)
            if index == len(self):
                epoch, index = epoch + 1, 0
        return numbers, epoch, index


def read_prompts(
    files: Sequence[DataFile],
    vocabulary: HubVocabulary,
    template: PromptTemplate,
    *,
    max_length: int,
    seed: int,
    say: Callable[[str], None],
) -> PromptSet:
    """The prompts of `files`: conversations, each up to its last question, as often as the file's weight says.

    Args:
        max_length: longer prompts, in tokens, are left out and counted.

    Raises KnownError: those of `belle.data.read.read_rows`; `no_samples` when nothing is left.
    """
    import numpy as np

    parts: list[list[int]] = []
    counts = Counts()
    for file in files:
        prompts_of_file: list[list[int]] = []
        for row in read_rows(file.path, "conversation", file.format):
            counts.rows += 1
            ids = prompt_of(row.messages, vocabulary, template, max_length=max_length)
            if isinstance(ids, str):
                counts.drop(ids)
            else:
                prompts_of_file.append(ids)
        counts.samples += len(prompts_of_file)
        whole = int(file.weight)
        rest = round((file.weight - whole) * len(prompts_of_file))
        parts += prompts_of_file * whole + prompts_of_file[:rest]
    say("; ".join([f"data: {counts.samples:,} prompts of {counts.rows:,} rows", *counts.dropped_in_words]))
    if not parts:
        raise KnownError(
            "no_samples",
            f"Of {counts.rows:,} rows in {', '.join(str(f.path) for f in files)} none is a prompt:"
            f" {'; '.join(counts.dropped_in_words) or 'there are none'}.",
            "Look at the data with “belle data check”; what is too long needs a higher max_length, or a lower"
            " ppo.max_new_tokens.",
        )
    flat = np.fromiter((token for ids in parts for token in ids), np.int32)
    ends = np.cumsum([len(ids) for ids in parts], dtype=np.int64)
    return PromptSet(flat, ends, [fingerprint(file) for file in files], seed)


def prompt_of(
    messages: Sequence[Message], vocabulary: HubVocabulary, template: PromptTemplate, *, max_length: int | None = None
) -> list[int] | str:
    """The tokens of a conversation up to its last question and the header of the answer.

    Returns why there are none, in a few words, for a conversation that cannot be used. Raises
    KnownError("template_error") for a template that does not work.
    """
    asked = _up_to_question(messages)
    try:
        ids = encode_prompt(vocabulary, template, asked) if asked else []
    except KnownError as error:
        return refusal_of(error)
    if max_length is not None and len(ids) > max_length:
        return f"longer than {max_length:,} tokens"
    return ids or "nothing is asked"


def _up_to_question(messages: Sequence[Message]) -> Sequence[Message]:
    """Without the answers at the end; nothing when nobody asks anything."""
    end = next((i for i in range(len(messages), 0, -1) if messages[i - 1].role == "user"), 0)
    return messages[:end]
