"""Every path that the program reads from its own package or writes on the user's disk.

The folders follow the platform (XDG variables on Linux, `~/Library` on macOS). These functions create nothing: code
that writes creates the folder, with `private_folder`.
"""

from __future__ import annotations

import os
from pathlib import Path

_APP = "chatbelle"
_LONGEST_SOCKET = 100
"""Bytes; `sockaddr_un` has 104 on macOS and 108 on Linux."""
_ASSETS = Path(__file__).resolve().parent.parent / "assets"


def data_dir() -> Path:
    """The folder for what must not be lost: conversations, registered models."""
    import platformdirs

    return platformdirs.user_data_path(_APP, appauthor=False)


def config_dir() -> Path:
    """The folder of settings."""
    import platformdirs

    return platformdirs.user_config_path(_APP, appauthor=False)


def cache_dir() -> Path:
    """The folder for what can be made again."""
    import platformdirs

    return platformdirs.user_cache_path(_APP, appauthor=False)


def state_dir() -> Path:
    """The folder for what the program notes of its own doings."""
    import platformdirs

    return platformdirs.user_state_path(_APP, appauthor=False)


def network_record_file() -> Path:
    """What touched the network, and when (JSON Lines, see `belle.network_record`)."""
    return state_dir() / "network.jsonl"


def crashes_dir() -> Path:
    """The folder of crash reports (see `desktop.crashes`)."""
    return state_dir() / "crashes"


def offline_switch_file() -> Path:
    """Exists while the window's switch refuses the network (see `belle.network`)."""
    return config_dir() / "offline"


def database_file() -> Path:
    """The SQLite file that holds every conversation."""
    return data_dir() / "conversations.sqlite3"


def backups_dir() -> Path:
    """The folder of the daily copies of `database_file`."""
    return data_dir() / "backups"


def window_socket() -> Path:
    """The socket by which a second start reaches the open window. Elsewhere where the usual path is too long."""
    path = data_dir() / "window.socket"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    import hashlib
    import tempfile

    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"{_APP}-{os.getuid()}-{name}.socket"


def models_dir() -> Path:
    """The folder of installed models."""
    return data_dir() / "models"


def measurements_dir() -> Path:
    """The folder of what the window measured: a report for each model and its parent."""
    return data_dir() / "measurements"


def hub_dir() -> Path:
    """The folder for models and data fetched from a hub for training."""
    return cache_dir() / "hub"


def saved_states_dir() -> Path:
    """The folder of what models have read of conversations (see `belle.engine.answer.kv_states`)."""
    return cache_dir() / "conversations"


def picture_files_dir() -> Path:
    """The folder of pictures of conversations as files, by their digests; the store has them, too."""
    return cache_dir() / "pictures"


def speed_file() -> Path:
    """How fast models ran on this machine (JSON, see `belle.engine.llama.speed`)."""
    return cache_dir() / "speed.json"


def exact_batches_file() -> Path:
    """Which batches llama.cpp computes exactly here (JSON, see `belle.engine.answer.speculation.exact_batches`)."""
    return cache_dir() / "exact-batches.json"


def word_dictionary_dir() -> Path:
    """The folder in which jieba keeps its dictionary of Chinese words in a form that loads quickly."""
    return cache_dir() / "jieba"


def settings_file() -> Path:
    """The window's settings (INI)."""
    return config_dir() / "settings.ini"


def safer_mode_file() -> Path:
    """The builds of llama.cpp whose extra kernels do not work here (JSON, see `belle.engine.process.safer_mode`)."""
    return config_dir() / "safer-mode.json"


def server_token_file() -> Path:
    """What clients of `belle serve` have to show."""
    return config_dir() / "server-token"


def chat_history_file() -> Path:
    """The input history of `belle chat`, for the arrow keys."""
    return data_dir() / "chat_history.jsonl"


def unsaved_chats_dir() -> Path:
    """The folder of conversations of `belle chat` that could not be written into `database_file`."""
    return data_dir() / "unsaved"


def private_folder(path: Path) -> Path:
    """Create `path`, readable by its owner only, and return it. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def asset(name: str) -> Path:
    """The path of a file that ships with the program, such as `theme.toml`. `assets` is installed beside `belle`."""
    return _ASSETS / name


def constraints_file() -> Path:
    """The tested version of every library: shipped among the assets, and at the root of the source tree."""
    shipped = asset("constraints.txt")
    return shipped if shipped.exists() else _ASSETS.parent / "constraints.txt"
