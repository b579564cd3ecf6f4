"""Formulas survive Markdown, are drawn once the answer is complete, and are copied as their source."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QImage, QPainter, QTextDocument, QTextLayout

from desktop.ui.style.theme import theme, themes
from desktop.ui.transcript.document.formulas import OBJECT, typesetter
from desktop.ui.transcript.document.render import DocumentRenderer
from desktop.ui.transcript.document.style import Style
from desktop.ui.transcript.document.typeset import latex_of, typeset
from desktop.ui.transcript.markdown.blocks import Code, Formula, Line, Span
from desktop.ui.transcript.markdown.parse import parse
from desktop.ui.transcript.message.text import MessageText

FORMULAS = (
    r"x_{1,2} = \frac{-b \pm \sqrt{b^2-4ac}}{2a}",
    r"a\,b\;c\!d\\e",
    r"a*b*c _i_ [x](y) <b> &amp; `",
    r"\{x \mid x_1 \ge 0\}",
)
DRAWN = (
    r"\int_0^\infty e^{-x^2}\,dx=\frac{\sqrt\pi}{2}",
    r"\begin{pmatrix}a&b\\c&d\end{pmatrix}",
    r"f(x)=\begin{cases}x&\text{if }x>0\\-x&\text{otherwise}\end{cases}",
    r"\begin{align}a&=b\tag{1}\\c&=d\end{align}",
    r"\begin{gather*}a\\b\end{gather*}",
    r"a = b \\ c = d",
    r"a &= b \\ &= c",
    r"\hat{y}=\sigma(\mathbf{w}^\top\mathbf{x}+b)\in\mathbb{R}^n",
    r"\text{速度}=\frac{\text{距离}}{\text{时间}}",
    r"\underbrace{a+b}_{\text{总和}}",
)


def formulas(text: str) -> list[str]:
    sources = []
    for block in parse(text):
        if isinstance(block, Formula):
            sources.append(block.text)
        elif isinstance(block, Line):
            sources += [span.text for span in block.spans if span.math]
    return sources


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("opening", "closing"), [(r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$")])
def test_markdown_leaves_a_formula_alone(formula: str, opening: str, closing: str) -> None:
    source = opening + formula + closing
    assert formulas(f"so **that** {source} holds") == [source]
    assert formulas(f"- {source}\n- b") == [source]
    assert formulas(f"text\n{source}\nmore") == [source]
    assert latex_of(source)[0] == formula


def test_a_formula_of_several_lines_is_one_whatever_its_lines_begin_with() -> None:
    source = "\\[\na = b\n+ c\n- d\n= e\n# f\n> g\n\\]"
    assert parse(f"text\n{source}\n- item")[1] == Formula(source)
    assert parse(f"- {source.replace(chr(10), chr(10) + '  ')}\n")[-1] == Formula(source, ("item",))


def test_single_dollars_around_a_formula() -> None:
    assert formulas(r"设$x_1$为$\frac{1}{2}$，$-5$ and $2x$, $3 \times 4$; ($n$)") == [
        "$x_1$",
        r"$\frac{1}{2}$",
        "$-5$",
        "$2x$",
        r"$3 \times 4$",
        "$n$",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "costs $5 and $10",
        "from $5k to 10$ a day",
        "$1,000 to $2,000",
        "$5-$10",
        "US$5, A$6, 7$",
        "it is $3.50/lb or $4",
        "苹果$5，梨子$6",
        "$100，而B要50$",
        "$5 million for Bob's 3$",
        "$PATH and $HOME, $HOME/bin:$PATH",
        "`$x$` and ```$y$```",
        r"\$x\$",
        "$ x $",
        "$$",
        "$$ is the pid and $$ too",
        r"see \[1\] and \[not a link\](there)",
        r"\(in other words\)",
    ],
)
def test_money_names_and_escapes_are_not_formulas(text: str) -> None:
    assert formulas(text) == []


def test_a_formula_that_is_still_open_keeps_its_backslash() -> None:
    assert parse(r"so \(x_{1") == parse(r"so \\(x_{1")


@pytest.mark.parametrize("formula", DRAWN)
def test_what_models_write_can_be_drawn(formula: str) -> None:
    drawing = typeset(f"\\[{formula}\\]")
    assert drawing is not None
    assert 5 < drawing.width < 600
    assert drawing.ascent > 0


@pytest.mark.parametrize("formula", ["", r"\foo{x}", "x_", "x" * 5000, "{" * 3000])
def test_what_cannot_be_drawn_whole_is_not_drawn(formula: str) -> None:
    assert typeset(f"$${formula}$$") is None


def shown(view, message, qtbot, text: str) -> MessageText:
    view.set_path([message(text, id=1)])
    widget = view.message_widget(1).text
    qtbot.waitUntil(lambda: OBJECT in widget.document().toPlainText(), timeout=10_000)
    return widget


def test_a_selection_that_is_copied_has_the_source(view, message, qtbot) -> None:
    text = "a \\(x_1\\) b 🎉 $y$\n\n\\[\nz\n\\]\n\nc"
    widget = shown(view, message, qtbot, text)
    widget.selectAll()
    widget.copy()
    assert QGuiApplication.clipboard().text() == text.replace("\n\n", "\n")
    view.message_widget(1).copy()
    assert QGuiApplication.clipboard().text() == text


def test_what_cannot_be_drawn_shows_its_source_as_code(view, message, qtbot) -> None:
    widget = shown(view, message, qtbot, r"$x$ and $\foo{y}$")
    cursor = widget.document().find("foo")
    assert not cursor.isNull()
    assert cursor.charFormat().font().family() == theme().font_code.family()


def test_nothing_is_drawn_while_the_answer_is_being_generated(view, message, qtbot) -> None:
    answer = message("is \\(x\\) and", status="streaming", id=1)
    view.set_path([answer])
    view.append_text(1, " \\(y\\)")
    view.messages()
    widget = view.message_widget(1).text
    assert OBJECT not in widget.document().toPlainText()
    before = view.message_widget(1).height()
    view.update_message(replace(answer, text="is \\(x\\) and \\(\\frac{\\frac12}{\\frac34}\\)", status="complete"))
    qtbot.waitUntil(lambda: widget.document().toPlainText().count(OBJECT) == 2, timeout=10_000)
    # A high formula makes its line higher, and the transcript lays the message out again.
    qtbot.waitUntil(lambda: view.message_widget(1).height() > before, timeout=5_000)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_a_formula_has_the_colour_of_the_text(view, message, qtbot, name: str) -> None:
    themes().apply(name, 1.0)
    widget = shown(view, message, qtbot, "$$\\sum x$$")
    image = QImage(widget.width(), widget.height(), QImage.Format.Format_RGB32)
    image.fill(theme().color("page"))
    painter = QPainter(image)
    widget.document().drawContents(painter)
    painter.end()
    ink = theme().color("ink").rgb()
    assert any(image.pixel(x, y) == ink for x in range(image.width()) for y in range(image.height()))


def test_the_colours_of_code_stay_with_the_code_when_formulas_are_drawn(qapp) -> None:
    document = QTextDocument()
    renderer = DocumentRenderer(document, Style(theme(), chinese=False))
    renderer.show([Line((Span("is "), Span("$x$", math=True))), Code("print(1)", "python")])
    violet = QTextLayout.FormatRange()
    violet.start, violet.length, violet.format = 0, 5, renderer.style.code_color_format("violet")
    document.lastBlock().layout().setFormats([violet])
    drawing = typeset("$x$")
    assert drawing is not None
    renderer.show_formulas({"$x$": drawing})
    renderer.draw_formulas()
    assert document.firstBlock().text() == f"is {OBJECT}"
    assert document.firstBlock().layout().formats() == []


MIXED = """a $x$ b $y$ **c** $x$

