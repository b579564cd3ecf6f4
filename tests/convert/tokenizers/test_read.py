"""From the files of a checkpoint to a vocabulary with which llama.cpp gives the same ids."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from gguf.constants import TokenType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.tokenizers import check_tokenizer, read_tokenizer
from convert.tokenizers.check import SAMPLES
from tests.convert.tokenizers.folders import (
    BYTE_LEVEL,
    FolderCheckpoint,
    byte_level_folder,
    byte_level_json,
    llama_folder,
    llama_pieces,
    reference_encoder,
    sentencepiece_bytes,
    write_json,
)

N_LLAMA = len(llama_pieces())
N_BYTES = len(byte_level_json()["model"]["vocab"])


def refused(checkpoint: FolderCheckpoint, n: int = 1000, **options: Any) -> KnownError:
    with pytest.raises(KnownError) as caught:
        read_tokenizer(checkpoint, n, **options)
    return caught.value


class TestSentencePiece:
    def test_the_vocabulary(self, tmp_path: Path) -> None:
        checkpoint = llama_folder(tmp_path)
        tokenizer = read_tokenizer(checkpoint, N_LLAMA)
        assert tokenizer.tokens == [text for text, _, _ in llama_pieces()]
        assert tokenizer.scores == [score for _, score, _ in llama_pieces()]
        assert [int(t) for t in tokenizer.types] == [kind for _, _, kind in llama_pieces()]
        assert tokenizer.special_ids == {"bos": 1, "eos": 2, "unk": 0}
        assert tokenizer.flags == {"add_bos_token": True, "add_eos_token": False, "add_space_prefix": True}
        assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)

    def test_a_grown_embedding(self, tmp_path: Path) -> None:
        """BELLE-Llama2: `<pad>` added as 32000, embedding of 32001 rows; some are padded further still."""
        config = {"pad_token": "<pad>", "bos_token": {"content": "<s>"}, "add_bos_token": False}
        checkpoint = llama_folder(tmp_path, added_tokens={"<pad>": N_LLAMA}, tokenizer_config=config)
        tokenizer = read_tokenizer(checkpoint, N_LLAMA + 3)
        assert tokenizer.tokens[N_LLAMA:] == ["<pad>", f"[PAD{N_LLAMA + 1}]", f"[PAD{N_LLAMA + 2}]"]
        assert tokenizer.types[N_LLAMA:] == [TokenType.CONTROL, TokenType.UNUSED, TokenType.UNUSED]
        assert tokenizer.special_ids["pad"] == N_LLAMA
        assert tokenizer.flags["add_bos_token"] is False
        assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)

    def test_pieces_of_equal_score(self, tmp_path: Path) -> None:
        """BELLE's extended vocabularies: merged in with the score 0, so that they come first, leftmost of all."""
        more = [
            (text, 0.0, 1)
            for text in ("今天", "天气", "天天", "气不", "不错", "红楼", "楼梦", "《红", "你好世", "好世界")
        ]
        (tmp_path / "tokenizer.model").write_bytes(sentencepiece_bytes([*llama_pieces(), *more]))
        checkpoint = FolderCheckpoint(tmp_path)
        tokenizer = read_tokenizer(checkpoint, N_LLAMA + len(more))
        assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)

    def test_wrong_ids_in_config_json(self, tmp_path: Path) -> None:
        """The first LLaMA conversions: empty texts in tokenizer_config.json, other tokens' ids in config.json."""
        llama_folder(tmp_path, tokenizer_config={"bos_token": "", "eos_token": "", "unk_token": ""})
        checkpoint = FolderCheckpoint(tmp_path, {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": -1})
        assert read_tokenizer(checkpoint, N_LLAMA).special_ids == {"bos": 1, "eos": 2, "unk": 0}

    def test_a_vocabulary_larger_than_the_embedding(self, tmp_path: Path) -> None:
        error = refused(llama_folder(tmp_path), N_LLAMA - 5)
        assert error.kind == "vocabulary_too_large"
        assert str(N_LLAMA - 5) in error.message

    def test_added_tokens_without_a_row_are_reported(self, tmp_path: Path) -> None:
        checkpoint = llama_folder(tmp_path, added_tokens={"<pad>": N_LLAMA})
        tokenizer = read_tokenizer(checkpoint, N_LLAMA)
        assert "<pad>" not in tokenizer.tokens
        assert any("'<pad>'" in note for note in tokenizer.notes)

    def test_two_tokens_of_one_text(self, tmp_path: Path) -> None:
        """llama.cpp would end the process."""
        tokens = {"▁the": N_LLAMA, f"[PAD{N_LLAMA + 2}]": N_LLAMA + 1}
        checkpoint = llama_folder(tmp_path, added_tokens={**tokens, "▁in": N_LLAMA + 3}, tokenizer_config={
            "added_tokens_decoder": {str(N_LLAMA + 3): {"content": "世界", "special": True}},
        })  # fmt: skip
        tokenizer = read_tokenizer(checkpoint, N_LLAMA + 4)
        assert len(set(tokenizer.tokens)) == len(tokenizer.tokens)
        assert tokenizer.tokens[N_LLAMA + 1 : N_LLAMA + 4] == [f"[PAD{N_LLAMA + 2}]", f"[[PAD{N_LLAMA + 2}]]", "世界"]
        old = [text for text, _, _ in llama_pieces()].index("世界")
        assert tokenizer.tokens[old] == f"[PAD{old}]"
        assert tokenizer.types[old] is TokenType.UNUSED

    def test_something_else_of_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "tokenizer.model").write_text("IQ== 0\nIg== 1\n")
        assert refused(FolderCheckpoint(tmp_path)).kind == "unsupported_tokenizer"
        assert read_tokenizer(byte_level_folder(tmp_path), N_BYTES).model == "gpt2"


def llama_json(*, metaspace: bool = True) -> dict[str, Any]:
    """The small LLaMA vocabulary as transformers saves it: every merge that gives a token, best score first."""
    ids = {text: index for index, (text, _, _) in enumerate(llama_pieces())}
    merges = [[text[:cut], text[cut:]] for text, _, kind in llama_pieces() if kind == 1 for cut in range(1, len(text))]
    merges = [pair for pair in merges if pair[0] in ids and pair[1] in ids]
    escape = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    old = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, escape]}
    new = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    specials = [{"id": index, "content": text, "special": True} for index, text in enumerate(("<unk>", "<s>", "</s>"))]
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "added_tokens": specials,
        "normalizer": None if metaspace else old,
        "pre_tokenizer": new if metaspace else None,
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": single},
        "model": {"type": "BPE", "byte_fallback": True, "unk_token": "<unk>", "vocab": ids, "merges": merges},
    }


