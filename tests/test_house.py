"""The rooms of the house and the arrows between them: what may import what (ARCHITECTURE.md shows the same table)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = """\
the ground           →  –
belle/prompts        →  the ground
belle/gguf           →  the ground
belle/models         →  the ground
belle/report         →  the ground
belle/search         →  the ground
belle/clients        →  the ground
belle/pretrained.py  →  the ground, belle/clients
belle/data           →  the ground, belle/prompts, belle/clients, belle/report
belle/engine         →  the ground, belle/prompts, belle/gguf
belle/speech         →  the ground, belle/gguf, belle/engine
belle/ocr            →  the ground, belle/engine
belle/doctor         →  the ground, belle/models, belle/engine
belle/dialogue       →  the ground, belle/prompts, belle/search, belle/engine
belle/training       →  the ground, belle/prompts, belle/clients, belle/pretrained.py, belle/data, belle/engine,
                        belle/report, belle/speech/audio/source.py
belle/evaluation     →  the ground, belle/prompts, belle/gguf, belle/clients, belle/pretrained.py, belle/engine,
                        belle/dialogue, belle/report, belle/speech, belle/server/access.py, belle/server/connection.py,
                        belle/server/errors.py, belle/server/fields.py, belle/server/listening.py,
                        belle/server/settings.py
belle/synthesis      →  the ground, belle/prompts, belle/clients, belle/data, belle/evaluation
belle/sweep          →  the ground, belle/clients, belle/training, belle/evaluation
convert              →  the ground, belle/prompts, belle/gguf, belle/models, belle/clients, belle/data, belle/engine
belle/server         →  the ground, belle/prompts, belle/engine
belle/cli            →  the ground, belle/prompts, belle/gguf, belle/models, belle/clients, belle/data, belle/engine,
                        belle/doctor, belle/dialogue, belle/training, belle/evaluation, belle/synthesis, belle/sweep,
                        belle/report, belle/server, belle/speech, belle/ocr, convert, desktop/store,
                        desktop/chat/prompt_path.py,
                        desktop/chat/saved_states.py, desktop/chat/titles.py,
                        desktop/chat/strategies/saved_answers.py
desktop/i18n         →  the ground
desktop/crashes      →  the ground
desktop/markup       →  the ground
desktop/store        →  the ground
desktop/exchange     →  the ground, belle/prompts, belle/report, desktop/documents/cited.py, desktop/markup,
                        desktop/store
desktop/documents    →  the ground, belle/search, desktop/store
desktop/pictures     →  the ground, desktop/store
desktop/settings.py  →  the ground, belle/engine/process/commands.py, desktop/i18n
desktop/model_settings.py  →  the ground, belle/gguf, belle/engine/process/commands.py, desktop/settings.py
desktop/chat         →  the ground, belle/prompts, belle/gguf, belle/models, belle/engine, belle/search,
                        belle/dialogue, belle/ocr, desktop/store, desktop/documents, desktop/pictures, desktop/i18n,
                        desktop/exchange,
                        desktop/settings.py, desktop/model_settings.py
desktop/library      →  the ground, belle/gguf, belle/models, belle/clients, belle/engine,
                        convert/install/folder.py, convert/install/library.py, convert/install/local.py,
                        desktop/settings.py, desktop/model_settings.py
desktop/voice        →  the ground, belle/engine, belle/models, belle/speech, desktop/settings.py
desktop/compare      →  the ground, belle/engine, belle/report, desktop/chat, desktop/settings.py
desktop/ui           →  the ground, belle/prompts, belle/clients/progress.py, belle/doctor,
                        belle/engine/process/commands.py, belle/engine/process/events.py,
                        desktop/i18n, desktop/markup, desktop/settings.py,
                        desktop/model_settings.py, desktop/chat, desktop/compare, desktop/crashes,
                        desktop/documents/cited.py, desktop/documents/progress.py, desktop/exchange/words.py,
                        desktop/library, desktop/pictures/kinds.py, desktop/store/records.py, desktop/voice,
                        belle/speech/events.py, belle/speech/speaking/events.py
desktop              →  the ground, desktop/crashes, desktop/i18n, desktop/settings.py, desktop/store, desktop/chat,
                        desktop/ui