- item $x$
- 🎉 $y$ $x$
  1. مرحبا $x$

$$
x
$$

| $x$ | b |
|---|---|
| c $y$ | $x$ |

> quote $x$ end

\\[ y \\]

```
$x$
```

last $y$"""


@pytest.mark.parametrize("slices", [1, 3, None])
def test_formulas_drawn_in_place_give_the_document_of_the_whole(qapp, slices: int | None) -> None:
    blocks = parse(MIXED)
    drawings = {s: d for s in ("$x$", "$y$", "$$\nx\n$$", "\\[ y \\]") if (d := typeset(s)) is not None}
    assert len(drawings) == 4
    results = []
    for in_place in (True, False):
        document = QTextDocument()
        document.setTextWidth(600)
        renderer = DocumentRenderer(document, Style(theme(), chinese=False))
        if not in_place:
            renderer.show_formulas(drawings)
        renderer.show(blocks)
        if in_place:
            renderer.show_formulas(dict(list(drawings.items())[:slices]))
            renderer.show_formulas(drawings)
            while renderer.draw_formulas(0.0001):
                pass
        results.append((document.toPlainText(), renderer.starts, round(document.size().height())))
        # Text that arrives later is shown as if the formulas had been drawings from the start.
        renderer.show([*blocks[:-1], Line((Span("last "), Span("$y$", math=True), Span(" more")))], len(blocks) - 1)
        results[-1] += (document.toPlainText(),)
    assert results[0] == results[1]
    assert results[0][0].count(OBJECT) == 14


def test_a_formula_is_never_wider_than_the_page(view, message, qtbot) -> None:
    widget = shown(view, message, qtbot, "$$" + "+".join("abcdefghijklmnop" * 8) + "$$")
    assert widget.document().size().width() <= widget.width()


def test_drawing_formulas_does_not_hold_up_the_window(view, message, qtbot) -> None:
    stops: list[float] = []
    last = time.thread_time()

    def tick() -> None:
        nonlocal last
        now = time.thread_time()
        stops.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(0)
    view.set_path([message("\n\n".join(f"$$\\frac{{{n}}}{{x_{n}}}$$" for n in range(40)), id=1)])
    stops.clear()
    last = time.thread_time()
    qtbot.waitUntil(lambda: not typesetter().request(f"$$\\frac{{{n}}}{{x_{n}}}$$" for n in range(40)), timeout=20_000)
    # Processor time of the window's thread alone; typesetting forty formulas takes about half a second.
    assert max(stops) < 0.1


def test_the_typesetter_is_not_imported_before_the_first_formula() -> None:
    code = (
        "import sys, desktop.ui.transcript.message.text\n"
        "from desktop.ui.transcript.markdown.parse import parse\n"
        "parse('*x*')\n"
        "print([m for m in ('ziamath', 'PySide6.QtSvg', 'latex2mathml') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
