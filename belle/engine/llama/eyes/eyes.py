"""What a loaded model needs to see: pictures as parts of its prompts, and their way into the KV cache."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.context import Context, Interrupted
from belle.engine.llama.eyes.vision_encoder import VisionEncoder
from belle.engine.llama.kv_sequence import KvSequence
from belle.engine.pictures.picture_file import PictureFile, decode, open_picture, scaled
from belle.engine.pictures.picture_runs import PictureRun
from belle.engine.pictures.picture_view import PictureView
from belle.errors import KnownError
from belle.gguf.fingerprint import fingerprint

_MOST_REMEMBERED = 64  # pictures whose tokens are known, by path
_LARGEST_SHARE = 2  # a picture takes at most half of the context
_SMALLER = 3 / 4
_SHORTEST_SIDE = 64
_SAMPLE = (1024, 1024)


class Eyes:
    """Puts pictures into the prompts and into the context of one model. To be closed before the model.

    Args:
        encoder: of the model; closed with this, after the context.
        context: of the model.
        path: of the encoder's file.
    """

    def __init__(self, encoder: VisionEncoder, context: Context, path: Path) -> None:
        self._encoder = encoder
        self._context = context
        self._views: OrderedDict[tuple[str, int, int], PictureView] = OrderedDict()
        self._pixels: tuple[str, NDArray[np.uint8]] = "", np.empty(0, np.uint8)  # of the picture seen last
        self._fingerprint = fingerprint(path)
        self.path = path

    @property
    def sample_tokens(self) -> int:
        """What a picture of 1024 × 1024 pixels takes of the context."""
        return self._count(*_SAMPLE)

    def tokens(self, path: str) -> tuple[int, ...]:
        """What stands for a picture in a prompt. Raises KnownError as `open_picture`."""
        return self.view(path).tokens

    def view(self, path: str) -> PictureView:
        """How a picture is seen. The file is read and not yet decoded. Raises KnownError as `open_picture`."""
        key = _state(path)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._new_view(path, open_picture(path))
        for run in view.runs:  # each time: the same picture may have been known by a path that is gone
            self._context.runs.add(run)
        self._views.move_to_end(key)
        if len(self._views) > _MOST_REMEMBERED:
            self._views.popitem(last=False)
        return view

    def measure(self, picture: PictureFile) -> tuple[tuple[int, int], int]:
        """The size at which a picture is seen, and the tokens that it takes. From any thread.

        Raises KnownError: `picture_too_large`, `bad_picture`.
        """
        size = self._read_size(picture)
        return size, self._count(*size)

    def see(self, sequence: KvSequence, run: PictureRun) -> float:
        """Decode the picture of a run, encode its tile, and bring that into the KV cache after what is there.

        Returns the seconds that it took. Raises KnownError, Interrupted and CacheFullError as `Context.evaluate`.
        """
        start = perf_counter()
        if self._pixels[0] != run.identity:  # of another picture than the tile before
            self._pixels = run.identity, self._decode(run)
        pixels = self._pixels[1]
        with self._encoder.chunks(pixels.shape[1], pixels.shape[0], pixels) as chunks:
            tile = [chunk for chunk in chunks if chunk.is_tile][run.tile]
            embeddings = self._encoder.encode(tile)
            if embeddings is None:
                raise Interrupted
            handle = self._context.handle
            self._context.evaluate_run(
                sequence, run, lambda place: self._encoder.evaluate(tile, embeddings, handle, place)
            )
        return perf_counter() - start

    def close(self) -> None:
        """Free the memory."""
        self._encoder.close()

    def _new_view(self, path: str, picture: PictureFile) -> PictureView:
        size = self._read_size(picture)
        tokens: list[int] = []
        runs: list[PictureRun] = []
        identity = self._identity(picture, size)
        with self._encoder.chunks(*size) as chunks:
            for chunk in chunks:
                ids = chunk.tokens
                if chunk.is_tile:
                    run = PictureRun(identity, len(runs), chunk.n_tokens, chunk.n_positions, path)
                    runs.append(run)
                    ids = run.ids
                tokens += ids
        return PictureView(path, picture.width, picture.height, *size, tuple(tokens), tuple(runs))

    def _identity(self, picture: PictureFile, size: tuple[int, int]) -> str:
        """A hash of all that the embeddings of a picture depend on."""
        return hashlib.sha256(f"{picture.sha256} {size} {self._fingerprint}".encode()).hexdigest()

    def _decode(self, run: PictureRun) -> NDArray[np.uint8]:
        """The picture of a run as it is seen, RGB `[height, width, 3]`. Raises KnownError, Interrupted."""
        picture, stop = open_picture(run.path), self._context.stop
        size = self._read_size(picture)
        if self._identity(picture, size) != run.identity:
            message = f"The picture {picture.name} was changed since the question was asked."
            raise KnownError("bad_picture", message, "Ask again.")
        image = decode(picture, size, lambda: bool(stop))
        if image is None:
            raise Interrupted
        return np.ascontiguousarray(image, np.uint8)

    def _count(self, width: int, height: int) -> int:
        """The tokens of a picture that is seen at this size."""
        with self._encoder.chunks(width, height) as chunks:
            return sum(chunk.n_tokens for chunk in chunks)

    def _read_size(self, picture: PictureFile) -> tuple[int, int]:
        """The size at which a picture is seen: smaller than the file's where it would fill the context.

        Raises KnownError("picture_too_large").
        """
        for width, height in _sizes(*picture.read_size):
            if self._count(width, height) <= self._context.n_ctx // _LARGEST_SHARE:
                return width, height
        message = f"The picture {picture.name} does not fit into a context of {self._context.n_ctx:,} tokens."
        raise KnownError("picture_too_large", message, "Load the model with a larger context.")


def _sizes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Smaller and smaller, in the same proportion."""
    longest = max(width, height)
    yield width, height
    while (longest := int(longest * _SMALLER)) >= _SHORTEST_SIDE:
        yield scaled(width, height, longest)


def _state(path: str) -> tuple[str, int, int]:
    """A file and what changes when it is written anew."""
    try:
        status = Path(path).stat()
    except OSError:
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size
