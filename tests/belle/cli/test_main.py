"""The command line as a whole: help at once, exit statuses, errors in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

import belle


def run(*words: str, stdin: str = "", module: str = "belle.cli.main") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *words], input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("module", ["belle", "belle.cli.main"])
def test_version(module: str) -> None:
    assert run("--version", module=module).stdout == f"belle {belle.__version__}\n"


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_help_lists_the_commands(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.returncode == 0
    assert "chat" in result.stdout
    assert "offline" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from belle.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'llama_cpp', 'jinja2', 'gguf', 'platformdirs', 'belle.engine'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_chat_help_lists_models_and_templates() -> None:
    text = run("chat", "--help").stdout
    assert "belle-7b-2m" in text
    assert "research only" in text
    assert "chatml" in text


@pytest.mark.parametrize(
    "words",
    [
        ("dance",),
        ("chat", "--no-such-option"),
        ("chat", "--prompt", "x", "--max-tokens", "0"),
        ("chat", "--prompt", "x", "--max-tokens", "many"),
        ("chat", "--prompt", "x", "--temperature", "-1"),
        ("chat", "--prompt", "x", "--top-p", "1.5"),
        ("chat", "--prompt", "x", "--temperature", "nan"),
    ],
)
def test_wrong_options_are_refused(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "usage:" in result.stderr
    assert "Traceback" not in result.stderr
