"""The methods of the controller, and their effect on the store."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from belle import paths
from belle.engine.process.commands import Generate
from belle.engine.process.events import ContextCut
from belle.models import catalog
from desktop.chat.state import ModelState, OtherAnswer
from desktop.store import Store, StoredMessage
from tests.support.desk import Desk, make_desk
from tests.support.fake_engine import FakeEngines


def test_the_first_start_loads_the_starter(desk: Desk) -> None:
    assert desk.controller.model.status == "ready"
    assert desk.controller.model.is_starter
    assert Path(desk.engines.last.loads[0].path).name.startswith("SmolLM2")


def test_a_question_is_stored_before_it_is_asked(desk: Desk) -> None:
    assert desk.controller.messages.send("Why is the sky blue?")
    assert desk.shape == [("user", "Why is the sky blue?", "complete")]
    assert desk.controller.conversation.title == "Why is the sky blue"
    assert [m.content for m in desk.engines.last.request.messages] == ["Why is the sky blue?"]
    assert desk.controller.busy


def test_an_answer_streams_and_is_stored(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.read()
    engine.say("你")
    assert desk.shape[-1] == ("assistant", "你", "streaming")
    engine.say("好")
    engine.finish()
    assert desk.shape[-1] == ("assistant", "你好", "complete")
    assert desk.path[-1].stats["tokens_per_s"] == 40.0
    assert not desk.controller.busy
    names = desk.names()
    assert names.index("prefill") < names.index("message_added", 1) < names.index("answer_text")
    assert names[-2:] == ["message_updated", "busy_changed"]


def test_the_partial_answer_is_on_the_disk_about_once_a_second(desk: Desk, qtbot: QtBot) -> None:
    desk.controller.messages.send("Hi")
    desk.engines.last.say("half")
    qtbot.waitUntil(lambda: desk.shape[-1][1] == "half", timeout=5000)
    assert desk.shape[-1][2] == "streaming"


def test_a_kept_answer_to_a_new_question_begins_a_conversation_that_is_named_as_any_other(desk: Desk) -> None:
    question = "Why is the sky blue?\n\nI have read that it has to do with light."
    desk.controller.other_answers.keep(None, question, OtherAnswer("It scatters.", "complete", "Other"))
    assert desk.shape == [("user", question, "complete"), ("assistant", "It scatters.", "complete")]
    assert desk.controller.conversation.title == "Why is the sky blue"


def test_nothing_is_sent_twice(desk: Desk) -> None:
    assert desk.controller.messages.send("one")
    assert not desk.controller.messages.send("two")
    assert not desk.controller.messages.send("   ")
    assert len(desk.path) == 1


def test_the_second_question_carries_the_history_and_the_system_prompt(desk: Desk) -> None:
    desk.controller.conversations.set_system_prompt("Be brief.")
    desk.controller.messages.send("one")
    desk.engines.last.say("1")
    desk.engines.last.finish()
    desk.controller.messages.send("two")
    messages = desk.engines.last.request.messages
    assert [(m.role, m.content) for m in messages] == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "1"),
        ("user", "two"),
    ]


def test_stop_keeps_what_came_and_continue_goes_on(desk: Desk) -> None:
    desk.controller.messages.send("count")
    engine = desk.engines.last
    engine.say("one two")
    desk.controller.messages.stop()
    desk.controller.messages.stop()
    assert engine.commands[-1] == ("stop", engine.request.id)
    engine.finish("stopped")
    assert desk.shape[-1] == ("assistant", "one two", "stopped")
    desk.controller.messages.continue_answer(desk.path[-1].id)
    assert engine.request.continue_last
    assert engine.request.messages[-1].content == "one two"
    engine.say(" three")
    engine.finish()
    assert desk.shape[-1] == ("assistant", "one two three", "complete")
    assert len(desk.path) == 2


def test_stop_before_the_first_word_leaves_no_empty_answer(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    desk.controller.messages.stop()
    desk.engines.last.finish("stopped")
    assert desk.shape == [("user", "Hi", "stopped")]
    desk.controller.messages.regenerate(desk.path[-1].id)
    desk.engines.last.say("Hello")
    desk.engines.last.finish()
    assert desk.shape[-1] == ("assistant", "Hello", "complete")


def test_answering_again_adds_a_version_and_keeps_the_old_one(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("first")
    engine.finish()
    desk.controller.messages.regenerate(desk.path[-1].id)
    assert [m.text for m in desk.paths[-1]] == ["Hi"]  # the old version is out of sight at once
    engine.say("second")
    engine.finish()
    last = desk.path[-1]
    assert (last.text, last.sibling_index, last.sibling_count) == ("second", 1, 2)
    desk.controller.messages.switch_version(last.id, -1)
    assert desk.path[-1].text == "first"


def test_stopping_a_second_version_before_its_first_word_brings_the_old_one_back(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("first")
    engine.finish()
    desk.controller.messages.regenerate(desk.path[-1].id)
    desk.controller.messages.stop()
    engine.finish("stopped")
    assert [m.text for m in desk.paths[-1]] == ["Hi", "first"]


def test_editing_a_question_branches_and_answers_anew(desk: Desk) -> None:
    desk.controller.messages.send("first question")
    engine = desk.engines.last
    engine.say("first answer")
    engine.finish()
    desk.controller.messages.edit(desk.path[0].id, "second question")
    engine.say("second answer")
    engine.finish()
    assert [m.text for m in desk.path] == ["second question", "second answer"]
    desk.controller.messages.switch_version(desk.path[0].id, -1)
    assert [m.text for m in desk.path] == ["first question", "first answer"]


def test_a_hit_in_a_version_that_is_not_shown_is_shown(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    engine = desk.engines.last
    engine.say("a lighthouse")
    engine.finish()
    desk.controller.messages.regenerate(desk.path[-1].id)
    engine.say("a harbour")
    engine.finish()
    (hit,) = desk.controller.conversations.search("lighthouse")
    desk.controller.conversations.open(hit.conversation_id, hit.message_id)
    assert [m.text for m in desk.path] == ["Hi", "a lighthouse"]


def test_editing_an_answer_asks_nothing(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    desk.engines.last.say("Hello")
    desk.engines.last.finish()
    desk.controller.messages.edit(desk.path[-1].id, "Good day")
    assert len(desk.engines.last.requests) == 1
    assert desk.shape[-1] == ("assistant", "Good day", "complete")


def test_an_answer_goes_on_while_another_conversation_is_open(desk: Desk) -> None:
    desk.controller.messages.send("one")
    engine = desk.engines.last
    engine.say("half ")
    first = desk.controller.conversation.id
    desk.controller.conversations.new_chat()
    desk.emitted.clear()
    engine.say("and half")
    assert desk.emitted == []
    opened: list[list[StoredMessage]] = []
    desk.controller.conversation_opened.connect(lambda _, path: opened.append(path))
    desk.controller.conversations.open(first)
    assert opened[0][-1].text == "half and half"
    engine.finish()
    assert desk.shape[-1] == ("assistant", "half and half", "complete")


def test_a_conversation_that_is_too_long_is_a_choice(desk: Desk) -> None:
    desk.controller.messages.send("very long")
    engine = desk.engines.last
    engine.fail("prompt_too_long", prompt_tokens=9000, n_ctx=4096, n_ctx_train=8192, fits_after_drop=True)
    notice = desk.notices[-1]
    assert notice.kind == "prompt_too_long"
    assert notice.actions == ("drop_oldest", "cut_middle", "summarise", "larger_context", "edit_question")
    assert desk.shape == [("user", "very long", "error")]
    desk.controller.act(notice.key, "drop_oldest")
    assert engine.request.overflow == "drop_oldest"
    engine.say("ok")
    engine.finish()
    assert desk.shape[-1][1] == "ok"


def test_a_larger_context_loads_again_and_asks_again(desk: Desk) -> None:
    desk.controller.messages.send("very long")
    desk.engines.last.fail("prompt_too_long", prompt_tokens=5000, n_ctx=4096, n_ctx_train=8192, fits_after_drop=False)
    assert "drop_oldest" not in desk.notices[-1].actions
    desk.controller.act("answer", "larger_context")
    assert len(desk.engines.created) == 2
    assert desk.engines.last.loads[-1].n_ctx == 8192
    assert desk.engines.last.request.messages[-1].content == "very long"


def test_where_the_context_begins_is_found_anew_with_every_question(desk: Desk) -> None:
    engine = desk.engines.last
    for text in ("one", "two"):
        desk.controller.messages.send(text)
        engine.say(text.upper())
        engine.finish()
    desk.controller.messages.send("three")
    engine.on_event(ContextCut(engine.request.id, (0, 1)))
    assert desk.controller.conversation.left_out == tuple(m.id for m in desk.path[:2])
    engine.say("THREE")
    engine.finish()
    desk.controller.messages.send("four")
    assert [m.content for m in engine.request.messages][:2] == ["one", "ONE"]
    engine.on_event(ContextCut(engine.request.id, (0, 1, 2, 3)))
    engine.read()
    assert desk.controller.conversation.left_out == tuple(m.id for m in desk.path[:4])
    engine.finish()
    desk.controller.messages.send("five")
    engine.read()  # nothing was left out: a larger context has been loaded
    assert desk.controller.conversation.left_out == ()


def test_a_dead_worker_is_restarted_once_and_the_answer_so_far_is_kept(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    desk.engines.last.say("partial")
    desk.engines.last.die()
    assert desk.shape[-1] == ("assistant", "partial", "interrupted")
    assert desk.notices[-1].kind == "engine_restarted"
    assert len(desk.engines.created) == 2
    assert desk.controller.model.status == "ready"
    desk.controller.messages.continue_answer(desk.path[-1].id)
    desk.engines.last.die("out_of_memory")
    assert desk.notices[-1].kind == "engine_gave_up"
    assert desk.notices[-1].details["cause"] == "out_of_memory"
    assert desk.notices[-1].actions == ("restart_engine", "choose_model")
    assert len(desk.engines.created) == 2
    assert desk.controller.model.status == "failed"
    desk.controller.act("engine", "restart_engine")
    assert desk.controller.model.status == "ready"


def test_an_answer_between_two_deaths_earns_another_restart(desk: Desk) -> None:
    desk.engines.last.die()
    desk.controller.messages.send("Hi")
    desk.engines.last.finish()
    desk.engines.last.die()
    assert len(desk.engines.created) == 3


def test_a_question_waits_for_the_model(qtbot: QtBot, tmp_path: Path) -> None:
    engines = FakeEngines(ready_at_once=False)
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        desk.controller.start()
        assert desk.controller.messages.send("early")
        assert desk.emitted[-1] == ("waiting_changed", ("loading",))
        assert engines.last.requests == []
        engines.last.ready()
        assert engines.last.request.messages[-1].content == "early"
        desk.controller.close()


def test_a_file_without_a_template_is_asked_about_and_the_choice_is_kept(qtbot: QtBot, tmp_path: Path) -> None:
    starter = catalog.resolve("starter").path
    mine = tmp_path / "mine.gguf"
    mine.symlink_to(starter)
    engines = FakeEngines(template=None)
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        with qtbot.waitSignal(desk.controller.template_needed) as asked:
            desk.controller.projects.choose_model(str(mine))
        assert asked.args == ["mine.gguf"]
        assert desk.controller.messages.send("hello")
        assert engines.last.requests == []
        desk.controller.models.set_template("belle")
        assert len(engines.last.requests) == 1
        desk.controller.projects.choose_model(str(mine))
        assert engines.last.loads[-1].template == "belle"
        desk.controller.close()


def test_a_file_that_is_no_model_is_refused_and_the_present_one_stays(desk: Desk, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"no model at all, really not")
    desk.controller.projects.choose_model(str(bad))
    assert desk.notices[-1].kind == "not_gguf"
    assert desk.controller.model.status == "ready"
    assert len(desk.engines.created) == 1
    desk.controller.projects.choose_model(str(tmp_path / "gone.gguf"))
    assert desk.notices[-1].kind == "file_missing"


def test_delete_offers_to_bring_it_back(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    desk.engines.last.say("Hello")
    conversation = desk.controller.conversation
    desk.controller.conversations.delete(conversation.id)
    assert desk.controller.conversation is None
    assert desk.controller.conversations.summaries() == []
    notice = desk.notices[-1]
    assert (notice.kind, notice.actions) == ("deleted", ("undo",))
    desk.controller.act(notice.key, "undo")
    assert desk.controller.conversation.id == conversation.id
    assert desk.shape[-1] == ("assistant", "Hello", "stopped")


def test_what_cannot_be_brought_back_now_is_offered_again(desk: Desk) -> None:
    desk.controller.messages.send("Hi")
    conversation = desk.controller.conversation
    desk.controller.conversations.delete(conversation.id)
    key = desk.notices[-1].key
    desk.store._db.rows("PRAGMA query_only = 1")
    desk.controller.act(key, "undo")
    assert [notice.level for notice in desk.notices[-2:]] == ["bad", "info"]
    assert (desk.notices[-1].kind, desk.notices[-1].key) == ("deleted", key)
    desk.store._db.rows("PRAGMA query_only = 0")
    desk.controller.act(key, "undo")
    assert desk.controller.conversation.id == conversation.id


def test_closing_keeps_the_answer_under_way(qtbot: QtBot, tmp_path: Path) -> None:
    engines = FakeEngines()
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        desk.controller.start()
        desk.controller.messages.send("Hi")
        engines.last.say("half an ans")
        desk.controller.close()
        assert desk.shape[-1] == ("assistant", "half an ans", "interrupted")
        assert engines.last.closed


def test_settings_reach_the_request_and_nonsense_in_the_file_does_not(qtbot: QtBot, tmp_path: Path) -> None:
    paths.private_folder(paths.config_dir())
    paths.settings_file().write_text("[sampling]\ntemperature=0.25\ntop_k=lots\n", encoding="utf-8")
    engines = FakeEngines()
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        desk.controller.start()
        desk.controller.messages.send("Hi")
        request: Generate = engines.last.request
        assert request.sampling.temperature == 0.25
        assert request.sampling.top_k == catalog.resolve("starter").sampling.top_k
        desk.controller.close()


def test_the_model_menu_lists_the_starter_and_belle(desk: Desk) -> None:
    choices = desk.controller.models.choices()
    assert choices[0].group == "starter"
    assert choices[0].status == "installed"
    belle = [c for c in choices if c.group == "belle"]
    assert any(c.ref == "belle-7b-2m" for c in belle)
    assert all(c.license_note for c in belle)
    states: list[ModelState] = []
    desk.controller.model_changed.connect(states.append)
    desk.controller.projects.choose_model("belle-7b-2m")
    assert desk.notices[-1].kind == "not_installed"
    assert states == []


def test_a_larger_context_brings_what_was_left_out_back_into_sight(desk: Desk) -> None:
    engine = desk.engines.last
    for text in ("one " * 100, "two"):
        desk.controller.messages.send(text)
        engine.say(text.upper())
        engine.finish()
    desk.controller.messages.send("three")
    engine.on_event(ContextCut(engine.request.id, (0, 1)))
    engine.say("THREE")
    engine.finish()
    assert desk.controller.conversation.left_out == tuple(m.id for m in desk.path[:2])
    desk.controller.projects.choose_model("starter")
    assert desk.controller.conversation.left_out == ()


def test_continuing_with_a_context_that_is_cut_keeps_the_answer_in_sight(desk: Desk) -> None:
    engine = desk.engines.last
    for text in ("one", "two"):
        desk.controller.messages.send(text)
        engine.say(text.upper())
        engine.finish("stopped")
    desk.controller.messages.continue_answer(desk.path[-1].id)
    engine.on_event(ContextCut(engine.request.id, (0, 1)))
    assert [m.text for m in desk.paths[-1]] == ["one", "ONE", "two", "TWO"]
    assert desk.controller.conversation.left_out == tuple(m.id for m in desk.path[:2])
