"""A file of endpoints is read whole or refused in words, and never holds a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.clients.chat.endpoints import Endpoint, endpoint_at, read_endpoints
from belle.errors import KnownError

WHOLE = """
[[endpoint]]
url = "http://10.0.0.7:8000/v1/"
model = "BELLE-13B"
key = "$THE_KEY"
weight = 2
limit = 64
price = { prompt = 0.5, completion = 2 }

[[endpoint]]
url = "https://example.org/api/v1/chat/completions"
model = "small"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "endpoints.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_setting_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "secret")
    first, second = read_endpoints(write(tmp_path, WHOLE))
    assert first == Endpoint("http://10.0.0.7:8000/v1", "BELLE-13B", "secret", 2, 64, 0.5, 2)
    assert second == Endpoint("https://example.org/api/v1", "small")
    assert first.cost(1_000_000, 500_000) == pytest.approx(1.5)
    assert "secret" not in repr(first)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no table"),
        ("endpoint = 3", "no table"),
        ("[[endpoint]]\nmodel = 'm'", "is not an address"),
        ("[[endpoint]]\nurl = 'ftp://x'\nmodel = 'm'", "is not an address"),
        ("[[endpoint]]\nurl = 'http://x:99999'\nmodel = 'm'", "is not an address"),
        ("[[endpoint]]\nurl = 'http://u:p@x/v1'\nmodel = 'm'", "has to end before"),
        ("[[endpoint]]\nurl = 'http://x/v1?key=3'\nmodel = 'm'", "has to end before"),
        ("[[endpoint]]\nurl = 'http://x/v1'", "has no model"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = ' '", "has no model"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nkey = 'sk-123'", "not the key itself"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nkey = '$NOT_SET_AT_ALL'", "NOT_SET_AT_ALL"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nweight = 0", "weight"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nlimit = true", "limit"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nlimt = 3", "unknown key 'limt'"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nprice = 3", "price"),
        ("[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'\nprice = { prompt = -1 }", "prompt"),
        ("other = 1\n[[endpoint]]\nurl = 'http://x/v1'\nmodel = 'm'", "unknown key 'other'"),
        ("[[endpoint]\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(KnownError) as caught:
        read_endpoints(write(tmp_path, text))
    assert caught.value.kind == "bad_endpoints"
    assert said in caught.value.message
    assert "sk-123" not in caught.value.message


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("e") / "endpoints.toml"
    path.write_bytes(data)
    with pytest.raises(KnownError):
        read_endpoints(path)


@pytest.mark.parametrize(
    ("url", "local"),
    [("http://localhost:1/v1", True), ("http://127.9.9.9/v1", True), ("http://[::1]:8/v1", True),
     ("http://10.0.0.7/v1", False), ("http://localhost.example.org/v1", False)],
)  # fmt: skip
def test_this_computer_is_told_from_others(url: str, local: bool) -> None:
    assert endpoint_at(url, "m").is_local is local


@pytest.mark.parametrize(
    ("url", "key", "advised"),
    [
        ("nonsense", "", "http://127.0.0.1:8080/v1"),
        ("http://x/v1", "sk-123", "$API_KEY"),
        ("http://x/v1", "$NOT_SET_AT_ALL", "export NOT_SET_AT_ALL="),
        ("http://x/v1", "$WITH_A_LINE_BREAK", "export WITH_A_LINE_BREAK="),
    ],
)
def test_the_advice_is_about_what_is_wrong(monkeypatch: pytest.MonkeyPatch, url: str, key: str, advised: str) -> None:
    monkeypatch.setenv("WITH_A_LINE_BREAK", "a\nb")
    with pytest.raises(KnownError) as raised:
        endpoint_at(url, "m", key=key)
    assert advised in raised.value.advice
    assert ("http://127.0.0.1" in raised.value.advice) == (url == "nonsense")
    assert "sk-123" not in str(raised.value)
