from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMenu

from belle.engine.process.protocol import Sampling
from desktop.chat.state import ContextUsage, ModelChoice, ModelState, Notice
from desktop.settings import Settings
from desktop.store import StoredSummary
from desktop.ui.style.theme import theme
from desktop.ui.window.main_window import MainWindow
from tests.support.fake_controller import STARTER, STARTER_INFO

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def make(qtbot, controller, settings):
    def build(**size) -> MainWindow:
        window = MainWindow(controller, settings)
        qtbot.addWidget(window)
        if size:
            window.resize(size["width"], size["height"])
        with qtbot.waitExposed(window):
            window.show()
        qtbot.waitUntil(lambda: window.pages.currentWidget() is not None)
        return window

    return build


@pytest.fixture
def window(make) -> MainWindow:
    return make()


def dialog(kind: str) -> QDialog:
    dialogs = [w for w in QApplication.topLevelWidgets() if type(w).__name__ == kind and w.isVisible()]
    assert len(dialogs) == 1, dialogs
    return dialogs[0]


def test_typing_is_possible_at_once(make, controller):
    window = make()
    assert window.windowTitle() == "New chat — ChatBELLE"
    assert window.focusWidget() is window.composer.editor
    assert window.pages.currentWidget() is window.welcome
    QTest.keyClicks(window.composer.editor, "hello")
    assert window.composer.text() == "hello"


def test_a_question_goes_out_and_the_field_is_free(window, controller):
    QTest.keyClicks(window.composer.editor, "What is rain?")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls[-1] == ("send", "What is rain?")
    assert window.composer.text() == ""
    assert window.pages.currentWidget() is window.transcript
    assert window.windowTitle() == "What is rain? — ChatBELLE"
    QTest.keyClicks(window.composer.editor, "And snow?")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert [m.text for m in window.transcript.messages()] == ["What is rain?", "And snow?"]
    # The draft of "a new chat" was sent: it must not come back.
    window.window_actions.by_id["new_chat"].trigger()
    assert window.composer.text() == ""


def test_a_question_can_be_sent_before_the_first_painting(qtbot, controller, settings):
    window = MainWindow(controller, settings)
    qtbot.addWidget(window)
    QTest.keyClicks(window.composer.editor, "early")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == [("send", "early")]
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.sidebar.model.rowCount() > 0)
    assert window.pages.currentWidget() is window.transcript


def test_a_refused_question_stays(window, controller):
    controller.refuse = True
    QTest.keyClicks(window.composer.editor, "precious")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == [("send", "precious")]
    assert window.composer.text() == "precious"


def test_an_answer_streams_into_the_transcript(window, controller, qtbot):
    controller.add("a", texts=("question",))
    controller.conversations_changed.emit()
    controller.open_conversation(1)
    controller.prefill.emit(50, 100, 2.0)
    answer = controller.begin_answer()
    controller.answer_text.emit(answer.id, "我是")
    controller.answer_text.emit(answer.id, "春雨")
    assert window.transcript.messages()[-1].text == "我是春雨"
    assert window.composer.button.accessibleName() == "Stop"
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Escape)
    assert controller.calls[-1] == ("stop",)
    controller.message_updated.emit(replace(answer, text="我是春雨", status="stopped"))
    assert window.transcript.messages()[-1].status == "stopped"


def test_drafts_stay_with_their_conversations(window, controller):
    first = controller.add("first", texts=("a",))
    controller.conversations_changed.emit()
    window.composer.set_text("unsent")
    controller.open_conversation(first)
    assert window.composer.text() == ""
    controller.new_chat()
    assert window.composer.text() == "unsent"


