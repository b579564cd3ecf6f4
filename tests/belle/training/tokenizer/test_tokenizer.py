"""Tokenizers of real checkpoints, with the same ids in transformers, SentencePiece and llama.cpp."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import pytest

from belle.clients.copies import VOCABULARY_FILES
from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.prompt import Renderer
from belle.engine.llama.model import Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.prompts import TEMPLATES, Message, get_template, template_from_gguf
from belle.prompts.encoding import encode_conversation, encode_prompt
from belle.training.tokenizer.tokenizer import HubVocabulary, has_tokenizer, load_tokenizer
from tests.convert.tokenizers.folders import CORPUS, llama_folder, write_json
from tests.convert.tokenizers.test_ids_transformers import train_byte_level, train_sentencepiece

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TALK = (
    Message("user", "你好，世界！\n今天天气不错"),
    Message("assistant", "The quick brown fox: 3.14159"),
    Message("user", " 中英混排 <|im_end|></s> text"),
    Message("assistant", "好。\n\n1. 一\n2. 二"),
)


@pytest.fixture(scope="module")
def sentencepiece_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentencepiece")
    train_sentencepiece(folder)
    write_json(folder, "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"})
    return folder


@pytest.fixture(scope="module")
def byte_level_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("byte_level")
    train_byte_level(folder, "qwen2")
    return folder


def test_the_first_llama_checkpoints_load(tmp_path: Path) -> None:
    """Their class no longer exists and their special tokens are empty, on which AutoTokenizer recurses endlessly."""
    llama_folder(tmp_path)
    empty = {"tokenizer_class": "LLaMATokenizer", "bos_token": "", "eos_token": "", "unk_token": ""}
    write_json(tmp_path, "tokenizer_config.json", empty)
    write_json(tmp_path, "config.json", {"model_type": "llama", "bos_token_id": 0, "eos_token_id": 1})
    tokenizer = load_tokenizer(tmp_path)
    special = (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert special == (0, 1, 2, 0)


@pytest.mark.parametrize("begins", [None, True, False])
def test_bos_in_front_as_the_configuration_says(tmp_path: Path, begins: bool | None) -> None:
    llama_folder(tmp_path)
    said = {} if begins is None else {"add_bos_token": begins}
    write_json(tmp_path, "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"} | said)
    assert HubVocabulary(load_tokenizer(tmp_path)).adds_bos is (begins is not False)


def byte_level_with(folder: Path, source: Path, **config: Any) -> Path:
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    original = json.loads((source / "tokenizer_config.json").read_text())
    write_json(folder, "tokenizer_config.json", {k: v for k, v in {**original, **config}.items() if v is not None})
    return folder


def test_padding_is_not_the_end_where_there_is_another_token_for_it(byte_level_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    tokenizer = load_tokenizer(byte_level_with(tmp_path, byte_level_folder, pad_token="</s>"), notice=said.append)
    assert tokenizer.pad_token == "<pad>"
    assert len(said) == 1 and "</s>" in said[0]


def test_padding_that_is_missing_is_chosen_quietly(byte_level_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(byte_level_with(tmp_path, byte_level_folder, pad_token=None), notice=pytest.fail)
    assert tokenizer.pad_token == "<pad>"


def test_a_base_model_may_pad_with_its_end_token(tmp_path: Path) -> None:
    from tests.convert.checkpoints import byte_tokenizer

    byte_tokenizer(tmp_path, 300)
    write_json(tmp_path, "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "pad_token": "<|end|>",
    })  # fmt: skip
    tokenizer = load_tokenizer(tmp_path, notice=pytest.fail)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnownError) as caught:
        load_tokenizer(tmp_path)
    assert caught.value.kind == "no_tokenizer"
    assert str(tmp_path) in caught.value.message


def test_a_tokenizer_without_an_end_is_refused(byte_level_folder: Path, tmp_path: Path) -> None:
    folder = byte_level_with(tmp_path, byte_level_folder, eos_token=None)
    with pytest.raises(KnownError) as caught:
        load_tokenizer(folder)
    assert caught.value.kind == "no_end_token"


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(KnownError) as caught:
        load_tokenizer(tmp_path)
    assert caught.value.kind == "damaged_tokenizer"


def test_ids_are_those_of_sentencepiece(sentencepiece_folder: Path) -> None:
    import sentencepiece

    library = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_folder / "tokenizer.model"))
    vocabulary = HubVocabulary(load_tokenizer(sentencepiece_folder))
    texts = [*CORPUS.splitlines(keepends=True), CORPUS, " hello", "   x", "\n", "", " ", "</s><s>x", "a</s>"]
    assert [vocabulary.tokenize(text) for text in texts] == [library.encode(text) for text in texts]


def test_text_that_goes_on_gets_no_space(sentencepiece_folder: Path, byte_level_folder: Path) -> None:
    vocabulary = HubVocabulary(load_tokenizer(sentencepiece_folder))
    begun = vocabulary.tokenize("The")
    assert vocabulary.text([*begun, *vocabulary.tokenize_after("the fox")]) == "Thethe fox"
    assert vocabulary.text([*begun, *vocabulary.tokenize_after(" fox")]) == "The fox"
    plain = HubVocabulary(load_tokenizer(byte_level_folder))
    assert plain.tokenize_after("the fox") == plain.tokenize("the fox")


def test_control_tokens_are_parsed_only_where_they_are_wanted(byte_level_folder: Path) -> None:
    tokenizer = load_tokenizer(byte_level_folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    vocabulary = HubVocabulary(tokenizer)
    text = "<|im_start|>user\n你好<|im_end|>"
    control = set(tokenizer.all_special_ids)
    assert not control & set(vocabulary.encode(text))
    assert vocabulary.text(vocabulary.encode(text)) == text
    parsed = vocabulary.encode(text, parse_special=True)
    assert parsed == tokenizer.encode(text, add_special_tokens=False)
    assert parsed[0] in control and parsed[-1] in control


def test_a_vocabulary_travels_to_another_process(sentencepiece_folder: Path) -> None:
    vocabulary = HubVocabulary(load_tokenizer(sentencepiece_folder))
    copy = pickle.loads(pickle.dumps(vocabulary))
    assert copy.tokenize("你好 </s>") == vocabulary.tokenize("你好 </s>")


@pytest.mark.parametrize("template", ["belle", "belle-llama2", "belle-v0", "belle-bloom", "belle-ext", "chatml"])
def test_transformers_makes_the_same_prompt_of_the_chat_template(byte_level_folder: Path, template: str) -> None:
    """With the template that is written into checkpoints and GGUF files."""
    from convert.tokenizers.templates import CHAT_TEMPLATES

    written = CHATML if template == "chatml" else CHAT_TEMPLATES[template]
    tokenizer = load_tokenizer(byte_level_folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    messages = [{"role": "user", "content": "你好，世界！"}]
    text = tokenizer.apply_chat_template(messages, chat_template=written, add_generation_prompt=True, tokenize=False)
    theirs = tokenizer.encode(text, add_special_tokens=False)
    ours = encode_prompt(HubVocabulary(tokenizer), get_template(template), (Message("user", "你好，世界！"),))
    assert ours == ([tokenizer.bos_token_id] if ours[0] == tokenizer.bos_token_id != theirs[0] else []) + theirs


@pytest.fixture(scope="module", params=["sentencepiece", "byte_level"])
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A vocabulary as training sees it, and that of the GGUF made of the same checkpoint."""
    from convert.pipeline import convert
    from convert.plan.options import ConvertOptions
    from tests.convert.checkpoints import llama_shapes, write_safetensors

    source: Path = request.getfixturevalue(f"{request.param}_folder")
    folder = tmp_path_factory.mktemp("checkpoint")
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    vocabulary = HubVocabulary(load_tokenizer(folder))
    sizes = {"width": 64, "ffn": 128, "layers": 1, "vocabulary": vocabulary.size}
    write_safetensors(folder / "model.safetensors", llama_shapes(**sizes, kv_width=64))
    write_json(folder, "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": vocabulary.size,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "torch_dtype": "float16",
        "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
    })  # fmt: skip
    path = folder / "model.gguf"
    convert(folder, path, ConvertOptions(types=("f16",)))
    log = NativeLog()
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(path).encode(), params)
    assert model, log.errors()
    yield vocabulary, Vocabulary(llama.llama_model_get_vocab(model)), path
    llama.llama_model_free(model)


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_training_puts_before_an_answer_is_what_llama_cpp_gets(converted: Any, template: str) -> None:
    """The converted GGUF, chatting with the template that the checkpoint was trained with."""
    vocabulary, theirs, _ = converted
    for count in (1, 3):
        whole = encode_conversation(vocabulary, get_template(template), TALK[: count + 1])
        assert whole is not None
        chat = Renderer(theirs, get_template(template), AnswerTokens(theirs.piece)).prompt(TALK[:count])
        assert whole.ids[: len(chat)] == chat
        assert not any(whole.trained[len(chat) - 1 : len(chat)]) and whole.trained[len(chat)]


