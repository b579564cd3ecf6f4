"""A hub on 127.0.0.1 that behaves as huggingface.co does, or as badly as it sometimes does.

Large files (LFS) are redirected to a second address, as the real hub sends them to its storage: the token must not go
there.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 100_000
_SLICE = 64 << 10
_ENDLESS = 64 << 20  # as much as a test can wait for


@dataclass(frozen=True)
class Request:
    """What somebody asked for."""

    method: str
    path: str
    range: str | None
    token: str | None
    agent: str


@dataclass
class Answer:
    """An answer instead of the right one, to be given `times` times."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    times: int = 1_000_000


@dataclass
class LoopbackHub:
    """Repositories by name, and what goes wrong with them.

    Attributes:
        repos: files by name by repository.
        commit: of every repository.
        revisions: names of that commit.
        cuts: numbers of bytes after which the next connections for a file are cut, by file name.
        wrong: files whose bytes arrive wrong.
        answers: instead of the right ones, by a part of the path.
        claims: sizes in the listing that are not those of the files, by file name.
        endless: files that are sent over and over again, without a length, until the other side has enough.
        tells_blobs: sizes and hashes are in the listing.
        honours_ranges: parts of files are sent.
        bytes_per_second: how fast large files are sent; 0 for as fast as possible.
    """

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = "a" * 40
    revisions: tuple[str, ...] = ("main",)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    answers: dict[str, Answer] = field(default_factory=dict)
    claims: dict[str, int] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    tells_blobs: bool = True
    honours_ranges: bool = True
    bytes_per_second: int = 0
    requests: list[Request] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    url: str = ""
    storage: str = ""

    def asked(self, method: str, part: str) -> list[Request]:
        """The requests for a path with `part` in it."""
        return [one for one in self.requests if one.method == method and part in one.path]

    @contextmanager
    def running(self) -> Iterator[LoopbackHub]:
        """Serve, on two ports of this machine."""
        servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in range(2)]
        self.url, self.storage = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
        for server in servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = self.headers
        request = Request(
            self.command, self.path, headers["Range"], headers["Authorization"], headers["User-Agent"] or ""
        )
        self.hub.requests.append(request)
        for part, answer in self.hub.answers.items():
            if part in path and answer.times > 0:
                answer.times -= 1
                self._send(answer.status, answer.headers, answer.body)
                return
        if path.startswith(("/api/models/", "/api/datasets/")):
            repo, _, revision = path.removeprefix("/api/models/").removeprefix("/api/").partition("/revision/")
            if revision and revision not in (*self.hub.revisions, self.hub.commit):
                self._send(404, {"X-Error-Code": "RevisionNotFound"})
                return
            self._listing(repo)
            return
        repo, _, rest = path.removeprefix("/storage").strip("/").partition("/resolve/")
        name = rest.partition("/")[2]
        content = self.hub.repos.get(repo, {}).get(name)
        if content is None:
            self._send(404, {"X-Error-Code": "EntryNotFound" if repo in self.hub.repos else "RepoNotFound"})
        elif path.startswith("/storage/"):
            self._file(name, content, {"ETag": '"of the storage"'})
        elif len(content) >= LARGE:
            self._send(
                302,
                {
                    "Location": f"{self.hub.storage}/storage{self.path}",
                    "X-Repo-Commit": self.hub.commit,
                    "X-Linked-Size": str(len(content)),
                    "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                },
            )
        else:
            self._file(name, content, {"ETag": f'"{_git_sha1(content)}"', "X-Repo-Commit": self.hub.commit})

    def _listing(self, repo: str) -> None:
        if repo not in self.hub.repos:
            self._send(404, {"X-Error-Code": "RepoNotFound"})
            return
        siblings: list[dict[str, object]] = []
        for name, content in self.hub.repos[repo].items():
            row: dict[str, object] = {"rfilename": name}
            if self.hub.tells_blobs:
                size = self.hub.claims.get(name, len(content))
                row |= {"size": size, "blobId": _git_sha1(content)}
                if len(content) >= LARGE:
                    sha256 = hashlib.sha256(content).hexdigest()
                    row["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 134}
            siblings.append(row)
        listing = {"id": repo, "sha": self.hub.commit, "siblings": siblings, "tags": [], "private": False}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(listing).encode())

    def _repeat(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for key, value in (headers | {"Connection": "close"}).items():
            self.send_header(key, value)
        self.end_headers()
        try:
            while self.command != "HEAD" and self.hub.sent[name] < _ENDLESS:
                self.wfile.write(content)
                self.hub.sent[name] += len(content)
        except OSError:
            pass
        self.close_connection = True

    def _file(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        if name in self.hub.endless:
            self._repeat(name, content, headers)
            return
        if name in self.hub.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        status, start = 200, 0
        if self.hub.honours_ranges and (asked := self.headers["Range"]):
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            status = 206
        if start >= len(content):
            self._send(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        body = memoryview(content)[start:]
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(body)), "Accept-Ranges": "bytes"}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cuts = self.hub.cuts.get(name)
        limit = cuts.pop(0) if cuts else len(body)
        for at in range(0, min(limit, len(body)), _SLICE):
            piece = body[at : min(at + _SLICE, limit)]
            try:
                self.wfile.write(piece)
            except OSError:
                return
            self.hub.sent[name] += len(piece)
            if self.hub.bytes_per_second and len(content) >= LARGE:
                time.sleep(len(piece) / self.hub.bytes_per_second)
        if limit < len(body):
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
