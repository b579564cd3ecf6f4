"""A hub of checkpoints, through huggingface_hub: the files of a repository, and the bytes of a file from any offset.

Each request is one `belle.network.connection`, so every method raises KnownError("offline") in offline mode.

The bodies of files are streamed with the client's own session instead of `hf_hub_download`: since its version 1.18 that
function begins every download from nothing, and an interrupted download of gigabytes must be resumed. For the same
reason Xet, which keeps no partial file either, is not used; every hub serves the same files over plain HTTP.

Requests say nothing about this computer but the versions of ChatBELLE, huggingface_hub and Python.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import belle
from belle import network
from belle.clients.errors import HubError, broken_off, explain
from belle.errors import KnownError

DEFAULT_ENDPOINT = "https://huggingface.co"

DATASETS = "datasets/"
"""The prefix of the name of a dataset's repository, as in the addresses of a hub's pages."""

_TIMEOUT_SECONDS = 20.0
_PARTIAL_CONTENT = 206
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository at one commit.

    Attributes:
        repo: `owner/name`; of data `datasets/owner/name`.
        commit: the revision it was listed at.
        name: its path in the repository.
        size: bytes; None when the hub does not say.
        sha256: hexadecimal; "" when neither the catalogue nor the hub says.
        git_sha1: of `blob SIZE\\0` and the content, as git names it; for small files that have no SHA-256.
    """

    repo: str
    commit: str
    name: str
    size: int | None = None
    sha256: str = ""
    git_sha1: str = ""