def test_shortcuts_reach_what_they_name(window, controller, qtbot):
    controller.add("first", texts=("q", "a"))
    controller.add("second", days_ago=1, texts=("q2", "a2"))
    controller.conversations_changed.emit()
    controller.open_conversation(1)

    def press(key, modifiers=CTRL):
        QTest.keyClick(window.focusWidget() or window, key, modifiers)

    press(Qt.Key.Key_Tab)
    assert controller.conversation.title == "second"
    press(Qt.Key.Key_Tab)
    assert controller.conversation.title == "first"
    press(Qt.Key.Key_R)
    assert controller.calls[-1] == ("regenerate", controller.paths[1][-1].id)
    press(Qt.Key.Key_C, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert QGuiApplication.clipboard().text() == "a"
    press(Qt.Key.Key_K)
    assert window.focusWidget() is window.sidebar.search_field
    press(Qt.Key.Key_L)
    assert window.focusWidget() is window.composer.editor
    press(Qt.Key.Key_B)
    assert window.sidebar.isHidden()
    press(Qt.Key.Key_K)
    assert not window.sidebar.isHidden()
    press(Qt.Key.Key_N)
    assert controller.calls[-1] == ("new_chat",)
    press(Qt.Key.Key_Equal)
    assert theme().zoom > 1
    press(Qt.Key.Key_0)
    assert theme().zoom == 1
    press(Qt.Key.Key_Slash)
    dialog("ShortcutsDialog").reject()
    press(Qt.Key.Key_Comma)
    dialog("SettingsDialog").reject()


def test_the_settings_go_back_to_the_figures_of_the_model_that_is_open(window, controller):
    own = controller.own_sampling()
    assert own != Sampling()
    window.window_actions.dialogs.show_settings("answers")
    shown = dialog("SettingsDialog")
    assert shown.fields["temperature"].value() == pytest.approx(own.temperature)
    shown.fields["temperature"].setValue(1.5)
    shown.fields["top_k"].setValue(7)
    shown.reset_button.click()
    assert shown.fields["temperature"].value() == pytest.approx(own.temperature)
    assert shown.fields["top_k"].value() == own.top_k
    assert window.settings.sampling(own) == own
    shown.reject()


def test_f2_renames_where_the_keyboard_is(window, controller, qtbot):
    controller.add("first", texts=("q",))
    controller.conversations_changed.emit()
    controller.open_conversation(1)
    window.composer.editor.setFocus()
    QTest.keyClick(window.composer.editor, Qt.Key.Key_F2)
    assert window.focusWidget() is window.header.title_field
    window.header.title_field.setText("Spring rain")
    QTest.keyClick(window.header.title_field, Qt.Key.Key_Return)
    assert controller.calls[-1] == ("rename", 1, "Spring rain")
    assert window.windowTitle() == "Spring rain — ChatBELLE"
    window.sidebar.list.setFocus()
    QTest.keyClick(window.sidebar.list, Qt.Key.Key_F2)
    assert window.sidebar.list.is_editing()


def test_escape_leaves_the_title_as_it_was(window, controller):
    controller.add("first", texts=("q",))
    controller.open_conversation(1)
    window.header.edit_title()
    window.header.title_field.setText("other")
    QTest.keyClick(window.header.title_field, Qt.Key.Key_Escape)
    assert ("rename", 1, "other") not in controller.calls
    assert window.header.title_label.whole_text() == "first"


def test_up_edits_the_last_question(window, controller, qtbot):
    controller.add("first", texts=("q", "a"))
    controller.open_conversation(1)
    window.composer.editor.setFocus()
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Up)
    question = window.transcript.message_widget(controller.paths[1][0].id)
    assert question.editor is not None


def test_deleting_offers_to_undo(window, controller):
    chosen = controller.add("first", texts=("q",))
    controller.conversations_changed.emit()
    controller.open_conversation(chosen)
    window.sidebar.list.setFocus()
    QTest.keyClick(window.sidebar.list, Qt.Key.Key_Delete)
    assert controller.calls[-1] == ("delete", chosen)
    assert window.windowTitle() == "New chat — ChatBELLE"
    banner = window.banners.banner(f"deleted-{chosen}")
    assert "first" in banner.spoken()
    banner.buttons["undo"].click()
    assert controller.calls[-1] == ("act", f"deleted-{chosen}", "undo")


def test_notices_come_and_go(window, controller):
    controller.notice.emit(Notice("truncated", "bad", {"path": "/x/a.gguf"}, (), "model"))
    assert window.banners.keys() == ["model"]
    controller.notice_cleared.emit("model")
    assert window.banners.keys() == []


