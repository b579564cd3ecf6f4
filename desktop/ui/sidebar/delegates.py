"""Paints the rows of the sidebar: what all rows share, and sections, projects and conversations."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QStyledItemDelegate, QWidget

from desktop.i18n import translate
from desktop.ui.sidebar.conversations import ItemRole
from desktop.ui.style.icons import icon
from desktop.ui.style.theme import Theme, theme

_INDENT = 18
"""Of the conversations of a project, in pixels at 100 %."""
LINE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine


class RowDelegate(QStyledItemDelegate):
    """Paints the background, the violet bar and the focus ring of a row.

    The list sets the hovered and the focused row (-1: none). Reading them from the style option would cost every start
    seven milliseconds, in which PySide6 builds the class of its flags.
    """

    hovered = -1
    focused = -1

    def background(self, painter: QPainter, rect: QRect, row: int, *, is_open: bool) -> QRect:
        """Paint behind the text and return the area for the text."""
        look = theme()
        area = QRectF(rect).adjusted(look.px(8), 1, -look.px(8), -1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if is_open or row == self.hovered:
            painter.setBrush(look.color("violet-soft" if is_open else "hover"))
            painter.drawRoundedRect(area, look.radius, look.radius)
        if is_open:
            bar = QRectF(area.left(), area.top() + look.px(7), look.px(3), area.height() - look.px(14))
            if QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft:
                bar.moveRight(area.right())
            painter.setBrush(look.color("violet"))
            painter.drawRoundedRect(bar, bar.width() / 2, bar.width() / 2)
        if row == self.focused:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.color("violet"), 1))
            painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), look.radius, look.radius)
        return area.toRect().adjusted(look.px(12), 0, -look.px(8), 0)


class ConversationDelegate(RowDelegate):
    """Sections, projects and conversations; all rows are of one height, so that a long list lays out at once."""

    def sizeHint(self, _option: Any, _index: Any) -> QSize:
        """One line."""
        return QSize(theme().px(120), theme().px(34))

    def paint(self, painter: QPainter, option: Any, index: QModelIndex | QPersistentModelIndex) -> None:
        """One row."""
        look = theme()
        painter.save()
        text = index.data(Qt.ItemDataRole.DisplayRole)
        if index.data(ItemRole.IS_SECTION):
            font = look.font_small
            font.setWeight(QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(look.color("ink-3"))
            area = option.rect.adjusted(look.px(20), look.px(8), -look.px(16), 0)
            painter.drawText(area, LINE, text)
        elif (project := index.data(ItemRole.PROJECT)) is not None:
            self._paint_project(painter, option.rect, index, text, collapsed=project.collapsed)
        else:
            is_open = bool(index.data(ItemRole.IS_OPEN))
            area = self.background(painter, option.rect, index.row(), is_open=is_open)
            if index.data(ItemRole.IN_PROJECT):
                area.setLeft(area.left() + look.px(_INDENT))
            is_more = index.data(ItemRole.MORE_OF) is not None
            if index.row() == self.hovered and not is_more:
                self._paint_menu_button(painter, option.rect, look)
                area.setRight(self.menu_button_rect(option.rect).left())
            if index.data(ItemRole.HAS_FAILED):
                area.setRight(self._paint_warning(painter, area, look).left() - look.px(4))
            font = list_font(look)
            if is_open:
                font.setWeight(QFont.Weight.Medium)
            painter.setFont(font)
            painter.setPen(look.color("ink-2" if is_more else "ink"))
            shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, LINE, shown)
        painter.restore()

    def _paint_project(
        self,
        painter: QPainter,
        row: QRect,
        index: QModelIndex | QPersistentModelIndex,
        name: str,
        *,
        collapsed: bool,
    ) -> None:
        look = theme()
        area = self.background(painter, row, index.row(), is_open=bool(index.data(ItemRole.IS_OPEN)))
        side = look.px(16)
        arrow = QRect(area.left() - look.px(4), area.center().y() - side // 2 + 1, side, side)
        icon("chevron-right" if collapsed else "chevron-down", "ink-3", 16).paint(painter, arrow)
        folder = arrow.translated(side + look.px(4), 0)
        icon("folder" if collapsed else "folder-open", "ink-2", 16).paint(painter, folder)
        area.setLeft(folder.right() + look.px(6))
        if index.row() == self.hovered:
            self._paint_menu_button(painter, row, look)
            area.setRight(self.menu_button_rect(row).left())
        font = list_font(look)
        font.setWeight(QFont.Weight.Medium)
        painter.setFont(font)
        painter.setPen(look.color("ink"))
        painter.drawText(area, LINE, QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideRight, area.width()))

    def menu_button_rect(self, row: QRect) -> QRect:
        """The area of the ⋯ button of a hovered row."""
        side = theme().px(24)
        return QRect(row.right() - theme().px(12) - side, row.center().y() - side // 2 + 1, side, side)

    def createEditor(self, parent: QWidget, _option: Any, index: Any) -> QWidget:
        """A line edit in the row."""
        conversation_id, model = index.data(ItemRole.SUMMARY).id, index.model()
        editor = QLineEdit(parent)
        editor.textEdited.connect(lambda title: model.title_typed.emit(conversation_id, title))
        editor.setProperty("conversation_id", conversation_id)
        editor.setProperty("role", "inline")
        editor.setMaxLength(200)
        editor.setAccessibleName(translate("Sidebar", "Title of the conversation"))
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: Any, _index: Any) -> None:
        """Cover the whole row."""
        editor.setGeometry(option.rect.adjusted(theme().px(8), 1, -theme().px(8), -1))

    def _paint_menu_button(self, painter: QPainter, row: QRect, look: Theme) -> None:
        area = self.menu_button_rect(row)
        inset = look.px(2)
        icon("more").paint(painter, area.adjusted(inset, inset, -inset, -inset))

    def _paint_warning(self, painter: QPainter, row: QRect, look: Theme) -> QRect:
        side = look.px(16)
        area = QRect(row.right() - side, row.center().y() - side // 2 + 1, side, side)
        icon("warning", "bad", 16).paint(painter, area)
        return area


def list_font(look: Theme) -> QFont:
    """A little smaller than the text of messages."""
    font = look.font_body
    font.setPixelSize(look.px(14))
    return font
