"""`belle chat` as a person and as a script uses it: the real program, the real model, a real terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from belle import paths
from belle.models.catalog import resolve
from belle.models.registry import installed, register
from tests.support.pty_chat import BELLE, PATIENCE, Pty

ASK = ("--prompt", "Name three colours.", "--max-tokens", "12", "--seed", "1")


def chat(
    *words: str, stdin: str | None = None, threads: int | None = 1, **environ: str
) -> subprocess.CompletedProcess[str]:
    # Threads wait for each other spinning, and tests run side by side: one is the quickest.
    return subprocess.run(
        [*BELLE, "chat", *words, *(["--threads", str(threads)] if threads else [])],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env=os.environ | environ,
    )


@pytest.fixture(scope="module")
def without_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter model with its template taken out: the key has another name, of the same length."""
    content = resolve("starter").path.read_bytes()
    key = b"tokenizer.chat_template"
    assert content.count(key) == 1
    path = tmp_path_factory.mktemp("models") / "no-template.gguf"
    path.write_bytes(content.replace(key, b"tokenizer.chat_tempIate"))
    return path


# One question


def test_json_is_one_object_and_nothing_else() -> None:
    result = chat("--model", "starter", *ASK, "--temperature", "0", "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert list(answer) == [
        "text",
        "stop_reason",
        "prompt_tokens",
        "reused_tokens",
        "completion_tokens",
        "ttft_s",
        "tokens_per_s",
        "drafted_tokens",
        "accepted_tokens",
    ]
    assert answer["text"].strip()
    assert answer["stop_reason"] in ("length", "end")
    assert 0 < answer["completion_tokens"] <= 12
    assert answer["prompt_tokens"] > 10
    assert answer["reused_tokens"] == 0
    assert answer["ttft_s"] > 0
    assert result.stdout.count("\n") == 1


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    def text(seed: str) -> str:
        options = ("--prompt", "Tell me a story.", "--max-tokens", "24", "--temperature", "1.5", "--top-k", "0")
        text: str = json.loads(chat(*options, "--seed", seed, "--json").stdout)["text"]
        return text

    first = text("1")
    assert text("1") == first
    assert text("2") != first


def test_a_quantized_cache_answers_and_what_cannot_be_is_told() -> None:
    result = chat("--model", "starter", *ASK, "--kv-type", "q8_0", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["text"].strip()
    refused = chat("--model", "starter", *ASK, "--kv-type", "q4_0", "--flash-attention", "off", "--json")
    assert json.loads(refused.stdout)["text"].strip()
    assert "--kv-type q4_0 is not possible here, so f16 is used" in refused.stderr


def test_without_json_the_answer_alone_is_on_stdout() -> None:
    as_json = json.loads(chat(*ASK, "--temperature", "0", "--json").stdout)["text"]
    result = chat(*ASK, "--temperature", "0", threads=None)
    assert result.returncode == 0
    assert result.stdout == as_json.removesuffix("\n") + "\n"


@pytest.mark.parametrize("words", [("--prompt", "-"), ()])
def test_the_question_can_come_from_standard_input(words: tuple[str, ...]) -> None:
    result = chat(*words, "--max-tokens", "3", "--json", stdin="你好\n第二行\n")
    assert result.returncode == 0, result.stderr
    whole = json.loads(result.stdout)["prompt_tokens"]
    short = json.loads(chat("--prompt", "你好", "--max-tokens", "3", "--json").stdout)["prompt_tokens"]
    assert whole > short


def test_system_prompt_template_and_stop_are_used() -> None:
    plain = json.loads(chat(*ASK, "--template", "plain", "--json").stdout)
    own = json.loads(chat(*ASK, "--json").stdout)
    system = json.loads(chat(*ASK, "--system", "word " * 50, "--json").stdout)
    assert plain["prompt_tokens"] < own["prompt_tokens"]
    assert system["prompt_tokens"] > own["prompt_tokens"] + 10
    full = json.loads(chat(*ASK, "--temperature", "0", "--json").stdout)["text"]
    word = full.split()[1]
    cut = json.loads(chat(*ASK, "--temperature", "0", "--stop", word, "--json").stdout)
    assert cut["stop_reason"] == "stop_string"
    assert cut["text"] == full[: full.index(word)]


def test_output_is_utf8_whatever_the_locale() -> None:
    result = chat("--prompt", "Repeat: 你好", "--max-tokens", "8", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "belle-7b-3m"), ["belle-7b-3m", "Did you mean belle-7b-2m"]),
        (("--model", "belle-7b-2m"), ["not installed", "BelleGroup/BELLE-7B-gptq"]),
        (("--model", "missing.gguf"), ["missing.gguf", "does not exist"]),
        (("--model", "."), ["folder"]),
        (("--template", "chatlm"), ["chatlm", "chatml"]),
    ],
)
def test_what_is_wrong_is_said_in_words(words: tuple[str, ...], said: list[str]) -> None:
    result = chat(*words, *ASK, "--json")
    assert result.returncode == 2
    assert result.stdout == ""
    assert all(part in result.stderr for part in said), result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("content", [b"", b"this is no model", b"GGUF", b"GGUF" + bytes(2000), os.urandom(5000)])