class TestLlamaJson:
    @pytest.mark.parametrize("metaspace", [True, False])
    def test_scores_from_merges(self, tmp_path: Path, metaspace: bool) -> None:
        write_json(tmp_path, "tokenizer.json", llama_json(metaspace=metaspace))
        checkpoint = FolderCheckpoint(tmp_path, {"eos_token_id": [2, 7]})
        tokenizer = read_tokenizer(checkpoint, N_LLAMA)
        assert (tokenizer.model, tokenizer.pre) == ("llama", "default")
        assert [int(t) for t in tokenizer.types] == [kind for _, _, kind in llama_pieces()]
        assert tokenizer.flags == {"add_bos_token": True, "add_eos_token": False, "add_space_prefix": True}
        spaced = sum(text.startswith(" ") for text in SAMPLES)
        assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES) - (spaced if metaspace else 0)

    @pytest.mark.parametrize("lengths", [[1_000_000], [20_000] * 10])
    def test_tokens_that_take_for_ever_to_check_are_refused(self, tmp_path: Path, lengths: list[int]) -> None:
        definition = llama_json()
        vocabulary = definition["model"]["vocab"]
        for number, length in enumerate(lengths):
            vocabulary[chr(0x4E00 + number) + "x" * length] = len(vocabulary)
        started = time.monotonic()
        write_json(tmp_path, "tokenizer.json", definition)
        error = refused(FolderCheckpoint(tmp_path))
        assert "longer than those of any vocabulary" in error.message
        assert len(error.message) < 500
        assert time.monotonic() - started < 5

    def test_merges_that_scores_cannot_express(self, tmp_path: Path) -> None:
        definition = llama_json()
        definition["model"]["merges"].remove(["▁t", "he"])
        write_json(tmp_path, "tokenizer.json", definition)
        error = refused(FolderCheckpoint(tmp_path))
        assert error.kind == "unsupported_tokenizer"
        assert "'▁the'" in error.message

    @pytest.mark.parametrize("change", [
        {"normalizer": {"type": "NFKC"}},
        {"normalizer": {"type": "Lowercase"}},
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}},
        {"pre_tokenizer": None},
    ])  # fmt: skip
    def test_other_preparations_are_refused(self, tmp_path: Path, change: dict[str, Any]) -> None:
        write_json(tmp_path, "tokenizer.json", {**llama_json(), **change})
        assert refused(FolderCheckpoint(tmp_path)).kind == "unsupported_tokenizer"

    def test_bytes_are_needed(self, tmp_path: Path) -> None:
        definition = llama_json()
        del definition["model"]["vocab"]["<0x0A>"]
        write_json(tmp_path, "tokenizer.json", definition)
        assert "byte tokens" in refused(FolderCheckpoint(tmp_path)).message