"""
"""Room → what it may import: rooms, or single files of them. The longest path that fits a file is its room."""

GROUND = "the ground"  # belle/*.py


def _table(picture: str) -> dict[str, list[str]]:
    lines = picture.replace("\n    ", "").splitlines()
    rows = ([part.strip() for part in line.split("→")] for line in lines)
    return {room: re.split(r",\s*", targets) if targets != "–" else [] for room, targets in rows}


ALLOWED = _table(ROOMS)

QT = ("PySide6", "shiboken6")
TORCH = ("torch", "transformers", "peft", "trl", "deepspeed", "gptqmodel")
LLAMA = ("llama_cpp",)
NEVER: dict[str, tuple[str, ...]] = {
    GROUND: (*QT, *TORCH, *LLAMA, "numpy"),
    "belle/prompts": (*QT, *TORCH, *LLAMA, "numpy"),
    "belle/gguf": (*QT, *TORCH, "sqlite3"),
    "belle/models": (*QT, *TORCH, *LLAMA, "numpy"),
    "belle/report": (*QT, *TORCH, *LLAMA),
    "belle/search": (*QT, *TORCH, *LLAMA, "numpy", "sqlite3"),
    "belle/clients": (*QT, *TORCH, *LLAMA, "numpy"),
    "belle/pretrained.py": (*QT, *LLAMA),
    "belle/data": (*QT, *LLAMA),
    "belle/engine": (*QT, *TORCH),
    "belle/speech": (*QT, *TORCH, *LLAMA),
    "belle/ocr": (*QT, *TORCH, *LLAMA),
    "belle/doctor": (*QT, *TORCH, *LLAMA),
    "belle/dialogue": (*QT, *TORCH, *LLAMA, "numpy", "sqlite3"),
    "belle/training": (*QT, *LLAMA),
    "belle/sweep": (*QT, *LLAMA),
    "belle/evaluation": QT,
    "belle/synthesis": (*QT, *TORCH, *LLAMA),
    "belle/server": (*QT, *TORCH, *LLAMA, "numpy"),
    "belle/cli": QT,
    "convert": (*QT, *TORCH),
    "desktop/i18n": (*TORCH, *LLAMA, "sqlite3"),
    "desktop/crashes": (*QT, *TORCH, *LLAMA, "sqlite3"),
    "desktop/markup": (*QT, *TORCH, *LLAMA, "sqlite3"),
    "desktop/store": (*QT, *TORCH, *LLAMA),
    "desktop/exchange": (*QT, *TORCH, *LLAMA, "sqlite3"),
    "desktop/documents": (*QT, *TORCH, *LLAMA),
    "desktop/pictures": (*TORCH, *LLAMA, "sqlite3"),
    "desktop/settings.py": (*TORCH, *LLAMA, "sqlite3"),
    "desktop/model_settings.py": (*TORCH, *LLAMA, "sqlite3"),
    "desktop/chat": (*TORCH, *LLAMA),
    "desktop/library": (*TORCH, *LLAMA, "sqlite3"),
    "desktop/compare": (*TORCH, *LLAMA, "sqlite3"),
    "desktop/voice": (*TORCH, *LLAMA, "numpy", "sqlite3"),
    "desktop/ui": (*TORCH, *LLAMA, "sqlite3"),
    "desktop": (*TORCH, *LLAMA),
}
"""Room → libraries that none of its files imports, not even inside a function."""

ENTRANCES = ("belle/__main__.py", "desktop/__main__.py", "desktop/app.py", "desktop/i18n/update.py")
"""Started by a person or by the set-up, and imported by nobody."""

MOST_MODULES = 18
"""More files in a folder, and a room is no longer found by its name."""


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the product by its dotted name."""
    files = (file for top in ("belle", "convert", "desktop") for file in sorted((ROOT / top).rglob("*.py")))
    return {dotted(file): file for file in files}


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def room_of(file: Path) -> str:
    path = relative(file)
    if path.startswith("belle/") and path.count("/") == 1 and path not in ALLOWED:
        return "belle/cli" if file.name == "__main__.py" else GROUND
    return max((room for room in ALLOWED if path == room or path.startswith(f"{room}/")), key=len)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports_of(file: Path) -> Iterator[str]:
    """What a file imports, modules and what is taken from them, wherever in the file."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide which room is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imported(file: Path) -> frozenset[Path]:
    """The files of the product that a file imports, also for its types alone."""
    known = modules()
    found = {known.get(name) or known.get(name.rpartition(".")[0]) for name in imports_of(file)}
    return frozenset(path for path in found if path is not None and path != file)


def named_in(file: Path) -> Iterator[str]:
    """Modules that a file names in a text, to be imported later or run in another process: `package.module[:name]`."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.split(":")[0] in modules():
            yield node.value.split(":")[0]


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = ALLOWED[room]
    for file in modules().values():
        if room_of(file) != room:
            continue
        for target in imported(file):
            fits = room_of(target) in (room, *allowed) or relative(target) in allowed
            assert fits, f"{relative(file)} ({room}) imports {relative(target)} ({room_of(target)})"


