"""Shows blocks in a QTextDocument. Only its end is ever replaced, so settled blocks are laid out once.

A whole message is one document, so that a selection can extend over all of it and a screen reader can read it.
Backgrounds of code, bars of quotes and rules are not in the document: `background` paints them behind the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextTable,
    QTextTableCellFormat,
    QTextTableFormat,
)

from desktop.ui.transcript.document.code_lines import CONTINUES, CodeLines, cuts_of, rows_of
from desktop.ui.transcript.document.columns import CELL_PAD
from desktop.ui.transcript.document.formulas import OBJECT, FormulaObject
from desktop.ui.transcript.document.style import CODE_HEADER, Style, marker_gap
from desktop.ui.transcript.document.tables import Tables
from desktop.ui.transcript.document.typeset import Drawing
from desktop.ui.transcript.markdown.blocks import (
    Block,
    Code,
    Formula,
    Line,
    Span,
    Table,
    ThematicBreak,
    breakable,
    is_right_to_left,
    runs_right_to_left,
)

_KEEP = QTextCursor.MoveMode.KeepAnchor
_END = QTextCursor.MoveOperation.End


class DocumentRenderer:
    """Keeps a document equal to a list of blocks. `starts[i]` is where block `i` begins in the document."""

    def __init__(self, document: QTextDocument, style: Style) -> None:
        self._document = document
        self.style = style
        self.blocks: list[Block] = []
        self.starts: list[int] = []
        self.formulas = FormulaObject(document)
        self._undrawn: list[int] = []  # indexes of blocks that show the source of a formula which can be drawn
        self.tables = Tables(document, style)
        self.code = CodeLines(document, style, self.lines_of)
        document.setUndoRedoEnabled(False)  # the undo stack would keep every piece of a streamed answer
        document.setDocumentMargin(0)

    def show(self, blocks: Sequence[Block], first: int = 0) -> int:
        """Show `blocks`, of which those before `first` are unchanged. Returns the first block that was inserted anew.

        A block that only grew at its end is not inserted anew: its layout and a selection in it remain.
        """
        self.draw_formulas()
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()  # one layout for all changes
        # The first block that changes is grown if possible; so the blocks after it are removed first.
        if len(self.blocks) > first + 1:
            self._truncate(cursor, first + 1)
        if len(self.blocks) > first:
            if first < len(blocks) and self._grow(cursor, self.blocks[first], blocks[first], first):
                self.blocks[first] = blocks[first]
                first += 1
            else:
                self._truncate(cursor, first)
        cursor.movePosition(_END)
        for block in blocks[first:]:
            self._append(cursor, block)
        cursor.endEditBlock()
        return first

    def show_formulas(self, drawings: Mapping[str, Drawing]) -> None:
        """Show these formulas as drawings from now on; `draw_formulas` replaces the sources that are shown."""
        self.draw_formulas()
        self._undrawn = [i for i, block in enumerate(self.blocks) if drawings.keys() & formulas_of(block)]
        self.formulas.drawings = {**self.formulas.drawings, **drawings}

    def draw_formulas(self, seconds: float = float("inf")) -> bool:
        """Replace sources by drawings, block by block, for about `seconds`. Returns whether some blocks are left."""
        started = time.perf_counter()
        while self._undrawn and time.perf_counter() - started < seconds:
            self._redraw(self._undrawn.pop())
        return bool(self._undrawn)

    def _redraw(self, index: int) -> None:
        """Replace the content of a block with formulas, and correct the positions of the blocks after it."""
        block, before = self.blocks[index], self.blocks[index - 1] if index else None
        count = self._document.characterCount()
        last = self.lines_of(index)[1]
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        match block:
            case Line():
                cursor.setPosition(self.starts[index] + (utf16(block.marker) + 1 if block.marker else 0))
                cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, _KEEP)
                cursor.removeSelectedText()
                self._spans(cursor, block, self.laid_out(block.spans), block.spans)
            case Formula():
                # Its source may be several text blocks; the drawing is one.
                cursor.setPosition(self.starts[index])
                cursor.setPosition(last.position() + last.length() - 1, _KEEP)
                cursor.removeSelectedText()
                cursor.setBlockFormat(self.style.formula_format(before, block))
                span = Span(block.text, math=True)
                self._spans(cursor, Line((), block.containers), self.laid_out((span,)), (span,))
            case Table():
                for number, row in enumerate(block.rows):
                    self._row(self.tables.table(index), block, number, row)
        cursor.endEditBlock()
        moved = self._document.characterCount() - count
        self.starts[index + 1 :] = [start + moved for start in self.starts[index + 1 :]]

    def laid_out(self, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        """The spans with their text in the document: break opportunities added, a drawn formula as one character."""
        if self.formulas.drawings:
            spans = tuple(replace(s, text=OBJECT) if s.math and s.text in self.formulas.drawings else s for s in spans)
        return breakable(spans)

    def clear(self, style: Style) -> None:
        """Empty the document and take another style."""
        self.style = style
        self.blocks, self.starts, self._undrawn = [], [], []
        self.tables.restyle(style)
        self.code.restyle(style)
        self._document.clear()
        self._room_above(0)

    def first_line_of(self, index: int) -> QTextBlock:
        """The first text block of a block of the message."""
        return self._document.findBlock(self.starts[index])

    def lines_of(self, index: int) -> tuple[QTextBlock, QTextBlock]:
        """The first and the last text block of a block of the message."""
        end = self.starts[index + 1] - 1 if index + 1 < len(self.starts) else self._document.characterCount() - 1
        return self.first_line_of(index), self._document.findBlock(end)

    def _truncate(self, cursor: QTextCursor, count: int) -> None:
        """Remove the blocks from `count` on."""
        start = self.starts[count]
        if count == 0 and isinstance(self.blocks[0], Code):
            self._room_above(0)
        # The separator before a block is removed with it. A document has at least one text block, which stays, empty.
        cursor.setPosition(max(0, start - 1))
        block_format, char_format = cursor.blockFormat(), cursor.blockCharFormat()
        cursor.movePosition(_END, _KEEP)
        cursor.removeSelectedText()
        # Qt joins the last text block to the one of the cursor, and if that is empty it takes the formats of the last:
        # those of the block and of the layout, such as the colours of code.
        cursor.block().layout().clearFormats()
        cursor.setBlockFormat(block_format)
        cursor.setBlockCharFormat(char_format)
        del self.blocks[count:], self.starts[count:]
        self.tables.forget(count)
        self.code.forget(count)

    def _append(self, cursor: QTextCursor, block: Block) -> None:
        before = self.blocks[-1] if self.blocks else None
        match block:
            case Line():
                self._begin(cursor, self.style.line_format(before, block), self.style.marker_format())
                if block.marker:
                    cursor.insertText(block.marker + marker_gap(block), self.style.marker_format())
                self._spans(cursor, block, self.laid_out(block.spans), block.spans)
            case Code():
                if before is None:
                    self._room_above(self.style.theme.px(CODE_HEADER))
                chars = self.style.code_char_format()
                self._begin(cursor, self.style.code_format(before, block, first=True), chars)
                self._code_lines(cursor, before, block, "", block.text)
                self.code.take(len(self.blocks), block)
            case Formula():
                self._formula(cursor, before, block)
            case ThematicBreak():
                self._begin(cursor, self.style.rule_format(before, block), self.style.thin_char_format())
            case Table():
                block_format = self.style.thin_format()
                block_format.setTopMargin(self.style.gap(before, block))
                self._begin(cursor, block_format, self.style.thin_char_format())
                self._table(cursor, block)
        self.blocks.append(block)

    def _room_above(self, pixels: float) -> None:
        # Qt ignores the top margin of a document's first text block, so the header of code is room above the document.
        root = self._document.rootFrame()
        frame_format = root.frameFormat()
        frame_format.setTopMargin(pixels)
        root.setFrameFormat(frame_format)

    def _begin(self, cursor: QTextCursor, block_format: QTextBlockFormat, char_format: QTextCharFormat) -> None:
        """Begin a block with a text block of these formats; the first one is the empty one that is there already."""
        if self.starts:
            cursor.insertBlock(block_format, char_format)
        else:
            cursor.setBlockFormat(block_format)
            cursor.setBlockCharFormat(char_format)
        self.starts.append(cursor.position())

    def _formula(self, cursor: QTextCursor, before: Block | None, block: Formula) -> None:
        span = Span(block.text, math=True)
        if block.text in self.formulas.drawings:
            self._begin(cursor, self.style.formula_format(before, block), self.style.char_format(span))
            self._spans(cursor, Line((), block.containers), self.laid_out((span,)), (span,))
            return
        for number, line in enumerate(block.text.split("\n")):
            shown = Line((replace(span, text=line),), block.containers, opens=number == 0)
            formats = self.style.line_format(before, shown), self.style.char_format(span)
            if number == 0:
                self._begin(cursor, *formats)
            else:
                cursor.insertBlock(*formats)
            self._spans(cursor, shown, breakable(shown.spans), shown.spans)
            before = shown

    def _spans(self, cursor: QTextCursor, line: Line, laid_out: Sequence[Span], spans: Sequence[Span]) -> None:
        """Insert `laid_out`, which is `self.laid_out(spans)` or its end, in the formats of a line."""
        quiet = "quote" in line.containers
        self._insert(cursor, laid_out, spans, lambda span: self.style.char_format(span, line.heading, quiet=quiet))

    def _insert(
        self,
        cursor: QTextCursor,
        laid_out: Sequence[Span],
        spans: Sequence[Span],
        format_of: Callable[[Span], QTextCharFormat],
    ) -> None:
        for shown, span in zip(laid_out, spans, strict=True):
            if shown.text == OBJECT:  # a drawing has the size and colour of text, not of a formula's source
                char_format = self.formulas.formula_format(format_of(replace(span, math=False)), span.text)
            else:
                char_format = format_of(span)
            cursor.insertText(shown.text, char_format)

    def _code_lines(self, cursor: QTextCursor, before: Block | None, code: Code, last_line: str, text: str) -> None:
        """Insert `text` at the end of the document, which ends with `last_line` of the same code."""
        chars = self.style.code_char_format()
        following = self.style.code_format(before, code, first=False)
        continuing = QTextBlockFormat(following)
        continuing.setProperty(CONTINUES, True)
        head, *rest = text.split("\n")
        self._code_line(cursor, last_line, head, continuing, chars)
        for line in rest:
            cursor.insertBlock(following, chars)
            self._code_line(cursor, "", line, continuing, chars)

    @staticmethod
    def _code_line(
        cursor: QTextCursor, existing: str, more: str, continuing: QTextBlockFormat, chars: QTextCharFormat
    ) -> None:
        """Insert `more` behind the `existing` text of a line, with a text block for each piece of a very long one."""
        at, line = len(existing), existing + more
        # The cuts of a prefix are a prefix of the cuts: those within `existing` have been made.
        for cut in cuts_of(line):
            if cut >= len(existing):
                cursor.insertText(line[at:cut], chars)
                cursor.insertBlock(continuing, chars)
                at = cut
        cursor.insertText(line[at:], chars)

    def _table(self, cursor: QTextCursor, block: Table) -> None:
        table_format = QTextTableFormat()
        table_format.setBorder(0)
        table_format.setBorderCollapse(True)
        table_format.setCellSpacing(0)
        table_format.setCellPadding(0)
        table_format.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_None)
        table_format.setHeaderRowCount(1)
        if runs_right_to_left(block):
            table_format.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            table_format.setAlignment(Qt.AlignmentFlag.AlignRight)
        index = len(self.blocks)
        self.tables.plan(index, block, table_format)
        table = cursor.insertTable(len(block.rows), len(block.aligns), table_format)
        self.tables.take(index, table)
        for number, row in enumerate(block.rows):
            self._row(table, block, number, row)
        cursor.movePosition(_END)
        cursor.setBlockFormat(self.style.thin_format())
        cursor.setBlockCharFormat(self.style.thin_char_format())

    def _row(self, table: QTextTable, block: Table, number: int, row: Sequence[tuple[Span, ...]]) -> None:
        theme = self.style.theme
        cell_format = QTextTableCellFormat()
        cell_format.setTopPadding(theme.px(6))
        cell_format.setBottomPadding(theme.px(6))
        cell_format.setRightPadding(theme.px(CELL_PAD))
        cell_format.setLeftPadding(theme.px(CELL_PAD))
        cell_format.setBottomBorder(1)
        cell_format.setBottomBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        cell_format.setBottomBorderBrush(theme.color("ink-3" if number == 0 else "line"))
        from_right = runs_right_to_left(block)
        for column, spans in enumerate(row):
            # Qt places the columns from left to right whatever the direction of the table.
            cell = table.cellAt(number, len(row) - 1 - column if from_right else column)
            cell.setFormat(cell_format)
            cursor = cell.firstCursorPosition()
            cursor.setPosition(cell.lastCursorPosition().position(), _KEEP)
            cursor.removeSelectedText()
            cursor.setBlockFormat(self.style.cell_format(block.aligns[column], spans))
            in_cell = tuple(replace(span, bold=True) for span in spans) if number == 0 else spans
            self._insert(cursor, self.laid_out(spans), in_cell, partial(self.style.char_format, pill=True))

    def _grow(self, cursor: QTextCursor, old: Block, new: Block, index: int) -> bool:
        """Change the last block from `old` to `new` at its end only. Returns false when that is not possible."""
        match old, new:
            case Line(), Line():
                return self._grow_line(cursor, old, new, self.starts[index])
            case Code(), Code():
                return self._grow_code(cursor, old, new, index)
            case Table(), Table():
                return self._grow_table(cursor, old, new, index)
        return False

    def _grow_line(self, cursor: QTextCursor, old: Line, new: Line, start: int) -> bool:
        same_direction = is_right_to_left(old.spans) == is_right_to_left(new.spans)
        if replace(old, spans=()) != replace(new, spans=()) or not same_direction:
            return False
        at = start + (len(old.marker) + 1 if old.marker else 0)
        same = 0  # spans at the beginning that do not change
        shown, to_show = self.laid_out(old.spans), self.laid_out(new.spans)
        for old_span, new_span, shown_span in zip(old.spans, new.spans, shown, strict=False):
            if old_span != new_span or shown_span != to_show[same]:
                break
            at += utf16(shown_span.text)
            same += 1
        rest, sources = list(to_show[same:]), new.spans[same:]
        if rest and same < len(shown):
            # Of the first span that changes, the common beginning stays. A formula is one object: all or nothing.
            old_span = shown[same]
            if OBJECT not in (old_span.text, rest[0].text) and replace(old_span, text="") == replace(rest[0], text=""):
                common = _common_start(old_span.text, rest[0].text)
                at += utf16(old_span.text[:common])
                rest[0] = replace(rest[0], text=rest[0].text[common:])
        cursor.setPosition(at)
        cursor.movePosition(_END, _KEEP)
        cursor.removeSelectedText()
        self._spans(cursor, new, rest, sources)
        return True

    def _grow_code(self, cursor: QTextCursor, old: Code, new: Code, index: int) -> bool:
        if (old.language, old.containers) != (new.language, new.containers):
            return False
        before = self.blocks[index - 1] if index else None
        cursor.movePosition(_END)
        if new.text.startswith(old.text):
            last_line = old.text[old.text.rfind("\n") + 1 :]
            self._code_lines(cursor, before, new, last_line, new.text[len(old.text) :])
            self.code.take(index, new)
            return True
        if old.text.startswith(new.text):  # the beginning of a closing fence looked like code
            cursor.setPosition(self.starts[index] + utf16(_laid_out_code(new.text)))
            cursor.movePosition(_END, _KEEP)
            cursor.removeSelectedText()
            self.code.take(index, new)
            return True
        return False

    def _grow_table(self, cursor: QTextCursor, old: Table, new: Table, index: int) -> bool:
        if (old.aligns, old.containers) != (new.aligns, new.containers) or new.rows[: len(old.rows)] != old.rows:
            return False
        # The last text block is the empty one behind the table, see `Style.thin_format`.
        cursor.movePosition(_END)
        cursor.movePosition(QTextCursor.MoveOperation.PreviousCharacter)
        table = cursor.currentFrame()
        if not isinstance(table, QTextTable):
            return False
        count = len(new.rows) - len(old.rows)
        if count:
            table.appendRows(count)
        for number in range(len(old.rows), len(new.rows)):
            self._row(table, new, number, new.rows[number])
        if count:
            self.tables.grow(index, new, new.rows[len(old.rows) :])
        return True


def formulas_of(block: Block) -> set[str]:
    """The sources of the formulas in a block."""
    match block:
        case Formula(text=text):
            return {text}
        case Line(spans=spans):
            return {span.text for span in spans if span.math}
        case Table(rows=rows):
            return {span.text for row in rows for cell in row for span in cell if span.math}
    return set()


def _common_start(one: str, other: str) -> int:
    if other.startswith(one):
        return len(one)
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def _laid_out_code(code: str) -> str:
    return "\n".join(code[begin:end] for begin, end in rows_of(code))


def utf16(text: str) -> int:
    """Length of a text in UTF-16 code units, in which positions of a QTextDocument are counted."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
