"""Data files to encoded samples: once, by several processes, into a folder that later runs use again.

Rows stream through: the calling process reads and writes, the others tokenize, and never more than a few thousand rows
are in memory. The folder's name is a digest of everything that its content depends on (the files' bytes, the
tokenizer, the template, the maximum length), so a folder that exists holds what encoding would give.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from belle import durable
from belle.data.files import files_in
from belle.data.read import scan_kinds
from belle.data.rows import Kind, texts_of
from belle.errors import KnownError
from belle.path_guard import open_input
from belle.prompts import PromptTemplate
from belle.training.samples.encode import RowChunk, RowEncoder, encode_chunks
from belle.training.samples.store import DESCRIPTION, EncodedSamples, SampleSet, SampleWriter

if TYPE_CHECKING:
    from belle.training.recipe.options import DataFile
    from belle.training.samples.picture_text import PicturePlaceholder
    from belle.training.tokenizer.tokenizer import HubVocabulary

# Changes when the same rows would give other samples.
_VERSION = 2
_CHUNK_ROWS = 512
_CHUNK_CHARACTERS = 1 << 20
_REPORT_SECONDS = 15


def prepare(
    files: Sequence[DataFile],
    kinds: Sequence[Kind],
    vocabulary: HubVocabulary,
    template: PromptTemplate,
    *,
    max_length: int,
    trains_all: bool = False,
    placeholder: PicturePlaceholder | None = None,
    transcript_start: tuple[int, ...] = (),
    processes: int = 2,
    cache_dir: Path,
    say: Callable[[str], None] = lambda _: None,
) -> SampleSet:
    """The samples of `files`, from `cache_dir` or encoded now.

    Args:
        kinds: that rows may have: conversation, text or preference.
        max_length: tokens of a sequence at most: conversations lose their oldest turns, documents are cut into pieces.
        trains_all, placeholder, transcript_start: as of `RowEncoder`.
        processes: how many tokenize; 1: this one does it itself.
        say: gets a sentence with the counts.

    Raises KnownError: those of `belle.data.read.read_rows`, with file and line; `template_error`, `no_end_token`;
    `no_samples` when nothing is left; `disk_full`, `folder_not_writable`; `encoder_died`.
    """
    inputs = [fingerprint(file) for file in files]
    encoder = RowEncoder(
        vocabulary,
        template,
        max_length,
        trains_all=trains_all,
        placeholder=placeholder,
        transcript_start=transcript_start,
    )
    folder = cache_dir / _digest(kinds, encoder, inputs)
    if (folder / DESCRIPTION).exists():
        samples = SampleSet(folder, inputs)
        say(f"data: {samples.counts.as_text()} (encoded before)")
        return samples
    _make(folder, _chunks(files, kinds), encoder, pairs="preference" in kinds, processes=processes, say=say)
    samples = SampleSet(folder, inputs)
    if not len(samples):
        shutil.rmtree(folder)
        raise KnownError(
            "no_samples",
            f"Of {samples.counts.rows:,} rows in {', '.join(str(f.path) for f in files)} none is left to train on:"
            f" {'; '.join(samples.counts.dropped_in_words) or 'there are none'}.",
            "Look at the data with “belle data check”; what is too long needs a higher max_length.",
        )
    say(f"data: {samples.counts.as_text()}")
    return samples


class Fingerprinted(Protocol):
    """Data that knows the files it came from: path, size, sha256 and weight of each."""

    inputs: list[dict[str, Any]]


def check_unchanged(samples: Fingerprinted, recorded: Sequence[Mapping[str, Any]]) -> None:
    """Raises KnownError("data_changed") when the run was started with other data.

    Args:
        recorded: `samples.inputs` as it was then.
    """
    now = {entry["path"]: entry for entry in samples.inputs}
    then = {entry["path"]: entry for entry in recorded}
    for path in [*then, *now]:
        if path not in now or path not in then:
            what = "is no longer among the data" if path not in now else "was not among the data"
        elif now[path]["sha256"] != then[path]["sha256"]:
            what = "has changed"
        elif now[path]["weight"] != then[path]["weight"]:
            what = "has another weight"
        else:
            continue
        raise KnownError(
            "data_changed",
            f"{path} {what} since the run that is to be resumed was started.",
            "Restore the data as it was, or start a new run with another output_dir.",
            path=path,
        )


def _make(
    folder: Path,
    chunks: Iterator[RowChunk],
    encoder: RowEncoder,
    *,
    pairs: bool,
    processes: int,
    say: Callable[[str], None],
) -> None:
    """Encode `chunks` into `folder`, which appears when everything is in it."""
    # One for each machine: on a shared disk several may encode the same data at once.
    temporary = folder.with_name(f"{folder.name}.{platform.node()}.tmp")
    try:
        with durable.writing(folder):
            shutil.rmtree(temporary, ignore_errors=True)
            with SampleWriter(temporary, per_sample=2 if pairs else 1) as writer:
                _encode_into(writer, encode_chunks(chunks, encoder, processes), say)
            for path in temporary.iterdir():
                durable.sync_file(path)
            durable.sync_folder(temporary)
            try:
                temporary.rename(folder)
            except OSError:
                if not (folder / DESCRIPTION).exists():  # otherwise another machine was faster
                    raise
            durable.sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _encode_into(
    writer: SampleWriter, encoded: Iterator[tuple[RowChunk, EncodedSamples]], say: Callable[[str], None]
) -> None:
    """Write all chunks, reporting the progress from time to time."""
    started = last_report = monotonic()
    for chunk, part in encoded:
        writer.add(part, chunk.source, chunk.file)
        if monotonic() - last_report > _REPORT_SECONDS:
            last_report = monotonic()
            rows = writer.counts.rows
            say(f"data: {rows:,} rows, {rows / (last_report - started):,.0f} a second")
    writer.finish()


def _chunks(files: Sequence[DataFile], kinds: Sequence[Kind]) -> Iterator[RowChunk]:
    """The rows of all files, some hundred at a time. Raises KnownError for the first record that is not a row."""
    for number, file in enumerate(files):
        chunk = RowChunk(number)
        characters = 0
        for record, row in scan_kinds(file.path, kinds, file.format):
            if isinstance(row, KnownError):
                raise row
            full = len(chunk.rows) >= _CHUNK_ROWS or characters >= _CHUNK_CHARACTERS
            if chunk.rows and (full or record.path != chunk.source):
                yield chunk
                chunk, characters = RowChunk(number), 0
            chunk.source = record.path
            chunk.unit = record.unit
            chunk.rows.append((record.number, row))
            characters += sum(map(len, texts_of(row)))
        if chunk.rows:
            yield chunk


def fingerprint(file: DataFile) -> dict[str, Any]:
    """What a run remembers of a file or a folder, to notice that it changed. Raises KnownError("file_missing")."""
    paths = files_in(file.path) if file.path.is_dir() else [file.path]
    digests = []
    try:
        for path in paths:
            with open_input(path) as stream:
                digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
        size = sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise KnownError(
            "file_missing", f"{file.path} cannot be read: {error.strerror}.", path=str(file.path)
        ) from None
    # A single file's own digest, as sha256sum prints it; of a folder, that of its files' digests.
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return {"path": str(file.path), "size": size, "sha256": digest, "format": file.format, "weight": file.weight}


def _digest(kinds: Sequence[Kind], encoder: RowEncoder, inputs: Sequence[Mapping[str, Any]]) -> str:
    """The name of the folder. Weights change what a run takes from it, not what is in it."""
    facts = {
        "version": _VERSION,
        "kind": "+".join(kinds) + ("; every token" if encoder.trains_all else ""),
        "vocabulary": encoder.vocabulary.fingerprint(),
        "template": repr(encoder.template),
        "max_length": encoder.max_length,
        **({"picture": [encoder.placeholder.token, encoder.placeholder.count]} if encoder.placeholder else {}),
        **({"transcript": list(encoder.transcript_start)} if encoder.transcript_start else {}),
        "inputs": [[entry[key] for key in ("size", "sha256", "format")] for entry in inputs],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