def with_steps(*steps: dict[str, Any], ignore_merges: bool = False) -> dict[str, Any]:
    definition = byte_level_json(pre_tokenizer={"type": "Sequence", "pretokenizers": list(steps)})
    definition["model"]["ignore_merges"] = ignore_merges
    return definition


def split(regex: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|")
WORDS = {**BYTE_LEVEL, "use_regex": True}
DEFINITIONS = {
    "bloom": byte_level_json(),
    "gpt-2": byte_level_json(pre_tokenizer=WORDS),
    "smollm": with_steps({"type": "Digits", "individual_digits": True}, WORDS),
    "qwen2": {**with_steps(split(QWEN2), BYTE_LEVEL), "normalizer": {"type": "NFC"}},
    "llama-bpe": with_steps(split(LLAMA3), BYTE_LEVEL, ignore_merges=True),
    "dbrx": with_steps({**split(LLAMA3), "behavior": "Removed", "invert": True}, BYTE_LEVEL),
}


class TestByteLevel:
    @pytest.mark.parametrize("pre", DEFINITIONS)
    def test_the_pre_tokenizer_is_known_by_its_definition(self, tmp_path: Path, pre: str) -> None:
        checkpoint = byte_level_folder(tmp_path, DEFINITIONS[pre])
        tokenizer = read_tokenizer(checkpoint, N_BYTES + 2)
        assert (tokenizer.model, tokenizer.pre) == ("gpt2", pre)
        assert tokenizer.tokens[-2:] == [f"[PAD{N_BYTES}]", f"[PAD{N_BYTES + 1}]"]
        assert tokenizer.types[:4] == [TokenType.CONTROL] * 4
        assert tokenizer.scores is None
        assert tokenizer.merges == byte_level_json()["model"]["merges"]
        assert tokenizer.flags == {"add_bos_token": False, "add_eos_token": False}
        assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)

    @pytest.mark.parametrize("definition", [
        with_steps(split(r"\w+|[^\w\s]+"), BYTE_LEVEL),
        with_steps(split(LLAMA3), {**BYTE_LEVEL, "add_prefix_space": True}, ignore_merges=True),
        with_steps(split(QWEN2), BYTE_LEVEL, ignore_merges=True),
        with_steps({**split(DEFINITIONS["bloom"]["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]),
                    "behavior": "Removed", "invert": True}, BYTE_LEVEL),
        byte_level_json(normalizer={"type": "NFKC"}),
        byte_level_json(pre_tokenizer=None),
    ])  # fmt: skip
    def test_an_unknown_one_is_an_error_with_its_definition(self, tmp_path: Path, definition: dict[str, Any]) -> None:
        error = refused(byte_level_folder(tmp_path, definition))
        assert error.kind == "unknown_pretokenizer"
        shown = json.loads(error.details["definition"])
        assert shown["pre_tokenizer"] == definition["pre_tokenizer"]

    def test_a_wrong_name_is_found_by_encoding(self, tmp_path: Path) -> None:
        checkpoint = byte_level_folder(tmp_path)
        tokenizer = read_tokenizer(checkpoint, N_BYTES)
        tokenizer.pre = "qwen2"
        with pytest.raises(KnownError) as caught:
            check_tokenizer(tokenizer, checkpoint)
        assert caught.value.kind == "tokenizer_mismatch"
        assert caught.value.details["expected"] != caught.value.details["found"]

    def test_a_vocabulary_that_llama_cpp_does_not_load(self, tmp_path: Path) -> None:
        checkpoint = byte_level_folder(tmp_path)
        tokenizer = read_tokenizer(checkpoint, N_BYTES)
        tokenizer.pre = "no such thing"
        with pytest.raises(KnownError) as caught:
            check_tokenizer(tokenizer, checkpoint)
        assert caught.value.kind == "bad_vocabulary"

    def test_merges_as_pairs(self, tmp_path: Path) -> None:
        definition = byte_level_json()
        definition["model"]["merges"] = [merge.split(" ") for merge in definition["model"]["merges"]]
        tokenizer = read_tokenizer(byte_level_folder(tmp_path, definition), N_BYTES)
        assert tokenizer.merges == byte_level_json()["model"]["merges"]

    @pytest.mark.parametrize(("name", "pre"), [("Qwen2Tokenizer", "qwen2"), ("GPT2TokenizerFast", "gpt-2")])
    def test_vocab_json_and_merges_txt(self, tmp_path: Path, name: str, pre: str) -> None:
        model = byte_level_json()["model"]
        write_json(tmp_path, "vocab.json", model["vocab"])
        (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *model["merges"], ""]), encoding="utf-8")
        decoder = {"0": {"content": "<unk>", "special": True}, "2": {"content": "</s>", "special": True}}
        config = {"tokenizer_class": name, "eos_token": "</s>", "added_tokens_decoder": decoder}
        write_json(tmp_path, "tokenizer_config.json", config)
        checkpoint = FolderCheckpoint(tmp_path)
        tokenizer = read_tokenizer(checkpoint, N_BYTES)
        assert tokenizer.pre == pre
        assert tokenizer.special_ids == {"eos": 2}
        assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)
        write_json(tmp_path, "tokenizer_config.json", {**config, "tokenizer_class": "OtherTokenizer"})
        assert refused(checkpoint).kind == "unknown_pretokenizer"

    def test_nothing_at_all(self, tmp_path: Path) -> None:
        assert refused(FolderCheckpoint(tmp_path)).kind == "no_tokenizer"

    def test_no_end(self, tmp_path: Path) -> None:
        assert refused(byte_level_folder(tmp_path, tokenizer_config={})).kind == "no_end_token"

    def test_further_ends_that_llama_cpp_would_miss(self, tmp_path: Path) -> None:
        added = [*byte_level_json()["added_tokens"],
                 {"id": N_BYTES, "content": "<|end|>", "special": True},
                 {"id": N_BYTES + 1, "content": "<stop>", "special": True}]  # fmt: skip
        checkpoint = byte_level_folder(
            tmp_path, byte_level_json(added_tokens=added), generation_config={"eos_token_id": [2, N_BYTES, N_BYTES + 1]}
        )
        assert read_tokenizer(checkpoint, N_BYTES + 2).special_ids == {"eos": 2, "eot": N_BYTES + 1}

    def test_added_tokens_that_people_may_write(self, tmp_path: Path) -> None:
        added = [*byte_level_json()["added_tokens"],
                 {"id": N_BYTES, "content": "<think>", "special": False},
                 {"id": N_BYTES + 1, "content": "<|box|>", "special": False}]  # fmt: skip
        tokenizer = read_tokenizer(byte_level_folder(tmp_path, byte_level_json(added_tokens=added)), N_BYTES + 2)
        assert tokenizer.types[-2:] == [TokenType.USER_DEFINED, TokenType.CONTROL]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)