def test_where_nothing_can_be_written_nothing_is_sent(window, controller):
    controller.notice.emit(Notice("read_only", "bad", {"path": "/x"}, (), "store"))
    QTest.keyClicks(window.composer.editor, "kept")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == []
    assert window.composer.hint.text() == "Reading only"
    window.banners.banner("store").close_button.click()
    assert controller.dismissed == ["store"]
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == [("send", "kept")]


def test_choose_model_in_a_banner_opens_the_menu(window, controller, qtbot):
    shown = []
    window.header.show_model_menu = lambda: shown.append(True)
    controller.notice.emit(Notice("no_model", "info", {}, ("choose_model",), "model"))
    window.banners.banner("model").buttons["choose_model"].click()
    assert shown == [True]
    assert controller.calls[-1] == ("act", "model", "choose_model")


def test_the_model_is_named_everywhere(window, controller):
    controller.model_changed.emit(ModelState("loading", "SmolLM2 135M", 0.42))
    assert "42 %" in window.header.model_button.text()
    assert not window.header.progress.isHidden()
    controller.make_ready(STARTER)
    assert window.header.model_button.text() == "SmolLM2 135M · 4-bit"
    assert "Q4_1" in window.header.model_button.toolTip()
    assert window.header.progress.isHidden()
    assert "4-bit" in window.status.model_label.text()
    controller.model_changed.emit(ModelState("failed", "Broken"))
    assert "Broken" in window.header.model_button.text()


def test_the_gauge_warns_when_nearly_full(window, controller):
    controller.context_usage.emit(ContextUsage(812, 4096))
    assert window.status.context_label.text() == "context 812 / 4,096"
    assert not window.status.context_label.property("level")
    controller.context_usage.emit(ContextUsage(3500, 4096))
    assert window.status.context_label.property("level") == "warn"
    assert "nearly full" in window.status.gauge.accessibleName()
    controller.speed.emit(41.26)
    assert window.status.speed_label.text() == "41 tok/s"
    controller.speed.emit(None)
    assert window.status.speed_label.text() == ""


@pytest.mark.parametrize("way", ["gauge by mouse", "gauge by key", "figures", "more menu"])
def test_what_happens_when_the_context_is_full_is_chosen_from_the_gauge_and_the_menu(window, controller, way):
    controller.usage = ContextUsage(812, 4096, 120)
    controller.context_usage.emit(controller.usage)
    gauge = window.status.gauge
    if way == "gauge by mouse":
        QTest.mouseClick(gauge, Qt.MouseButton.LeftButton)
    elif way == "gauge by key":
        gauge.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(gauge, Qt.Key.Key_Return)
    elif way == "figures":
        QTest.mouseClick(window.status.context_label, Qt.MouseButton.LeftButton)
    else:
        window.header.more_menu.aboutToShow.emit()
        actions = window.header.more_menu.actions()
        next(action for action in actions if action.text() == "When the context is full…").trigger()
    asked = dialog("ContextDialog")
    assert controller.calls == [("count_context",)]
    controller.context_usage.emit(ContextUsage(900, 4096, 120))
    assert "900" in asked.bar.accessibleName()
    asked.choices["summarise"].button.click()
    asked.save_button.click()
    assert controller.calls[-1] == ("set_overflow", "summarise", False)


def test_a_summary_is_read_from_its_hairline_and_stays_open_until_it_is_stored(window, controller):
    conversation_id = controller.add("Water", texts=("one", "ONE", "two", "TWO"))
    ids = [message.id for message in controller.paths[conversation_id]]
    controller.stored[conversation_id] = replace(controller.stored[conversation_id], left_out=tuple(ids[:2]))
    controller.summary = StoredSummary(ids[1], tuple(ids[:2]), "of one", 0.0)
    controller.open_conversation(conversation_id)
    window.transcript.message_widget(ids[2]).stops()[0].click()
    shown = dialog("SummaryDialog")
    assert shown.field.toPlainText() == "of one"
    shown.field.setPlainText("as I say")
    controller.refuse = True
    shown.save_button.click()
    assert shown.isVisible()
    controller.refuse = False
    shown.save_button.click()
    assert controller.calls[-2:] == [("edit_summary", ids[1], "as I say")] * 2
    assert not shown.isVisible()