class Hub:
    """One endpoint.

    Args:
        endpoint: address of a hub or mirror; None for `HF_ENDPOINT`, else huggingface.co.

    Raises KnownError("usage") for what is not an address.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        usual = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        self.endpoint = (endpoint or usual).rstrip("/")
        _check_address(self.endpoint)
        _reach_directly_if_loopback(self.endpoint)
        # A stored login is for the usual hub. Any other one gets a token only from the environment.
        elsewhere = self.endpoint not in (usual.rstrip("/"), DEFAULT_ENDPOINT)
        self._token: str | bool | None = (os.environ.get("HF_TOKEN") or False) if elsewhere else None

    def files(self, repo: str, revision: str | None = None) -> dict[str, RemoteFile]:
        """The files of a repository by name.

        Args:
            repo: `owner/name` of a model, or `datasets/owner/name`.
            revision: a branch, tag or commit; None for the newest version.

        Raises HubError.
        """
        try:
            info = self._ask(repo, revision)
            listing = {}
            for entry in info.siblings:
                lfs = entry.lfs
                listing[entry.rfilename] = RemoteFile(
                    repo,
                    str(info.sha),
                    entry.rfilename,
                    entry.size,
                    lfs.sha256 if lfs else "",
                    "" if lfs else entry.blob_id or "",
                )
        except _failures() as error:
            raise explain(error, self.endpoint, repo) from error
        return listing

    def _ask(self, repo: str, revision: str | None) -> Any:
        """huggingface_hub's description of a repository."""
        with network.connection("listing", repo, self.endpoint):
            api = _client().HfApi(endpoint=self.endpoint, token=self._token, **_PROGRAM)
            ask = api.dataset_info if repo.startswith(DATASETS) else api.model_info
            name = repo.removeprefix(DATASETS)
            return ask(name, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS)

    def complete(self, file: RemoteFile) -> RemoteFile:
        """`file` with size and SHA-256 from its own headers, where the listing has none. Raises HubError."""
        if file.size is not None and (file.sha256 or file.git_sha1):
            return file
        try:
            with network.connection("listing", f"{file.repo}/{file.name}", self.endpoint):
                head = _client().get_hf_file_metadata(
                    self._url(file), token=self._token, timeout=_TIMEOUT_SECONDS, endpoint=self.endpoint
                )
            if head.commit_hash is None:
                raise ValueError("no commit")
        except _failures() as error:
            raise explain(error, self.endpoint, file.repo, file.name) from error
        etag = head.etag or ""
        sha256 = file.sha256 or (etag if _SHA256.fullmatch(etag) else "")
        size = file.size if file.size is not None else head.size
        return RemoteFile(file.repo, file.commit, file.name, size, sha256, file.git_sha1)

    @contextmanager
    def body(self, file: RemoteFile, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The content from byte `start` on: the offset at which it really begins, and the chunks.

        The offset is 0 when the hub sends the whole file, -1 when it sends a part and does not say which. Raises
        HubError, also while the chunks are read.
        """
        use: network.Use = "data" if file.repo.startswith(DATASETS) else "model"
        with (
            network.connection(use, f"{file.repo}/{file.name}", self.endpoint) as traffic,
            self._response(file, start) as response,
        ):
            first, total = _extent(response)
            if file.size is not None and total not in (None, file.size):
                raise self._wrong_size(file, total)
            yield first, self._chunks(response, file, traffic)

    @contextmanager
    def _response(self, file: RemoteFile, start: int) -> Iterator[Any]:
        """The response to a request for the content from byte `start` on, not read yet. Raises HubError."""
        utils = _client().utils
        headers = utils.build_hf_headers(token=self._token, **_PROGRAM)
        headers["Accept-Encoding"] = "identity"  # offsets count the bytes of the file, not of a compressed body
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with utils.get_session().stream(
                "GET", self._url(file), headers=headers, timeout=_TIMEOUT_SECONDS
            ) as response:
                utils.hf_raise_for_status(response)
                yield response
        except _transport_errors() as error:
            raise explain(error, self.endpoint, file.repo, file.name) from error

    def _chunks(self, response: Any, file: RemoteFile, traffic: network.Traffic) -> Iterator[bytes]:
        try:
            for chunk in response.iter_bytes():
                traffic.count(len(chunk))
                yield chunk
        except _transport_errors() as error:
            raise broken_off(error, self.endpoint, file.repo, file.name) from error

    def _wrong_size(self, file: RemoteFile, n_bytes: int | None) -> HubError:
        return HubError(
            "wrong_size",
            f"{self.endpoint} sends {n_bytes:,} bytes as {file.name}, which has {file.size:,}.",
            "The network may show its login page first; or try another endpoint.",
            passing=True,
            file=file.name,
            expected=file.size,
            found=n_bytes,
        )

    def _url(self, file: RemoteFile) -> str:
        url: str = _client().hf_hub_url(
            file.repo.removeprefix(DATASETS),
            file.name,
            repo_type="dataset" if file.repo.startswith(DATASETS) else None,
            revision=file.commit,
            endpoint=self.endpoint,
        )
        return url


_PROGRAM = {"library_name": "chatbelle", "library_version": belle.__version__}


def _check_address(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise KnownError("usage", f"“{endpoint}” is not the address of a hub.", "Such as https://huggingface.co.")


def _reach_directly_if_loopback(endpoint: str) -> None:
    """Keep proxies out of the way of a hub on this computer: no proxy can reach it, and none need know of it."""
    host = urlsplit(endpoint).hostname or ""
    if not network.is_loopback(host):
        return
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [one for one in os.environ.get(name, "").split(",") if one]
        if host not in hosts and "*" not in hosts:
            os.environ[name] = ",".join([*hosts, host])


def _client() -> Any:
    """huggingface_hub, with its telemetry off."""
    network.set_up()
    import huggingface_hub.errors
    import huggingface_hub.utils
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _transport_errors() -> tuple[type[Exception], ...]:
    """The base class of the errors of the client's HTTP library, and the error of its offline mode."""
    errors = _client().errors
    return (errors.HTTPError, errors.OfflineModeIsEnabled)


def _failures() -> tuple[type[Exception], ...]:
    """The transport errors, and those that the client raises for a response that is not a hub's."""
    return (*_transport_errors(), ValueError, KeyError, TypeError, AttributeError)


def _extent(response: Any) -> tuple[int, int | None]:
    """The offset of the body in the file, and the size of the whole file; None when the response does not say."""
    if response.status_code == _PARTIAL_CONTENT:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None:
            return -1, None
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None
