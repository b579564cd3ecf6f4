"""Which templates a model can be talked to with: the file's own, and those whose tokens its vocabulary has."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.engine.process.commands import Generate, ListTemplates, Load, Sampling
from belle.engine.process.events import Done, Ready, TemplateList, TemplateOption, Text
from belle.prompts import TEMPLATES, Message
from tests.belle.engine.conftest import Recorder
from tests.belle.engine.tiny_gguf import write_random_model

TALK = (Message("system", "a"), Message("user", "hello"), Message("assistant", "Yes"), Message("user", "b"))
OWN = "{{ bos_token }}{% for m in messages %}({{ m.role }}){{ m.content }}{% endfor %}"


def listed(recorder: Recorder, path: Path, request_id: int = 1) -> dict[str, TemplateOption]:
    recorder.client.load(Load(str(path)))
    recorder.wait_for(Ready)
    recorder.client.list_templates(ListTemplates(request_id, TALK))
    return {option.id: option for option in recorder.wait_for(TemplateList).options}


def suggested(options: dict[str, TemplateOption]) -> list[str]:
    return [option.id for option in options.values() if option.suggested]


def model(folder: Path, **options: object) -> Path:
    path = folder / "model.gguf"
    write_random_model(path, **options)
    return path


@pytest.mark.parametrize(
    ("control", "fits"),
    [
        (["<start_of_turn>", "<end_of_turn>"], "gemma"),
        (["<|im_start|>", "<|im_end|>"], "chatml"),
        (["<|im_start|>", "<|im_sep|>", "<|im_end|>"], "phi-4"),
        (["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], "llama-3"),
        (["<|user|>", "<|assistant|>", "<|end|>", "<|system|>"], "phi-3"),
        (["<｜User｜>", "<｜Assistant｜>"], "deepseek"),
        (["[INST]", "[/INST]"], "mistral-v3"),
        (["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"], "mistral-v7"),
    ],
)
def test_the_vocabulary_tells_the_family(recorder: Recorder, tmp_path: Path, control: list[str], fits: str) -> None:
    options = listed(recorder, model(tmp_path, control=control))
    assert list(options) == list(TEMPLATES)
    assert suggested(options) == [fits]
    assert options[fits].missing == ()
    lacking = {name for name, option in options.items() if option.missing}
    assert lacking == {t.id for t in TEMPLATES.values() if not set(t.needs) <= set(control)}


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("vicuna-7b-v1.5", ["vicuna"]),
        ("BELLE-LLaMA-EXT-13B", ["belle-ext"]),
        ("Llama-2-7b-chat", ["llama-2"]),
        ("Mistral-7B-Instruct-v0.2", ["mistral"]),
        ("something else", []),
    ],
)
def test_where_the_vocabulary_does_not_the_name_does(
    recorder: Recorder, tmp_path: Path, name: str, fits: list[str]
) -> None:
    assert suggested(listed(recorder, model(tmp_path, name=name))) == fits


def test_each_is_shown_as_the_model_would_read_it(recorder: Recorder, tmp_path: Path) -> None:
    options = listed(recorder, model(tmp_path, template=OWN))
    assert next(iter(options)) == "gguf"
    assert suggested(options) == ["gguf"]
    assert options["gguf"].text == "<s>(system)a(user)hello(assistant)Yes(user)b"
    assert options["llama-2"].text == "<s>[INST] <<SYS>>\na\n<</SYS>>\n\nhello [/INST] Yes </s><s>[INST] b [/INST]"
    assert options["belle"].text == "Human: \na\n\nhello\n\nAssistant: \nYes</s>Human: \nb\n\nAssistant: \n"
    assert options["plain"].text == "<s>a\n\nhelloYesb"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for %}", "damaged: line 1"),
        ("{{ raise_exception('never') }}", "refuses this conversation: never"),
        (
            "{% if messages|length > 2 %}{{ raise_exception('too many') }}{% endif %}{{ messages[0].content }}",
            "too many",
        ),
    ],
)
def test_a_template_that_does_not_work_is_listed_with_the_reason(
    recorder: Recorder, tmp_path: Path, source: str, why: str
) -> None:
    options = listed(recorder, model(tmp_path, template=source, control=["<|im_start|>", "<|im_end|>"]))
    assert why in options["gguf"].problem
    assert suggested(options) == ["chatml"]


def test_they_are_listed_while_an_answer_is_being_made(recorder: Recorder, starter: Path) -> None:
    listed(recorder, starter)
    question = (Message("user", "List the names of fifty animals, one in each line."),)
    recorder.client.generate(Generate(2, question, Sampling(temperature=0.0)))
    recorder.wait_for(Text)
    recorder.client.list_templates(ListTemplates(3, TALK))
    recorder.wait_for(TemplateList)
    assert not recorder.of_kind(Done)
    recorder.client.stop(2)
    recorder.wait_for(Done)


@pytest.mark.parametrize(
    "source", ["{# #}", "{{ bos_token }}", "{% for m in messages %}{{ m.role }}: {{ m.text }}{% endfor %}"]
)
def test_an_own_template_that_leaves_out_the_question_does_not_work(
    recorder: Recorder, tmp_path: Path, source: str
) -> None:
    recorder.client.load(Load(str(model(tmp_path, template=source))))
    info = recorder.wait_for(Ready).model
    assert info.template is None
    assert "leaves out the question" in info.template_problem