def test_a_file_that_is_no_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    result = chat("--model", str(path), *ASK)
    assert result.returncode == 2
    assert "bad.gguf" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_a_model_without_template_is_not_guessed(without_template: Path) -> None:
    result = chat("--model", str(without_template), *ASK)
    assert result.returncode == 2
    assert "--template" in result.stderr
    assert "chatml" in result.stderr
    chosen = chat("--model", str(without_template), "--template", "chatml", *ASK, "--json")
    assert json.loads(chosen.stdout)["text"]


def test_a_remembered_template_is_used(without_template: Path) -> None:
    register("mine", without_template, "chatml")
    assert json.loads(chat("--model", "mine", *ASK, "--json").stdout)["text"]
    assert json.loads(chat("--model", str(without_template), *ASK, "--json").stdout)["text"]


def test_a_belle_model_shows_its_notice(without_template: Path) -> None:
    register("belle-7b-2m", without_template)
    result = chat("--model", "belle-7b-2m", *ASK)
    assert result.returncode == 0, result.stderr
    assert "For research only" in result.stderr
    assert "仅供研究使用" in chat("--model", "belle-7b-2m", *ASK, LC_ALL="zh_CN.UTF-8").stderr


def test_a_question_longer_than_the_context_is_refused() -> None:
    result = chat("--ctx", "256", "--prompt", "word " * 1000, "--json")
    assert result.returncode == 2
    assert "256" in result.stderr
    assert result.stdout == ""


def test_a_json_call_needs_a_question() -> None:
    assert chat("--prompt", "  ", "--json").returncode == 2
    assert chat("--json", stdin="").returncode == 2