def test_a_message_is_pinned_by_key(window, controller):
    conversation_id = controller.add("Water", texts=("one", "ONE"))
    controller.open_conversation(conversation_id)
    answer = controller.paths[conversation_id][1]
    QTest.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert controller.calls[-1] == ("set_message_pinned", answer.id, True)


def test_a_search_hit_opens_at_its_message(window, controller, qtbot):
    controller.add("first", texts=tuple(f"text {n} " + "word " * 200 for n in range(12)))
    controller.conversations_changed.emit()
    window.sidebar.search_field.setText("text 3")
    qtbot.waitUntil(lambda: window.sidebar.stack.currentWidget() is window.sidebar.hit_list)
    window.sidebar.hit_list.setFocus()
    QTest.keyClick(window.sidebar.hit_list, Qt.Key.Key_Return)
    assert controller.conversation.id == 1
    bar = window.transcript.verticalScrollBar()
    assert 0 < bar.value() < bar.maximum()


def test_the_sidebar_folds_in_a_narrow_window(make):
    window = make(width=640, height=600)
    assert window.sidebar.isHidden()
    assert window.header.sidebar_button.isVisible()
    assert window.header.badge.isVisible()
    window.resize(1000, 600)
    assert not window.sidebar.isHidden()
    assert not window.header.badge.isVisible()
    window.toggle_sidebar()
    window.resize(600, 600)
    window.resize(1000, 600)
    assert window.sidebar.isHidden()


def test_the_offline_promise_is_always_in_sight(window):
    assert window.sidebar.badge.isVisible() != window.header.badge.isVisible()
    window.toggle_sidebar()
    assert window.sidebar.badge.isVisible() != window.header.badge.isVisible()
    window.header.badge.click()
    assert "leaves" in dialog("OfflineDialog").windowTitle()
    dialog("OfflineDialog").reject()


def test_the_window_remembers(make, settings, qtbot):
    first = make(width=760, height=500)
    first.splitter.setSizes([300, 460])
    first.toggle_sidebar()
    with qtbot.waitSignal(first.closed):
        first.close()
    second = make()
    assert (second.width(), second.height()) == (760, 500)
    assert second.sidebar.isHidden()
    second.toggle_sidebar()
    assert second.close()
    reopened = Settings()
    assert reopened.value("window/sidebar_folded") in (False, "false")


def drop(window: MainWindow, *urls: QUrl) -> bool:
    data = QMimeData()
    data.setUrls(list(urls))
    nothing = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(500, 300), *nothing)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPoint(500, 300), *nothing))
    return enter.isAccepted()


def test_a_file_dropped_on_the_window_is_opened(window, controller, qtbot, tmp_path):
    assert drop(window, QUrl.fromLocalFile(str(tmp_path / "模型.gguf")))
    qtbot.waitUntil(lambda: controller.calls == [("load_model", str(tmp_path / "模型.gguf"))])


def test_two_files_or_an_address_are_not(window, controller):
    assert not drop(window, QUrl("https://example.org/model.gguf"))
    assert not drop(window, QUrl.fromLocalFile("/a.gguf"), QUrl.fromLocalFile("/b.gguf"))
    assert controller.calls == []


def test_the_language_changes_while_it_runs(window, controller, settings, qtbot):
    controller.make_ready()
    settings.set_value("window/language", "zh_CN")
    qtbot.waitUntil(lambda: window.sidebar.new_button.text() == "新对话")
    assert window.windowTitle() == "新对话 — ChatBELLE"
    assert window.composer.editor.placeholderText().startswith("想问")
    assert window.header.model_button.text() == "SmolLM2 135M · 4 位"
    assert window.sidebar.badge.text() == "离线"
    assert window.window_actions.by_id["new_chat"].text() == "新对话"
    settings.set_value("window/language", "en")
    qtbot.waitUntil(lambda: window.sidebar.new_button.text() == "New chat")


