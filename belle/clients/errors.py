"""The errors of a hub and of the network, as messages with advice."""

from __future__ import annotations

import re
from typing import Any

from belle.errors import KnownError

_OTHER_WAYS = (
    "A mirror is given with --endpoint URL (or HF_ENDPOINT). A GGUF made on another computer is taken over with: "
    "belle models import FILE."
)
# No requests remaining (r=0), and the seconds until there are new ones: `"api";r=0;t=55`.
_RATE_LIMIT = re.compile(r";\s*r=0\s*;\s*t=(\d+)")
_LOG_IN = "log in with “hf auth login”, or put a token into HF_TOKEN"


class HubError(KnownError):
    """A known error of a hub.

    Attributes:
        passing: temporary, so trying again may help.
        retry_after: seconds that the hub asks to wait before; None when it does not say.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        advice: str = "",
        *,
        passing: bool = False,
        retry_after: float | None = None,
        **details: Any,
    ) -> None:
        super().__init__(kind, message, advice, retry_after=retry_after, **details)
        self.passing = passing
        self.retry_after = retry_after


def explain(error: Exception, endpoint: str, repo: str, file: str = "") -> HubError:
    """The HubError for an exception of huggingface_hub or of the HTTP library below it."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    where = f"{repo}/{file}" if file else repo
    details: dict[str, Any] = {"endpoint": endpoint, "repo": repo, "file": file}
    if isinstance(error, OfflineModeIsEnabled):
        return HubError(
            "offline_mode", "HF_HUB_OFFLINE forbids every download.", "Unset it to download a model.", **details
        )
    if isinstance(error, HfHubHTTPError):
        return _status(error, endpoint, where, details)
    if isinstance(error, (ValueError, KeyError, TypeError, AttributeError)):
        return HubError(
            "not_a_hub",
            f"{endpoint} answers, but not as a Hugging Face hub does.",
            "Check the address given with --endpoint or HF_ENDPOINT; or the network shows its login page first.",
            **details,
        )
    return HubError(
        "no_connection",
        f"{endpoint} cannot be reached ({_reason(error)}).",
        f"Check the network; what was downloaded is kept. {_OTHER_WAYS}",
        passing=True,
        **details,
    )


def broken_off(error: Exception | None, endpoint: str, repo: str, file: str) -> HubError:
    """The error for a connection that ended before the file did."""
    reason = f" ({_reason(error)})" if error else ""
    return HubError(
        "connection_lost",
        f"The connection to {endpoint} broke off while {file} was downloaded{reason}.",
        "Run the same command again: it goes on where it stopped.",
        passing=True,
        endpoint=endpoint,
        repo=repo,
        file=file,
    )


def not_in_repository(repo: str, name: str, listing: list[str]) -> HubError:
    """The error for a file of the catalogue that is not in its repository, whose files are `listing`."""
    names = ", ".join(listing[:8]) + (f" and {len(listing) - 8} more" if len(listing) > 8 else "")
    return HubError(
        "file_not_in_repository",
        f"{repo} has no file {name}; it may have been renamed.",
        f"It holds: {names or 'nothing'}. A file downloaded by hand is converted with: belle convert FILE -o OUT.gguf",
        repo=repo,
        file=name,
    )


def _status(error: Any, endpoint: str, where: str, details: dict[str, Any]) -> HubError:
    response = error.response
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    details = {**details, "status": status}
    page = f"{endpoint}/{details['repo']}"
    if status in (401, 403):
        return _forbidden(status, gated=code == "GatedRepo" or status == 403, where=where, page=page, details=details)
    if status == 404:
        return _not_found(code, endpoint, where, page, details)
    seconds = retry_seconds(response.headers)
    if status == 429:
        when = "in a few minutes" if seconds is None else f"in {_minutes(seconds)}"
        return HubError(
            "rate_limited",
            f"{endpoint} asks for fewer requests (429).",
            f"Run the same command again {when}: it goes on where it stopped. To be allowed more, {_LOG_IN}.",
            passing=True,
            retry_after=seconds,
            **details,
        )
    return HubError(
        "hub_unavailable",
        f"{endpoint} could not deliver {where} ({status}).",
        f"Try again later; what was downloaded is kept. {_OTHER_WAYS}",
        passing=status in (408, 416) or status >= 500,
        retry_after=seconds,
        **details,
    )


def _forbidden(status: int, *, gated: bool, where: str, page: str, details: dict[str, Any]) -> HubError:
    if gated:
        return HubError(
            "gated",
            f"{where} may not be downloaded without permission ({status}).",
            f"Open {page} in a browser, accept its terms, then {_LOG_IN}.",
            **details,
        )
    return HubError(
        "login_needed",
        f"{where} cannot be read without a login ({status}): it is private, was renamed or removed, or the token is "
        "wrong.",
        f"Look at {page} in a browser. If you may read it, {_LOG_IN}.",
        **details,
    )


def _not_found(code: str, endpoint: str, where: str, page: str, details: dict[str, Any]) -> HubError:
    if code == "RevisionNotFound":
        return HubError(
            "revision_gone",
            f"The version of {where} that the download began with no longer exists.",
            "Start again.",
            **details,
        )
    if code == "EntryNotFound":
        return HubError(
            "file_not_in_repository",
            f"{details['repo']} has no file {details['file']}; it may have been renamed.",
            f"Look at {page} in a browser.",
            **details,
        )
    hub = "" if code else " Or the address is not that of a hub."
    return HubError(
        "repository_not_found",
        f"{where} does not exist on {endpoint} (404).",
        f"It may have been renamed or removed: look at {page} in a browser.{hub} {_OTHER_WAYS}",
        **details,
    )


def retry_seconds(headers: Any) -> float | None:
    """How long the hub asks to wait: `Retry-After` in seconds, or `RateLimit` with its `t=`."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    limit = _RATE_LIMIT.search(headers.get("RateLimit", ""))
    return float(limit[1]) if limit else None


def _minutes(seconds: float) -> str:
    return f"{round(seconds / 60)} minutes" if seconds >= 90 else f"{round(seconds)} seconds"


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return re.sub(r"^\[Errno -?\d+\] ", "", lines[0]) if lines else type(error).__name__
