"""The one object the window talks to: it has a part for each kind of thing a person can do, and a signal for everything
that happens.

A message goes composer → `messages.send` → store (committed) → engine → `answer_text` → transcript. `ChatViewModel` has
the open conversation and the signals, `AnswerQueue` has questions answered, `ModelControl` loads models.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.chat.control.context import ContextControl
from desktop.chat.control.conversations import ConversationControl
from desktop.chat.control.messages import MessageControl
from desktop.chat.refusals import store_faults
from desktop.chat.state import ANSWER, AnswerRequest
from desktop.chat.view_model import ChatViewModel
from desktop.settings import Settings
from desktop.store import Store

# The engine's modules are imported at their first use, after the window is painted.
if TYPE_CHECKING:
    from desktop.chat.beside.quick_chat import QuickChat
    from desktop.chat.control.other_answers import OtherAnswers
    from desktop.chat.files.attaching import Attaching
    from desktop.chat.files.exchange import Exchange
    from desktop.chat.model_host import EngineFactory
    from desktop.chat.model_server import ModelServer
    from desktop.chat.pictures.reading import PictureReading


class ChatController(ChatViewModel):
    """What the window is given. Beside its own parts it has those of the view model: `models`, `drafting`, `projects`,
    `personas`, `facts`, `documents`.

    Args:
        store: has the conversations. It stays open; its owner closes it.
        settings: of the program.
        engine_factory: starts the model's process; None: as the program does.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        engine_factory: EngineFactory | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(store, settings, engine_factory=engine_factory, parent=parent)
        self.context = ContextControl(self, store, settings)
        self.conversations = ConversationControl(self, store, self.context)
        self.messages = MessageControl(self, store, self.conversations)

    @cached_property
    def other_answers(self) -> OtherAnswers:
        """The questions that other models answer, too."""
        from desktop.chat.control.other_answers import OtherAnswers

        return OtherAnswers(self, self._store, self.context, self.conversations)

    @cached_property
    def exchange(self) -> Exchange:
        """Export and import of conversations."""
        from desktop.chat.files.exchange import Exchange

        exchange = Exchange(self._store, self.save, self)
        exchange.notice.connect(self.notice)
        exchange.imported.connect(self.conversations_changed)
        return exchange

    @cached_property
    def attaching(self) -> Attaching:
        """Files that are to go along with a question."""
        from desktop.chat.files.attaching import Attaching

        attaching = Attaching(self.models.host, self)
        attaching.notice.connect(self.notice)
        return attaching

    @cached_property
    def pictures(self) -> PictureReading:
        """Pictures that are to go along with a question, and the text in them."""
        from desktop.chat.pictures.files import PictureFiles
        from desktop.chat.pictures.reading import PictureReading

        pictures = PictureReading(self.models.host, PictureFiles(self._store), self)
        pictures.notice.connect(self.notice)
        return pictures

    def picture_data(self, digest: str) -> bytes:
        """The file of a stored picture; empty where it cannot be read, which a notice says."""
        return self.read(lambda: self._store.picture_data(digest), b"")

    @cached_property
    def server(self) -> ModelServer:
        """What serves the model to other programs, while the person has switched it on."""
        from desktop.chat.model_server import ModelServer

        return ModelServer(self)

    def quick_chat(self) -> QuickChat:
        """A new conversation beside the open one."""
        from desktop.chat.beside.quick_chat import QuickChat

        chat = QuickChat(
            self._store, self.answers, lambda: (self.models.ref, self._settings.overflow), self.notice.emit, self
        )
        chat.stored.connect(self.conversations_changed)
        return chat

    # From the start to the end

    def start(self, model: str = "") -> None:
        """Purge deleted conversations and load a model: `model` if it can be, else the last one used.

        Called once, when the window is shown.
        """
        from desktop.chat.pictures.files import PictureFiles
        from desktop.chat.saved_states import delete_orphans, saved_states

        if not self._store.is_read_only:
            # Here and not when they are deleted, because a deletion can be undone until the program ends.
            with store_faults(self.notice.emit):
                self._store.purge_deleted(older_than_s=0)
            delete_orphans(self._store)
            with store_faults(self.notice.emit):
                PictureFiles(self._store).delete_orphans()
            # The model that was in use when the setting was made smaller has saved its conversation as it ended.
            saved_states().shrink(self._settings.state_budget)
        self.models.start(model)

    def save(self) -> bool:
        """Store everything that is not stored yet; False when the store refuses something."""
        stored = self.answers.save_all() if "answers" in self.__dict__ else True
        return (self.drafting.flush() if "drafting" in self.__dict__ else True) and stored

    def close(self) -> None:
        """Store the answer so far and end the engine. The store stays open; its owner closes it."""
        # A `cached_property` is in `__dict__` once it was used: nothing is created only to be closed.
        if "exchange" in self.__dict__:
            self.exchange.close()
        if "pictures" in self.__dict__:
            self.pictures.close()
        # The order matters: the answer is stored before its engine ends.
        if "server" in self.__dict__:
            self.server.close()
        if "answers" in self.__dict__:
            self.answers.close()
        self.models.close()
        if "slow_mind" in self.__dict__:
            self.slow_mind.close()
        if "drafting" in self.__dict__:
            self.drafting.close()
        if "folders" in self.__dict__:
            self.folders.close()

    # Notices

    def act(self, key: str, action: str) -> None:
        """Do what a button of a notice says."""
        self.notice_cleared.emit(key)
        question = self.dismiss(key)
        match action:
            case "undo":
                self.conversations.undo_delete(key)
            case "drop_oldest" | "cut_middle" | "summarise":
                self.context.go_on_with(action, question)
            case "unpin_all":
                self.context.go_on_without_pins(question)
            case "larger_context":
                self.models.change_context(2.0)
                self.context.ask_again(question)
            case "smaller_context":
                self.models.change_context(0.5)
            case "edit_question":
                if question is not None:
                    self.edit_requested.emit(question.message_id)
            case "open_imported":
                self.conversations.open(self.exchange.newest_import)
            case "restart_engine":
                self.models.reload()
            case "new_chat":
                self.conversations.new_chat()

    def dismiss(self, key: str) -> AnswerRequest | None:
        """A notice was closed and must not come back. Returns the question of the open conversation it was about."""
        if key != ANSWER or self._conversation is None:
            return None
        return self.answers.pop_notice(self._conversation.id)

    # Serving

    def serve(self, on: bool) -> None:
        """Serve the present model to other programs on this computer, or stop that."""
        info = self.model.info
        if not on:
            self.server.stop()
        elif info is not None:
            self.server.start(info.path, self.models.loaded_with())
