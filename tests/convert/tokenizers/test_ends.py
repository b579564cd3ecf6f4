"""Ends of an answer: llama.cpp stops at every token that any file names, and at what the chat template writes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from belle.errors import KnownError
from belle.gguf.writer import serialize
from convert.metadata import text
from convert.tokenizers import Tokenizer, check_templates, read_tokenizer
from tests.convert.tokenizers.folders import byte_level_folder, byte_level_json, write_json

N_BYTES = len(byte_level_json()["model"]["vocab"])
STOP, HALT, OVER = "<stop>", "<halt>", "<over>"
IDS = {"<s>": 1, "</s>": 2, STOP: N_BYTES, HALT: N_BYTES + 1, OVER: N_BYTES + 2, "<|im_end|>": N_BYTES + 3}
TEMPLATE = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}END\n{% endfor %}"


def tokenizer(folder: Path, config: dict[str, Any] | None = None, **files: Any) -> Tokenizer:
    added = [*byte_level_json()["added_tokens"]]
    added += [{"id": index, "content": token, "special": True} for token, index in IDS.items() if index >= N_BYTES]
    given = {"tokenizer_config": {"eos_token": "</s>", "bos_token": "<s>"}, **files}
    checkpoint = byte_level_folder(folder, byte_level_json(added_tokens=added), **given)
    checkpoint.config = config or {}
    return read_tokenizer(checkpoint, N_BYTES + 4)


def stops_at(made: Tokenizer, folder: Path) -> set[str]:
    """The tokens of `IDS` that end an answer in llama.cpp."""
    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
    path = folder / "vocabulary.gguf"
    path.write_bytes(serialize([text("general.architecture", "llama"), *made.metadata()], []))
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    found = {token for token, index in IDS.items() if llama_cpp.llama_vocab_is_eog(vocabulary, index)}
    llama_cpp.llama_model_free(model)
    return found - {"<|im_end|>"}  # which it knows by its text


def config_with(token: str) -> dict[str, Any]:
    return {"eos_token": "</s>", "bos_token": "<s>", "chat_template": TEMPLATE.replace("END", token)}


@pytest.mark.parametrize(("given", "ends"), [
    ({}, {"</s>"}),
    ({"generation_config": {"eos_token_id": IDS[STOP]}}, {"</s>", STOP}),
    ({"generation_config": {"eos_token_id": [2, IDS[STOP], IDS[HALT]]}}, {"</s>", STOP, HALT}),
    ({"generation_config": {"eos_token_id": [IDS["<|im_end|>"], IDS[STOP]]}}, {"</s>", STOP}),
    ({"config": {"eos_token_id": IDS[STOP]}}, {"</s>", STOP}),
    ({"config": {"eos_token_id": [IDS[STOP], 2]}}, {"</s>", STOP}),
    ({"config": {"eos_token_id": 10}}, {"</s>"}),  # a letter
    ({"config": {"eos_token_id": 1}, "generation_config": {"eos_token_id": 1}}, {"</s>"}),  # as of the first LLaMA
    ({"config": {"eos_token_id": 0}, "generation_config": {"eos_token_id": 0}}, {"</s>"}),
    ({"generation_config": {"eos_token_id": 10**6}}, {"</s>"}),
    ({"generation_config": {"eos_token_id": True}}, {"</s>"}),
    ({"special_tokens_map": {"eos_token": {"content": STOP}}}, {"</s>", STOP}),
    ({"tokenizer_config": config_with(STOP)}, {"</s>", STOP}),
    ({"tokenizer_config": config_with("</s>")}, {"</s>"}),
    ({"tokenizer_config": config_with("")}, {"</s>"}),
    ({"tokenizer_config": config_with("{% bad")}, {"</s>"}),
    ({"tokenizer_config": config_with(STOP), "generation_config": {"eos_token_id": IDS[HALT]}}, {"</s>", STOP, HALT}),
])  # fmt: skip
def test_llama_cpp_stops_at_every_end_that_is_named(given: dict[str, Any], ends: set[str], tmp_path: Path) -> None:
    assert stops_at(tokenizer(tmp_path, **given), tmp_path) == ends


def test_more_ends_than_llama_cpp_has_room_for_are_told_and_the_templates_comes_first(tmp_path: Path) -> None:
    stated = {"eos_token_id": [IDS[STOP], IDS[HALT], IDS[OVER]]}
    made = tokenizer(tmp_path, generation_config=stated, tokenizer_config=config_with(OVER))
    assert stops_at(made, tmp_path) == {"</s>", OVER, STOP}
    assert any(HALT in note and "no room" in note for note in made.notes)


def test_a_template_that_ends_answers_with_what_is_not_a_token_is_reported(tmp_path: Path) -> None:
    made = tokenizer(tmp_path, tokenizer_config=config_with("<|eot_id|>"))
    assert any("<|eot_id|>" in note and "may not stop" in note for note in made.notes)


class TestTemplates:
    @pytest.mark.parametrize("source", ["{% if x %}", "{{ x", "{% endfor %}", "{% for m in %}x{% endfor %}"])
    def test_one_that_does_not_parse_is_refused(self, source: str) -> None:
        with pytest.raises(KnownError) as caught:
            check_templates({"default": "{{ messages }}", "tool_use": source}, [])
        assert caught.value.kind == "template_error"
        assert "“tool_use” does not parse: line 1" in caught.value.message
        assert "--template none" in caught.value.advice

    def test_one_that_parses_and_does_not_work_is_reported(self) -> None:
        notes: list[str] = []
        check_templates({"default": "{{ messages[7].content.shout() }}"}, notes)
        assert "does not work here" in notes[0]

    @pytest.mark.parametrize("source", [
        "{{ raise_exception('a system message is needed') }}",
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
        TEMPLATE,
    ])  # fmt: skip
    def test_one_that_works_or_refuses_by_itself_is_nothing_to_talk_about(self, source: str) -> None:
        notes: list[str] = []
        check_templates({"default": source}, notes)
        assert notes == []

    def test_the_whole_way(self, tmp_path: Path) -> None:
        from convert.pipeline import plan_conversion
        from convert.plan.options import ConvertOptions
        from tests.convert.checkpoints import END, llama_checkpoint

        llama_checkpoint(tmp_path, width=64, ffn=96, layers=1, heads=4, kv_heads=4)
        write_json(tmp_path, "tokenizer_config.json", {
            "tokenizer_class": "GPT2TokenizerFast", "eos_token": END, "chat_template": "{% if x %}",
        })  # fmt: skip
        with pytest.raises(KnownError) as caught:
            plan_conversion(tmp_path, tmp_path / "model.gguf")
        assert caught.value.kind == "template_error"
        plan_conversion(tmp_path, tmp_path / "model.gguf", ConvertOptions(template="none"))