def test_welcome_prompts_go_into_the_composer(window, controller):
    controller.make_ready()
    button = window.welcome.prompts[0]
    button.click()
    assert window.composer.text() == button.prompt
    assert controller.calls == []


def test_the_starter_is_asked_in_english_whatever_the_window_speaks(window, controller, settings, qtbot):
    settings.set_value("window/language", "zh_CN")
    qtbot.waitUntil(lambda: window.sidebar.new_button.text() == "新对话")
    assert any(not b.prompt.isascii() for b in window.welcome.prompts)
    controller.make_ready(STARTER)
    assert all(b.prompt.isascii() for b in window.welcome.prompts)
    assert "英文" in window.welcome._starter_words.text()


@pytest.mark.parametrize("width", [420, 640, 900])
def test_welcome_prompts_are_whole_at_any_width(make, controller, qtbot, width):
    window = make(width=width, height=700)
    for button in window.welcome.prompts:
        question = button._question
        qtbot.waitUntil(lambda q=question: q.height() >= q.heightForWidth(q.width()))
        assert button.rect().contains(question.geometry())


def test_get_belle_tells_about_it_without_a_network(window, controller):
    window.welcome.belle_button.click()
    library = dialog("LibraryDialog")
    assert "belle-7b-2m" in library.lines
    assert "research" in library.lines["belle-7b-2m"]._facts.text()
    library.reject()
    assert controller.calls == []


def test_the_library_opens_by_its_shortcut_once_and_loads_what_is_chosen(window, controller, qtbot):
    shortcut = window.window_actions.by_id["models"]
    shortcut.trigger()
    shortcut.trigger()
    library = dialog("LibraryDialog")
    assert window.isEnabled()
    library.lines["starter"].buttons["use"].click()
    assert controller.calls == [("load_model", "starter")]
    controller.model_ref = "starter"
    controller.make_ready()
    assert library.lines["starter"].buttons["use"].isHidden()
    assert library.lines["starter"].state.text() == "In use now"
    library.reject()


def test_model_menu_lists_loads_and_opens(window, controller):
    controller.model_ref = "starter"
    menu = window.header.model_menu
    menu.aboutToShow.emit()
    lines = {action.text().split("\t")[0]: action for action in menu.actions()}
    assert {"SmolLM2 135M", "Not here yet (1)", "Open a model file"} <= set(lines)
    lines |= {action.text().split("\t")[0]: action for action in lines["Not here yet (1)"].menu().actions()}
    assert not lines["SmolLM2 135M"].icon().isNull()
    lines["SmolLM2 135M"].trigger()
    assert controller.calls == [("load_model", "starter")]
    lines["BELLE-7B-2M"].trigger()
    dialog("LibraryDialog").reject()
    assert controller.calls == [("load_model", "starter")]


def test_the_model_menu_fits_a_small_screen_however_many_models_there_are(window, controller):
    gone = [replace(controller.choices[1], ref=f"b{i}", title=f"BELLE-7B-{i}") for i in range(18)]
    mine = [ModelChoice(f"/m/{i}", f"mine {i}", "/a/long/path" * 20, "installed", "file") for i in range(3)]
    controller.choices = [controller.choices[0], *gone, *mine]
    menu = window.header.model_menu
    menu.aboutToShow.emit()
    assert len(menu.actions()) <= 14
    assert menu.sizeHint().width() < 683
    assert menu.sizeHint().height() < 384


def test_a_missing_template_is_asked_for_and_may_wait(window, controller):
    controller.make_ready(replace(STARTER, info=replace(STARTER_INFO, template=None)))
    controller.template_needed.emit("belle-7b.gguf")
    dialog("TemplateDialog").reject()
    assert controller.calls == []
    controller.template_needed.emit("belle-7b.gguf")
    asked = dialog("TemplateDialog")
    asked.choose("chatml")
    assert asked.example.toPlainText().startswith("chatml:")
    asked.use_button.click()
    assert controller.calls == [("set_template", "chatml")]


