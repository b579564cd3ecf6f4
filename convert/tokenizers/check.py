"""Proof that llama.cpp gives the same ids for a text as the tokenizer that the model was trained with.

The vocabulary is loaded into llama.cpp as the GGUF holds it, and compared with an encoder that follows the checkpoint's
own tokenizer files (`reference`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from belle.engine.process.native_calls import call
from belle.errors import KnownError
from belle.gguf.writer import serialize
from convert.metadata import text as text_entry
from convert.tokenizers.files import TokenizerFolder
from convert.tokenizers.from_tiktoken import TIKTOKEN
from convert.tokenizers.read import read_definition
from convert.tokenizers.reference import JsonEncoder, ReferenceEncoder, SentencePieceEncoder, TiktokenEncoder
from convert.tokenizers.sentencepiece_model import SentencePieceModel
from convert.tokenizers.vocabulary import Tokenizer

# Languages, scripts, spaces, digits, code and BELLE's prompts. Accents are composed (NFC), since llama.cpp does not
# compose them.
SAMPLES = (
    "Hello, world! It's 2024 and we're testing; they'll see, I'd say, THEY'VE seen 'em.",
    "Human: \n请用中文写一首关于春天的五言绝句。\n\nAssistant: \n",
    "你好，世界！今天天气不错，我们去公园散步吧……“好的。”他说：《红楼梦》很好看。",
    "中英混排：我用Python写了一个function，跑了3.14159秒，占用1024MB内存，准确率99.9%。",
    "繁體中文與简体中文、日本語のテキスト、한국어 문장, русский текст, Ελληνικά, العربية، हिन्दी, ไทย",
    "Café naïve façade – “quotes” — €100, £20, ½, x² + y² = z², ∀x∈ℝ, → ← ↔",
    "😀🎉 emoji: 👨‍👩‍👧‍👦 🇨🇳 👍🏽 ❤️ 🚀(normal) 🦙🦙",
    "def f(x: int) -> str:\n    if x > 0:\n\t\treturn f'{x:>10}'\n    return \"\"  # 注释\n",
    "int main() { for (int i = 0; i < n; ++i) { a[i] += b[i] * 2; } return 0; }\n\n\n",
    '{"key": [1, 22, 333, 4444, 55555], "路径": "C:\\\\用户\\\\temp", "ok": true}',
    "  leading, double  and   triple spaces, trailing  ",
    "\ttabs\tand\r\nwindows lines\n \n  \n   \nmixed \n",
    "1234567890 12,345.67 007 3 33 333 3333 3..3 3...3 １２３",
    "a.b,c!d?e。f，g、h…(i)|j [k] {l} ، ۔ ।",
    "!!!??? ...... ------ ====== ~~~~ ``` ''' \"\"\" ///// \\\\\\ @#$%^&*_+",
    "https://example.org/路径?q=1&r=%E4%BD%A0 user@example.org <b>bold</b> &amp; </think>",
    "ThisIsCamelCase snake_case_name kebab-case SCREAMING_CASE mixedCASEWord 'RE 'Ll x's",
    "龘靐齉爨 𠮷野家 㐂 𝒜𝓫 ﷽ \u200bzero\u200dwidth\u00a0nbsp\u3000ideographic",
    "是",
    "A",
    " ",
    "\n",
)


def check_tokenizer(
    tokenizer: Tokenizer, checkpoint: TokenizerFolder, *, architecture: str = "llama", name: str = ""
) -> int:
    """Compare llama.cpp's ids with those of the checkpoint's tokenizer on the samples; return how many were compared.

    This is done with a file of the vocabulary alone, so that a mismatch shows before hours of work.

    Args:
        tokenizer: the vocabulary.
        checkpoint: what it was made from.
        architecture: of the model, as GGUF names it.
        name: of the model. llama.cpp recognizes some models by name, and then expects certain tokens.

    Raises KnownError: "tokenizer_mismatch" with the first text whose ids differ, "bad_vocabulary" if llama.cpp does not
    load it, "name_not_possible" if it loads it only under another name, and those of reading the tokenizer files.
    """
    reference = reference_encoder(checkpoint, tokenizer.sentencepiece)
    with tempfile.TemporaryDirectory(prefix="chatbelle-vocabulary-") as folder:
        path = Path(folder, "vocabulary.gguf")
        nameless = [text_entry("general.architecture", architecture), *tokenizer.metadata()]
        path.write_bytes(serialize([text_entry("general.name", name), *nameless] if name else nameless, []))
        try:
            return _check_encoding(path, reference)
        except KnownError as error:
            if error.kind != "bad_vocabulary" or not name:
                raise
            reason = error.details["reason"]
        path.write_bytes(serialize(nameless, []))
        _check_encoding(path, reference)
        raise KnownError(
            "name_not_possible",
            f"llama.cpp does not load this vocabulary in a model that is named “{name}”, only under other names: "
            f"{reason}",
            "Give the model another name with --name.",
            name=name,
            reason=reason,
        )


def _check_encoding(gguf_path: Path, reference: ReferenceEncoder) -> int:
    samples = [sample for sample in SAMPLES if reference.is_comparable(sample)]
    for sample, theirs in zip(samples, ids_in_llama_cpp(gguf_path, samples), strict=True):
        ours = reference.encode(sample)
        if ours != theirs:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
            at = min(len(ours), len(theirs)) if at is None else at
            raise KnownError(
                "tokenizer_mismatch",
                f"llama.cpp would read {sample!r} differently from the model's own tokenizer: from token {at} on "
                f"{theirs[at : at + 8]} instead of {ours[at : at + 8]}.",
                "This tokenizer cannot be converted faithfully.",
                text=sample,
                expected=ours,
                found=theirs,
            )
    return len(samples)


def reference_encoder(checkpoint: TokenizerFolder, model: SentencePieceModel | None) -> ReferenceEncoder:
    """The encoder of the checkpoint's tokenizer: of `model`, or without one of its `tokenizer.json` or ranks.

    Raises KnownError("unsupported_tokenizer") for steps it does not know, and those of reading the files.
    """
    if model is not None:
        return SentencePieceEncoder(model)
    path, definition = read_definition(checkpoint)
    try:
        return TiktokenEncoder(path, definition) if path.name == TIKTOKEN else JsonEncoder(path, definition)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KnownError("unsupported_tokenizer", f"{path.name} cannot be checked: {error!r}.") from error


def ids_in_llama_cpp(path: Path, texts: Sequence[str]) -> list[list[int]]:
    """llama.cpp's ids of each text with the vocabulary of a GGUF. llama.cpp runs in a child process.

    Raises KnownError("bad_vocabulary") with llama.cpp's `reason`.
    """
    try:
        ids: list[list[int]] = call("belle.engine.llama.file_questions:token_ids", path=str(path), texts=list(texts))
    except KnownError as error:
        raise KnownError(
            "bad_vocabulary",
            f"llama.cpp does not load the vocabulary of this model. {error.message}",
            "This tokenizer cannot be converted.",
            reason=error.message,
        ) from None
    return ids