EXAMPLES = [llama_json(), llama_json(metaspace=False), *DEFINITIONS.values()]
SMALL_FILES = ["tokenizer_config", "special_tokens_map", "added_tokens", "generation_config", "chat_template"]
SMALL_KEYS = (
    "eos_token bos_token added_tokens_decoder chat_template tokenizer_class add_bos_token eos_token_id <x> "
    "additional_special_tokens"
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, part in inner for deeper in paths_of(part, (*path, key)))]


class TestHostileFiles:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(data=st.data())
    def test_any_part_of_tokenizer_json_replaced(self, tmp_path: Path, data: st.DataObject) -> None:
        definition = copy.deepcopy(
            data.draw(st.sampled_from([llama_json(), llama_json(metaspace=False), *DEFINITIONS.values()]))
        )
        paths = [path for path in paths_of(definition) if path and path[1:2] != ("vocab",)]
        *parents, last = data.draw(st.sampled_from([*paths, ("model", "vocab"), ("model", "vocab", "Ġt")]))
        holder = definition
        for key in parents:
            holder = holder[key]
        holder[last] = data.draw(JSON)
        checkpoint = byte_level_folder(tmp_path, definition)
        try:
            tokenizer = read_tokenizer(checkpoint, 600)
            reference_encoder(checkpoint).encode("a b")
        except KnownError:
            return
        assert len(set(tokenizer.tokens)) == 600

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        name=st.sampled_from(SMALL_FILES),
        key=st.sampled_from(SMALL_KEYS.split()),
        value=JSON,
    )
    def test_any_value_in_the_small_files(self, tmp_path: Path, name: str, key: str, value: Any) -> None:
        files = {"tokenizer_config": {"eos_token": "</s>"}, name: {"eos_token": "</s>", key: value}}
        checkpoint = byte_level_folder(tmp_path, **files)
        try:
            tokenizer = read_tokenizer(checkpoint, N_BYTES)
        except KnownError:
            return
        assert len(set(tokenizer.tokens)) == N_BYTES
        (tmp_path / f"{name}.json").unlink()

    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"a": ' + b"[" * 100_000, b"null"])
    def test_files_that_are_not_json_objects(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "tokenizer.json").write_bytes(content)
        error = refused(FolderCheckpoint(tmp_path))
        assert error.kind == "damaged_tokenizer"
        assert "tokenizer.json" in error.message

    def test_a_lone_half_of_a_character(self, tmp_path: Path) -> None:
        definition = byte_level_json()
        definition["model"]["vocab"]["\ud800"] = N_BYTES
        (tmp_path / "tokenizer.json").write_text(json.dumps(definition))
        assert refused(FolderCheckpoint(tmp_path)).kind == "damaged_tokenizer"