@pytest.mark.parametrize("way", ["model menu", "more menu", "settings", "banner"])
def test_the_template_is_chosen_from_everywhere_at_any_time(window, controller, way):
    controller.make_ready()
    if way == "settings":
        window.window_actions.dialogs.show_settings("model")
        dialog("SettingsDialog").template_button.click()
    elif way == "banner":
        controller.notice.emit(Notice("template_error", "bad", {}, ("choose_template",), "answer"))
        window.banners.banner("answer").buttons["choose_template"].click()
    else:
        menu = window.header.model_menu if way == "model menu" else window.header.more_menu
        menu.aboutToShow.emit()
        next(action for action in menu.actions() if action.text() == "Prompt template…").trigger()
    asked = dialog("TemplateDialog")
    assert asked.choice().id == "gguf"
    asked.choose("gemma")
    asked.use_button.click()
    assert controller.calls[-1] == ("set_template", "gemma")


def test_system_prompt_is_edited(window, controller):
    controller.system_prompt = "Be brief."
    window.window_actions.dialogs.show_system_prompt()
    shown = dialog("SystemPromptDialog")
    assert shown.field.toPlainText() == "Be brief."
    shown.field.setPlainText("Be kind.")
    shown.save_button.click()
    assert controller.calls == [("set_system_prompt", "Be kind.")]


@pytest.mark.parametrize("thinks", [True, False, None])
def test_thinking_is_switched_in_the_menu_where_the_model_can(window, controller, thinks) -> None:
    controller.thinks = thinks
    menu = QMenu(window)
    window.window_actions._fill_more(menu)
    actions = [action for action in menu.actions() if action.text() == "Think before answering"]
    assert [action.isChecked() for action in actions] == ([] if thinks is None else [thinks])
    for action in actions:
        action.trigger()
        assert controller.calls[-1] == ("set_thinking", not thinks)


MANY = ("warn", "info", "bad", "warn", "bad", "info", "warn", "bad")


@pytest.mark.parametrize("size", [(1366, 720), (600, 480), (400, 360)])
def test_many_banners_take_a_bounded_height_and_none_lies_on_another(make, qtbot, size):
    window = make(width=size[0], height=size[1])
    least = window.centralWidget().minimumSizeHint().height()
    for number, level in enumerate(MANY):
        window._notice(Notice("disk_full", level, {"name": "x", "path": "/x"}, (), f"fault-{number}"))
    stack = window.banners
    qtbot.waitUntil(lambda: stack.verticalScrollBar().maximum() > 0)
    assert (window.width(), window.height()) == size
    assert stack.height() <= size[1] * 0.4
    assert window.centralWidget().minimumSizeHint().height() <= least + 60
    keys = stack.keys()
    shown = sorted(map(stack.banner, keys), key=lambda banner: banner.y())
    assert [banner.notice.key for banner in shown] == [f"fault-{n}" for n in (7, 4, 2, 6, 3, 0, 5, 1)]
    for above, below in pairwise(shown):
        assert above.geometry().bottom() < below.y()
    assert all(banner.height() >= banner.heightForWidth(banner.width()) for banner in shown)
    for key in keys:
        stack.clear(key)
    assert stack.isHidden()


def test_one_banner_is_shown_whole_and_grows_with_its_details(make, qtbot):
    window = make(width=900, height=700)
    window._notice(Notice("disk_full", "bad", {"message": "No room.", "path": "/x"}, (), "disk"))
    banner = window.banners.banner("disk")
    qtbot.waitUntil(lambda: banner.height() <= window.banners.height() and window.banners.height() > 40)
    assert window.banners.verticalScrollBar().maximum() == 0
    before = window.banners.height()
    banner.details_button.click()
    qtbot.waitUntil(lambda: window.banners.height() > before)
    assert window.banners.verticalScrollBar().maximum() == 0


def test_what_can_be_undone_is_not_below_faults(window):
    window._notice(Notice("disk_full", "bad", {"path": "/x"}, (), "disk"))
    window._notice(Notice("deleted", "info", {"title": "Rain"}, ("undo",), "deleted-1"))
    QApplication.processEvents()
    assert window.banners.banner("deleted-1").y() < window.banners.banner("disk").y()