@pytest.mark.parametrize("room", NEVER)
def test_a_room_keeps_its_libraries(room: str) -> None:
    for file in modules().values():
        if room_of(file) != room:
            continue
        for name in imports_of(file):
            assert name.split(".")[0] not in NEVER[room], f"{relative(file)} imports {name}"


def test_every_rule_is_of_files_that_exist() -> None:
    rooms = {room_of(file) for file in modules().values()}
    assert rooms == set(ALLOWED) == set(NEVER)
    named = {target for targets in ALLOWED.values() for target in targets} - set(ALLOWED)
    assert all((ROOT / file).is_file() for file in (*named, *ENTRANCES))


def test_the_picture_in_the_architecture_is_this_table() -> None:
    assert ROOMS in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {relative(file): sorted(map(relative, imported(file))) for file in modules().values()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_a_folder_holds_no_more_than_is_found_by_its_names() -> None:
    folders = Counter(file.parent for file in modules().values() if file.name not in ("__init__.py", "__main__.py"))
    assert {relative(folder): n for folder, n in folders.items() if n > MOST_MODULES} == {}


def test_every_module_is_used_by_another() -> None:
    used: set[Path] = {ROOT / entrance for entrance in ENTRANCES}
    for file in modules().values():
        used |= imported(file) | {modules()[name] for name in named_in(file)}
    own_entrances = re.findall(r'"([a-z_.]+):\w+"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    used |= {modules()[name] for name in own_entrances}
    unused = {relative(file) for file in modules().values() if file.name != "__init__.py"} - set(map(relative, used))
    assert unused == set()


def test_a_name_of_a_class_means_one_class() -> None:
    classes = Counter(
        node.name
        for file in modules().values()
        for node in tree_of(file).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in classes.items() if count > 1] == []


READERS = {"json": ("load", "loads", "JSONDecoder"), "yaml": ("load", "safe_load", "load_all", "SafeLoader")}


@pytest.mark.parametrize("top", ["belle", "convert", "desktop"])
def test_json_and_yaml_are_read_in_one_place(top: str) -> None:
    for file in (ROOT / top).rglob("*.py"):
        if relative(file) in ("belle/documents.py", "belle/yaml_reader.py", "belle/evaluation/judge/sandbox_child.py"):
            continue  # the last has the standard library alone, and reads what its own parent wrote
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.attr not in READERS.get(node.value.id, ()), f"{file}:{node.lineno} reads without limits"


NETWORK = (
    "socket", "socketserver", "ssl", "urllib.request", "http.client", "http.server", "xmlrpc", "ftplib", "smtplib",
    "poplib", "imaplib", "asyncio.streams", "urllib3", "requests", "httpx", "httpx2", "httpcore", "httpcore2",
    "aiohttp", "websockets", "websocket", "openai", "grpc", "paramiko", "zmq", "huggingface_hub", "datasets", "wandb",
    "mlflow", "swanlab", "starlette", "uvicorn", "fastapi", "flask", "PySide6.QtNetwork", "PySide6.QtWebSockets",
    "PySide6.QtWebEngineCore", "PySide6.QtWebEngineWidgets", "PySide6.QtGui.QDesktopServices",
)  # fmt: skip
"""Modules, and one class, through which a program reaches the network."""

REACHES = {
    "belle/clients/chat/client.py": "answers of models on servers",
    "belle/clients/hub.py": "listings and downloads",
    "belle/evaluation/page/program.py": "serves the scoring page",
    "belle/server/program.py": "serves a model",
    "belle/training/cluster/hosts.py": "asks a name server what this machine is called",
    "belle/training/cluster/launch.py": "other machines, by ssh",
    "belle/training/tracking/services.py": "wandb, mlflow, swanlab",
    "desktop/ui/links.py": "hands a link to the browser",
}
"""Files that reach the network. Each asks `belle.network` first, which refuses and records."""

DOES_NOT_REACH = {
    "belle/evaluation/page/": "the requests that arrive at the socket of program.py",
    "belle/server/endpoints/": "requests and answers",
    "belle/server/": "the socket of program.py, and the requests that arrive at it",
    "belle/clients/copies.py": "looks into transformers' cache",
    "belle/clients/errors.py": "names the errors of huggingface_hub",
    "belle/data/files.py": "reads local parquet and arrow files; test_network_of_libraries.py traces it",
    "desktop/chat/model_server.py": "looks for a free port of 127.0.0.1 for `belle serve`",
    "desktop/instance.py": "a Unix socket",
    "desktop/ui/documents/opening.py": "opens a file of this computer in its program",
}
"""Files, and folders, that use such a module for something else."""


def network_names(file: Path) -> set[str]:
    """What of `NETWORK` a file imports, also by a name in a text, and programs that connect."""
    named = {name for name in imports_of(file) if any(f"{name}.".startswith(f"{module}.") for module in NETWORK)}
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
            if function in ("import_module", "__import__", "_package", "find_spec"):
                named |= {text for text in texts if text.split(".")[0] in NETWORK}
            if function in ("open_connection", "create_connection", "start_server", "create_server"):
                named.add(function)
        if isinstance(node, (ast.Tuple, ast.List)) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and first.value in ("ssh", "scp", "rsync", "curl", "wget", "git"):
                named.add(str(first.value))
    return named


def test_whatever_can_reach_the_network_goes_through_one_door() -> None:
    reaching = {relative(file) for file in modules().values() if network_names(file)}
    known = {*REACHES, *DOES_NOT_REACH}
    assert [name for name in reaching if not {name, f"{name.rpartition('/')[0]}/"} & known] == []
    assert [name for name in REACHES if name not in reaching] == []
    for name in REACHES:
        assert ROOT / "belle/network.py" in imported(ROOT / name), f"{name} does not ask belle.network"


@pytest.mark.parametrize(
    "source",
    [
        "import socket",
        "import urllib.request",
        "from urllib import request",
        "from http.client import HTTPSConnection",
        "import httpx as h",
        "def f():\n    from huggingface_hub import hf_hub_download",
        "from PySide6.QtNetwork import QNetworkAccessManager",
        "from PySide6 import QtNetwork",
        "importlib.import_module('requests')",
        "asyncio.open_connection('a', 1)",
        "subprocess.run(['curl', 'https://a'])",
        "from PySide6.QtGui import QDesktopServices",
    ],
)
def test_a_new_way_to_the_network_would_be_noticed(source: str, tmp_path: Path) -> None:
    file = tmp_path / "new.py"
    file.write_text(source, encoding="utf-8")
    assert network_names(file)


def test_a_checkpoint_is_loaded_from_the_disk_alone() -> None:
    """transformers and PEFT take what is missing in a folder from the hub, unless they are told not to."""
    for file in modules().values():
        for node in ast.walk(tree_of(file)):
            if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "from_pretrained":
                continue
            local = next((word.value for word in node.keywords if word.arg == "local_files_only"), None)
            assert isinstance(local, ast.Constant), f"{relative(file)}:{node.lineno} may ask the hub"
            assert local.value is True


@pytest.mark.parametrize(
    ("module", "never"),
    [
        (
            "desktop.app",
            (
                "torch",
                "transformers",
                "llama_cpp",
                "numpy",
                "huggingface_hub",
                "jinja2",
                "pygments",
                "pypdf",
                "desktop.documents",
            ),
        ),
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
