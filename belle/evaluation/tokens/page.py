"""tokens.html: the text, each token coloured by the KL divergence of the candidate from the reference.

A single file without external parts. The text is not trusted: it goes into the page as escaped markup, and as JSON in
which nothing can end the script element; the script shows it as text, never as markup.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.evaluation.tokens.view import Expectation, TokenView
from belle.report.html import as_it_is, render

if TYPE_CHECKING:
    from markupsafe import Markup

LEVELS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Lower borders of the colours, in nats."""

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_NAMED = {"\n": "↵", "\t": "⇥", "\r": "␍"}

Piece = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Shown:
    """A token on the page: the `text` that it completes, or the `mark` that stands for a token which completes none.

    A character that several tokens make up is shown with the last of them.
    """

    text: str
    mark: str
    title: str

    @property
    def markup(self) -> Markup:
        """The text, or the mark, escaped; line feeds are made visible."""
        from markupsafe import Markup, escape

        if self.mark:
            return Markup("<i>{}</i>").format(self.mark)
        return escape(self.text).replace("\n", Markup("<i>↵</i>\n"))


def token_page(
    views: Sequence[TokenView],
    *,
    reference: str,
    candidates: Sequence[str],
    context: Sequence[int],
    piece: Piece,
    name: Callable[[int], str],
    about: str,
) -> str:
    """The HTML of the page.

    Args:
        views: the tokens of the text, in order.
        reference, candidates: names of the models.
        context: ids of the tokens before them, which are shown without figures.
        piece: the bytes of a token.
        name: the vocabulary's entry of a token, for tokens without bytes.
        about: a sentence that describes what is shown.
    """
    ids = [*context, *(view.token for view in views)]
    shown = show(ids, piece, name)
    data = {
        "models": [reference, *candidates],
        "names": _names(views, piece, name),
        "tokens": [_token(view, text.title) for view, text in zip(views, shown[len(context) :], strict=True)],
    }
    return render(
        _TEMPLATE,
        reference=reference,
        candidates=list(candidates),
        about=about,
        before=shown[: len(context)],
        tokens=[
            (text, level(view.kl[0] if view.kl else None), flipped(view, 0))
            for view, text in zip(views, shown[len(context) :], strict=True)
        ],
        levels=_legend(),
        # `_script_json` leaves no “<”, “>” or “&” in it.
        data=as_it_is(_script_json(data)),
        borders=as_it_is(json.dumps(LEVELS)),
    )


def show(ids: Sequence[int], piece: Piece, name: Callable[[int], str]) -> list[Shown]:
    """The tokens of a text as they are shown, one by one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    shown = []
    for token in ids:
        data = piece(token)
        text = decoder.decode(data)
        if not data:
            shown.append(Shown("", name(token), name(token)))
        elif text:
            own = text.encode() == data  # else it completes a character that began in tokens before it
            shown.append(Shown(text, "", _words(data) if own else f"{_words(data)} → {text}"))
        else:
            shown.append(Shown("", "·", _words(data)))
    return shown


def level(kl: float | None) -> int:
    """The number of the colour for a divergence: 0 for none, `len(LEVELS)` for the strongest."""
    return 0 if kl is None else sum(kl >= border for border in LEVELS)


def flipped(view: TokenView, i: int) -> bool:
    """Whether candidate `i` expects another token most than the reference."""
    if i >= len(view.candidates):
        return False
    other = view.candidates[i]
    return other is not None and other.top[0][0] != view.reference.top[0][0]


def _words(data: bytes) -> str:
    """A token's bytes in readable form: spaces and line feeds visible, parts of characters in hexadecimal."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _numbers(data)
    text = "".join(_NAMED.get(character, character) for character in text).replace(" ", "␣")
    return text if text.isprintable() else _numbers(data)


def _numbers(data: bytes) -> str:
    return " ".join(f"0x{byte:02X}" for byte in data)


def _names(views: Sequence[TokenView], piece: Piece, name: Callable[[int], str]) -> dict[str, str]:
    expectations = [e for view in views for e in (view.reference, *view.candidates) if e is not None]
    ids = sorted({token for expectation in expectations for token, _ in expectation.top})
    return {str(token): _words(piece(token)) or name(token) for token in ids}


def _token(view: TokenView, title: str) -> list[Any]:
    models = [_figures(view.reference), *(_figures(other) if other else None for other in view.candidates)]
    return [view.token, title, [_rounded(kl) for kl in view.kl], models]


def _figures(expectation: Expectation) -> list[Any]:
    top = [value for token, p in expectation.top for value in (token, _rounded(p))]
    return [_rounded(expectation.p), *top]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _script_json(data: Any) -> str:
    """JSON that is safe inside a script element: without “</script>”, “<!--” and the line ends of old JavaScript."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _legend() -> list[tuple[int, str]]:
    borders = [f"{border:g}" for border in LEVELS]
    middle = [f"{a}–{b}" for a, b in pairwise(borders)]
    return list(enumerate([f"< {borders[0]}", *middle, f"≥ {borders[-1]}"]))
