"""Which models the menu offers for chatting, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.models.registry import register
from desktop.chat.library import ModelLibrary
from desktop.library.entries import library_entries
from desktop.library.fit import Machine
from desktop.model_settings import LoadSettings
from desktop.settings import Settings
from desktop.ui.library.line import ModelLine
from desktop.ui.library.words import description
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.embedding_model import write_embedding_model


@pytest.fixture
def embedding_model(tmp_path: Path) -> Path:
    path = write_embedding_model(tmp_path / "bge.gguf", [["a"]])
    register("bge", path, title="BGE")
    return path


def test_an_embedding_model_is_not_offered_for_chatting_and_refused(embedding_model: Path, tmp_path: Path) -> None:
    chats = tmp_path / "chats.gguf"
    write_random_model(chats)
    register("mine", chats)
    library = ModelLibrary(Settings())
    assert [choice.ref for choice in library.choices() if choice.group == "file"] == [str(chats)]
    with pytest.raises(KnownError) as caught:
        library.resolve(str(embedding_model))
    assert caught.value.kind == "embedding_model" and caught.value.advice


def test_the_library_says_what_an_embedding_model_is_for(qtbot: object, embedding_model: Path) -> None:
    (entry,) = (one for one in library_entries(lambda _: LoadSettings(4096), Machine.now()) if one.name == "bge")
    assert entry.makes_embeddings and entry.fit is None
    assert "passages" in description(entry)
    line = ModelLine(entry)
    line.show_entry(entry, None, current=False)
    assert "use" not in line._possible() and "delete" in line._possible()