@pytest.mark.parametrize("template", ["belle", "belle-v0", "belle-ext"])
def test_the_template_in_the_gguf_makes_the_same_prompt(converted: Any, template: str, tmp_path: Path) -> None:
    from convert.pipeline import convert
    from convert.plan.options import ConvertOptions

    vocabulary, theirs, path = converted
    convert(path.parent, tmp_path / "model.gguf", ConvertOptions(types=("f16",), template=template))
    source = read_header(tmp_path / "model.gguf").chat_template
    own = template_from_gguf(source, bos_token=theirs.text(theirs.bos), eos_token=theirs.text(theirs.eos))
    own = replace(own, add_bos=get_template(template).add_bos)  # as the file says
    chat = Renderer(theirs, own, AnswerTokens(theirs.piece)).prompt(TALK[:1])
    assert encode_prompt(vocabulary, get_template(template), TALK[:1]) == chat


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        *((name, True) for name in VOCABULARY_FILES),
        ("tokenizer_config.json", False),
        ("special_tokens_map.json", False),
        ("merges.txt", False),
        ("adapter_config.json", False),
    ],
)
def test_a_folder_has_a_tokenizer_where_a_vocabulary_is(tmp_path: Path, name: str, holds: bool) -> None:
    (tmp_path / name).touch()
    assert has_tokenizer(tmp_path) is holds
