"""The rooms of the house and the doors between them: what may import what (ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

QT = ("PySide6", "shiboken6")
TORCH = ("torch", "transformers", "peft", "trl", "deepspeed", "gptqmodel")
# Room -> what it must never import, even inside a function.
FORBIDDEN = {
    "belle/prompts": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/models/catalog.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/models/registry.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/paths.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/errors.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/durable.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/documents.py": (
        *QT,
        *TORCH,
        "llama_cpp",
        "numpy",
        "yaml",
        "belle.engine",
        "belle.cli",
        "convert",
        "desktop",
    ),
    "belle/path_guard.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/yaml_reader.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/streams.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/texts.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/model_names.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/pretrained.py": (*QT, "llama_cpp", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/environment.py": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/engine": (*QT, *TORCH, "belle.cli", "convert", "desktop"),
    "belle/doctor": (*QT, *TORCH, "llama_cpp", "belle.cli", "convert", "desktop"),
    "belle/clients": (*QT, *TORCH, "llama_cpp", "numpy", "belle.engine", "belle.cli", "convert", "desktop"),
    "belle/data": (*QT, "belle.cli", "convert", "desktop"),
    "belle/training": (*QT, "llama_cpp", "belle.cli", "convert", "desktop"),
    "belle/evaluation": (*QT, "belle.cli", "desktop"),
    "belle/cli": (*QT, "desktop"),
    "convert": (*QT, *TORCH, "belle.cli", "desktop"),
    "desktop/store": (*QT, *TORCH, "llama_cpp", "belle.cli", "desktop.ui", "desktop.chat"),
    "desktop/library": (*QT, *TORCH, "belle.cli", "desktop.ui", "desktop.chat"),
    "desktop/chat": (*TORCH, "llama_cpp", "belle.cli", "desktop.ui"),
    "desktop/ui": (*TORCH, "llama_cpp", "belle.cli", "sqlite3"),
    "desktop/app.py": (*TORCH, "llama_cpp", "belle.cli"),
    "desktop/opening.py": (*TORCH, "llama_cpp", "belle.cli"),
    "desktop/instance.py": (*TORCH, "llama_cpp", "belle.cli", "desktop.ui", "desktop.chat", "desktop.store"),
}


def files_of(room: str) -> list[Path]:
    path = ROOT / room
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide which room is meant"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for file in files_of(room):
        for name in imports_of(file):
            for forbidden in FORBIDDEN[room]:
                assert name != forbidden and not name.startswith(forbidden + "."), f"{file} imports {name}"


READERS = {"json": ("load", "loads", "JSONDecoder"), "yaml": ("load", "safe_load", "load_all", "SafeLoader")}


@pytest.mark.parametrize("top", ["belle", "convert", "desktop"])
def test_json_and_yaml_are_read_in_one_place(top: str) -> None:
    for file in files_of(top):
        if file.relative_to(ROOT).as_posix() in ("belle/documents.py", "belle/yaml_reader.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.attr not in READERS.get(node.value.id, ()), f"{file}:{node.lineno} reads without limits"


def test_every_room_that_exists_has_a_rule() -> None:
    ruled = {file for room in FORBIDDEN for file in files_of(room) if file.exists()}
    small = {f"{room}/{name}.py" for room in ("belle", "desktop") for name in ("__init__", "__main__")}
    small.add("desktop/builtin_import.py")
    free = {ROOT / name for name in small} | set((ROOT / "desktop/i18n").rglob("*.py")) | {ROOT / "desktop/settings.py"}
    every = {f for top in ("belle", "convert", "desktop") for f in (ROOT / top).rglob("*.py")}
    assert every - ruled - free == set()


def test_nothing_imports_the_command_line() -> None:
    for file in files_of("belle") + files_of("convert") + files_of("desktop"):
        if (ROOT / "belle/cli") not in file.parents and file.name != "__main__.py":
            assert not any(f"{name}.".startswith("belle.cli.") for name in imports_of(file)), file


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("desktop.app", ("torch", "transformers", "llama_cpp", "numpy", "huggingface_hub", "jinja2", "pygments")),
        ("convert", ("torch", "transformers", "PySide6")),
        ("belle.cli.main", ("torch", "transformers", "llama_cpp", "numpy", "PySide6")),
        ("belle.engine.process.client", ("torch", "llama_cpp", "numpy", "PySide6")),
        ("desktop.store", ("PySide6", "torch", "llama_cpp", "numpy")),
    ],
)
def test_importing_does_not_bring(module: str, never: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(*(m for m in {never!r} if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == ""
