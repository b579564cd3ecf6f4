"""Dictation in the window: the button in the composer, its shortcut, and audio files that are dropped.

What is said lands at the cursor of the composer, and is never sent by itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt

from desktop.chat.state import Notice
from desktop.i18n import current_language, translate
from desktop.ui.announce import announce
from desktop.ui.voice.talk_keys import HOLD_S, TalkKeys

if TYPE_CHECKING:
    from belle.errors import KnownError
    from belle.speech.events import Microphone
    from desktop.chat.controller import ChatController
    from desktop.ui.voice.dictation_bar import DictationBar
    from desktop.ui.voice.dictation_page import DictationPage
    from desktop.ui.window.layout import WindowLayout
    from desktop.voice.dictation import Dictation, DictationState

_AUDIO = (
    ".aac",
    ".aif",
    ".aiff",
    ".amr",
    ".caf",
    ".flac",
    ".m4a",
    ".mka",
    ".mp3",
    ".oga",
    ".ogg",
    ".opus",
    ".wav",
    ".wma",
)
_FILMS = (".mkv", ".mov", ".mp4", ".webm")
_NOTICE = "dictation"


def is_audio(path: str) -> bool:
    """Whether a dropped file is one to be written down: by its name a recording, or a film."""
    return Path(path).suffix.lower() in (*_AUDIO, *_FILMS) and not Path(path).is_dir()


class WindowDictation(QObject):
    """Dictation for one window. Nothing of it is loaded before it is first used.

    Args:
        window: has the composer, and the settings.
        controller: its notices say why nothing is written down.
    """

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._bar: DictationBar | None = None
        self._page: DictationPage | None = None
        self._pressed_at: float | None = None  # the button began a recording, and is still held
        self._keys = TalkKeys(Qt.Key.Key_M, self)
        self._keys.cancelled.connect(self.cancel)
        self._keys.let_go.connect(self._finish)
        button = window.composer.microphone_button
        button.pressed.connect(self._press)
        button.released.connect(self._release)

    @cached_property
    def dictation(self) -> Dictation:
        """Made at its first use, with its imports."""
        from desktop.voice.dictation import Dictation

        dictation = Dictation(self._window.settings, self._language, self)
        dictation.changed.connect(self._show)
        dictation.level.connect(lambda seconds, rms: self._shown_bar().show_level(seconds, rms))
        dictation.said.connect(self._window.composer.insert_text)
        dictation.failed.connect(self._failed)
        dictation.microphones_listed.connect(self._microphones_listed)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(dictation.close)
        return dictation

    def toggle(self) -> None:
        """The shortcut: begin to record, or end it. Held, it ends when it is let go."""
        if self._is_recording():
            self._finish()
        else:
            self._start()
            self._keys.hold()

    def transcribe(self, paths: Sequence[str]) -> None:
        """Write down what is said in files."""
        self._controller.notice_cleared.emit(_NOTICE)
        self.dictation.transcribe(map(Path, paths))

    def cancel(self) -> None:
        """Throw away what is being recorded, or write down no more."""
        if "dictation" in self.__dict__:
            self.dictation.cancel()

    def connect_page(self, page: DictationPage) -> None:
        """Fill the page of the settings with the microphones when it is shown."""
        page.microphones_requested.connect(self._list_microphones)
        self._page = page

    def _list_microphones(self) -> None:
        self.dictation.list_microphones()

    def _microphones_listed(self, microphones: Sequence[Microphone]) -> None:
        with suppress(RuntimeError):  # the dialog has been closed meanwhile
            if self._page is not None:
                self._page.show_microphones([(microphone.id, microphone.name) for microphone in microphones])

    def _press(self) -> None:
        if self._is_recording():
            self._finish()
        else:
            self._start()
            self._pressed_at = time.monotonic()  # after the first start, which takes a moment

    def _release(self) -> None:
        since, self._pressed_at = self._pressed_at, None
        if since is not None and time.monotonic() - since >= HOLD_S:
            self._finish()

    def _start(self) -> None:
        self._controller.notice_cleared.emit(_NOTICE)
        self.dictation.start()

    def _finish(self) -> None:
        self.dictation.finish()

    def _is_recording(self) -> bool:
        return "dictation" in self.__dict__ and self.dictation.state.phase == "recording"

    def _language(self) -> str:
        return self._window.settings.speech_language or ("zh" if current_language() == "zh_CN" else "en")

    def _shown_bar(self) -> DictationBar:
        if self._bar is None:
            from desktop.ui.voice.dictation_bar import DictationBar

            bar = self._bar = DictationBar(self._language())
            bar.finish_requested.connect(self._finish)
            bar.cancel_requested.connect(self.cancel)
            bar.language_switched.connect(lambda code: self._window.settings.set_value("speech/language", code))
            self._window.add_above_composer(bar)
        return self._bar

    def _show(self, state: DictationState) -> None:
        on = state.phase != "off"
        bar = self._shown_bar()
        had_focus = bar.isAncestorOf(self._window.focusWidget()) if self._window.focusWidget() else False
        if on:
            bar.set_language(self._language())
            bar.show_state(state)
            self._keys.watch()
        else:
            self._keys.rest()
        if on and bar.isHidden():
            announce(self._window, translate("Dictation", "Listening"))
        bar.setVisible(on)
        if had_focus and not on:
            self._window.composer.setFocus(Qt.FocusReason.OtherFocusReason)
        self._window.composer.set_dictating(on=state.phase == "recording")

    def _failed(self, error: KnownError) -> None:
        actions = ("get_speech_model",) if error.kind == "no_speech_model" else ()
        self._controller.notice.emit(Notice.of(error, actions=actions, key=_NOTICE))