def test_a_reader_that_leaves_is_no_error() -> None:
    command = [*BELLE, "chat", "--prompt", "Tell me a long story.", "--max-tokens", "200", "--threads", "1"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(PATIENCE) == 141
    assert b"Traceback" not in errors


def test_ctrl_c_ends_a_single_question_with_what_there_is() -> None:
    command = [*BELLE, "chat", "--prompt", "Tell me a long story.", "--max-tokens", "4000", "--threads", "1"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(PATIENCE) == 130
        assert b"Traceback" not in process.stderr.read()


# A conversation, in a terminal


def test_a_conversation(terminal: Callable[..., Pty], tmp_path: Path) -> None:
    tty = terminal("--max-tokens", "12", "--seed", "1")
    introduction = tty.expect("starter ›")
    assert "SmolLM2-135M-Instruct" in introduction
    assert "very small English model" in introduction
    assert tty.ask("Name a colour.").strip()
    tty.ask("Name a second colour.")
    stats = tty.ask("/stats")
    reused = int(stats.split(" of them remembered")[0].split()[-1])
    assert reused > 20  # the first turn was not read again
    assert "Took back: Name a second colour." in tty.ask("/undo")
    saved = tmp_path / "talk.json"
    assert "Saved" in tty.ask(f"/save {saved}")
    messages = json.loads(saved.read_text())["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant"]
    assert messages[0]["content"] == "Name a colour."
    tty.ask("/retry")
    tty.type(f"/save {saved}\r")
    tty.expect("[y/N]")
    tty.type("n\r")
    tty.expect("›")
    assert json.loads(saved.read_text())["messages"] == messages
    assert "System prompt set." in tty.ask("/system Answer in one word.")
    assert "Answer in one word." in tty.ask("/system")
    assert "A new conversation." in tty.ask("/new")
    markdown = tmp_path / "talk.md"
    tty.ask(f"/save {markdown}")
    assert markdown.read_text() == "## system\n\nAnswer in one word.\n"
    assert "/retry" in tty.ask("/help")
    assert "no command /dance" in tty.ask("/dance")
    assert "nothing yet" in tty.ask("/undo")
    tty.type("\x04")
    assert tty.end() == 0


def test_several_lines_and_a_slash(terminal: Callable[..., Pty], tmp_path: Path) -> None:
    tty = terminal("--max-tokens", "3")
    tty.expect("›")
    tty.type("first\\\r")
    tty.expect("…")
    tty.ask("second 你好")
    tty.ask("//etc")
    file = tmp_path / "talk.json"
    tty.ask(f"/save {file}")
    questions = [m["content"] for m in json.loads(file.read_text())["messages"] if m["role"] == "user"]
    assert questions == ["first\nsecond 你好", "/etc"]
    tty.type("/quit\r")
    assert tty.end() == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(terminal: Callable[..., Pty]) -> None:
    tty = terminal("--max-tokens", "4000", "--temperature", "1", "--seed", "3")
    tty.expect("›")
    tty.type("Tell me a very long story about a king.\r")
    tty.expect("king.")
    tty.expect(" the ")  # it is being told
    tty.type("\x03")
    tty.expect("(stopped)")
    tty.expect("›")
    tty.type("\x03")
    tty.expect("Ctrl-D")
    tty.expect("›")
    assert "tokens answered" in tty.ask("/stats")  # the engine is still there
    tty.type("\x04")
    assert tty.end() == 0


def test_the_template_is_asked_about_once(terminal: Callable[..., Pty], without_template: Path) -> None:
    tty = terminal("--model", str(without_template), "--max-tokens", "5")
    choices = tty.expect("›")
    number = next(line.split()[0] for line in choices.splitlines() if "(chatml)" in line)
    tty.type("nonsense\r")
    tty.expect("›")
    tty.type(f"{number}\r")
    tty.expect("no-template ›")
    assert tty.ask("Hello!").strip()
    tty.type("\x04")
    assert tty.end() == 0
    assert [(m.path, m.template) for m in installed()] == [(without_template, "chatml")]
    again = terminal("--model", str(without_template))
    again.expect("no-template ›")
    again.type("\x04")
    assert again.end() == 0


def test_a_full_context_is_asked_about(terminal: Callable[..., Pty]) -> None:
    tty = terminal("--ctx", "256", "--max-tokens", "8")
    tty.expect("›")
    tty.ask("word " * 80)
    tty.ask("word " * 80)
    tty.type("word " * 80 + "\r")
    assert "256" in tty.expect("[y/N]")
    tty.type("n\r")
    tty.expect("Nothing was sent")
    tty.expect("›")
    tty.type("word " * 80 + "\r")
    tty.expect("[y/N]")
    tty.type("y\r")
    tty.expect("without the oldest")
    tty.expect("›")
    tty.type("\x04")
    assert tty.end() == 0


def test_chinese_where_the_locale_is_chinese(terminal: Callable[..., Pty]) -> None:
    tty = terminal(LC_ALL="zh_CN.UTF-8")
    assert "小型英文模型" in tty.expect("›")
    assert "新对话" in tty.ask("/new")
    tty.type("\x04")
    assert tty.end() == 0


def test_colours_only_where_they_are_wanted(terminal: Callable[..., Pty]) -> None:
    plain, painted = terminal(), terminal(NO_COLOR="")
    for tty in (plain, painted):
        tty.expect("›")
    assert "\x1b[2m" not in plain.raw
    assert "\x1b[2m" in painted.raw


# Pasting, history, and text on standard input


def test_pasted_lines_are_one_question(terminal: Callable[..., Pty], tmp_path: Path) -> None:
    tty = terminal("--max-tokens", "4")
    tty.expect("starter ›")
    tty.type("\x1b[200~first line\rsecond line\r\rthird\tline\x1b[201~")
    tty.ask(" end")
    saved = tmp_path / "talk.json"
    tty.ask(f"/save {saved}")
    messages = json.loads(saved.read_text())["messages"]
    assert [m["content"] for m in messages if m["role"] == "user"] == ["first line\nsecond line\n\nthird\tline end"]


def test_questions_come_back_in_the_next_conversation(terminal: Callable[..., Pty]) -> None:
    first = terminal("--max-tokens", "2")
    first.expect("starter ›")
    first.type("\x1b[200~What is\rthis?\x1b[201~")
    first.ask(" please")
    first.type("/quit\r")
    assert first.end() == 0
    kept = paths.chat_history_file()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    with kept.open("ab") as file:
        file.write(b'\xff damaged\n["no text"]\n"torn')
    second = terminal("--max-tokens", "2")
    second.expect("starter ›")
    second.type("\x1b[A\x1b[A")  # up, past “/quit”
    second.expect("this? please")


def test_nothing_is_kept_where_that_is_not_wanted(terminal: Callable[..., Pty]) -> None:
    tty = terminal("--max-tokens", "2", "--no-history")
    tty.expect("starter ›")
    tty.ask("A secret question?")
    tty.type("/quit\r")
    assert tty.end() == 0
    assert not paths.chat_history_file().exists()


def test_text_on_standard_input_is_put_below_the_question() -> None:
    options = ("--max-tokens", "2", "--json")
    alone = json.loads(chat("--prompt", "Summarize", *options).stdout)["prompt_tokens"]
    together = json.loads(chat("--prompt", "Summarize\n\na text of some words", *options).stdout)["prompt_tokens"]
    fed = json.loads(chat("--prompt", "Summarize", *options, stdin="a text of some words\n").stdout)["prompt_tokens"]
    assert alone < fed == together
    assert json.loads(chat("--prompt", "Summarize", *options, stdin="\n").stdout)["prompt_tokens"] == alone


# What strangers wrote


def test_names_command_no_terminal_and_need_not_be_utf8(terminal: Callable[..., Pty], tmp_path: Path) -> None:
    hostile = os.fsencode(tmp_path) + b"/\x1b]0;title\x07" + "贝尔".encode("gbk") + b".gguf"
    Path(os.fsdecode(hostile)).symlink_to(resolve("starter").path)
    tty = terminal("--model", os.fsdecode(hostile), "--max-tokens", "4")
    shown = tty.expect("\\x1b]0;title\\x07\\xb1\\xb4\\xb6\\xfb ›")
    assert "\x1b]0" not in shown
    assert tty.ask("Hello!").strip()
    result = chat("--model", os.fsdecode(hostile), *ASK, "--json")
    assert result.returncode == 0, result.stderr


def test_a_pipe_that_stays_open_is_said_to_be_waited_for() -> None:
    command = [sys.executable, "-m", "belle", "chat", "--prompt", "Summarize", "--max-tokens", "2"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert "standard input" in process.stderr.readline()
        process.stdin.close()
        process.stderr.read()
        assert process.wait(60) == 0
