"""Small files as the programs write them, with everything in them that a reader has to deal with."""

from __future__ import annotations

from typing import Any

NOON = 1_764_500_000.0


def chatgpt_message(role: str, content: Any, /, **more: Any) -> dict[str, Any]:
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    metadata = more.pop("metadata", {})
    return {
        "id": "m",
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": more.pop("create_time", NOON),
        "update_time": None,
        "content": content,
        "status": more.pop("status", "finished_successfully"),
        "end_turn": None,
        "weight": 1.0,
        "metadata": metadata,
        "recipient": more.pop("recipient", "all"),
    }


def chatgpt_conversation() -> dict[str, Any]:
    """Two versions of the question; the second was answered with a thought, a search and two answers."""
    nodes: dict[str, tuple[str | None, Any]] = {
        "root": (None, None),
        "sys": ("root", chatgpt_message("system", "", metadata={"is_visually_hidden_from_conversation": True})),
        "about": (
            "sys",
            chatgpt_message(
                "user",
                {"content_type": "user_editable_context", "user_profile": "I am ill.", "user_instructions": ""},
                metadata={"is_visually_hidden_from_conversation": True},
            ),
        ),
        "q1": ("about", chatgpt_message("user", "What is rain?")),
        "a1": ("q1", chatgpt_message("assistant", "Water.", metadata={"model_slug": "gpt-4o"})),
        "q2": (
            "about",
            chatgpt_message(
                "user",
                {
                    "content_type": "multimodal_text",
                    "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}, "And 雪?"],
                },
                metadata={"attachments": [{"name": "a.pdf", "mime_type": "application/pdf"}]},
                create_time=NOON + 10,
            ),
        ),
        "thought": (
            "q2",
            chatgpt_message(
                "assistant",
                {"content_type": "thoughts", "thoughts": [{"summary": "Weather", "content": "Snow is ice."}]},
            ),
        ),
        "call": (
            "thought",
            chatgpt_message(
                "assistant", {"content_type": "code", "language": "unknown", "text": "search()"}, recipient="web.run"
            ),
        ),
        "result": ("call", chatgpt_message("tool", {"content_type": "execution_output", "text": "…"})),
        "recap": (
            "result",
            chatgpt_message(
                "assistant",
                {"content_type": "reasoning_recap", "content": "Thought for 8s"},
                metadata={"finished_duration_sec": 8},
            ),
        ),
        "a2": (
            "recap",
            chatgpt_message(
                "assistant",
                "Ice \ue200cite\ue202turn0search1\ue201crystals.",
                metadata={"model_slug": "gpt-5", "finish_details": {"type": "max_tokens"}},
            ),
        ),
        "q3": ("a2", chatgpt_message("user", "More?", create_time=None)),
        "a3": ("q3", chatgpt_message("assistant", "First.")),
        "a4": ("q3", chatgpt_message("assistant", "Second.", status="in_progress")),
    }
    children: dict[str, list[str]] = {key: [] for key in nodes}
    for key, (parent, _) in nodes.items():
        if parent is not None:
            children[parent].append(key)
    mapping = {
        key: {"id": key, "message": message, "parent": parent, "children": children[key]}
        for key, (parent, message) in reversed(nodes.items())
    }
    return {
        "title": "Rain and snow",
        "create_time": NOON,
        "update_time": NOON + 60,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": "a3",
        "conversation_id": "5e2a",
        "default_model_slug": "gpt-5",
        "is_archived": False,
        "is_starred": True,
    }


def lm_studio_conversation() -> dict[str, Any]:
    def said(words: str) -> dict[str, Any]:
        return {"type": "text", "text": words, "fromDraftModel": False, "isStructural": False}

    def answer(words: str, reason: str) -> dict[str, Any]:
        mark = {**said("<think>"), "isStructural": True}
        return {
            "type": "multiStep",
            "role": "assistant",
            "senderInfo": {"senderName": "qwen3-8b"},
            "steps": [
                {
                    "type": "contentBlock",
                    "content": [mark, said("Hm."), {**mark, "text": "</think>"}],
                    "style": {"type": "thinking", "ended": True, "title": "Thought for 2.30 seconds"},
                },
                {"type": "toolStatus", "callId": 1, "statusState": {}},
                {"type": "contentBlock", "content": [{"type": "toolCallRequest", "name": "search"}]},
                {
                    "type": "contentBlock",
                    "content": [said(words)],
                    "genInfo": {"identifier": "qwen3-8b", "stats": {"tokensPerSecond": 12.5, "stopReason": reason}},
                },
                {"type": "debugInfoBlock", "debugInfo": "x"},
            ],
        }

    image = {"type": "file", "fileIdentifier": "1.png", "fileType": "image", "sizeBytes": 9}
    question = {"type": "singleStep", "role": "user", "content": [said("What is rain?"), image]}
    return {
        "name": "Rain",
        "pinned": True,
        "createdAt": NOON * 1000,
        "preset": "",
        "tokenCount": 20,
        "systemPrompt": "",
        "messages": [
            {"versions": [question], "currentlySelected": 0},
            {
                "versions": [answer("Water.", "userStopped"), answer("Falling water.", "eosFound")],
                "currentlySelected": 1,
            },
            {"versions": [{**question, "content": [said("More?")]}], "currentlySelected": 0},
        ],
        "usePerChatPredictionConfig": True,
        "perChatPredictionConfig": {"fields": [{"key": "llm.prediction.systemPrompt", "value": "Be brief."}]},
        "lastUsedModel": {"identifier": "qwen3-8b", "indexedModelIdentifier": "lmstudio-community/Qwen3-8B"},
        "assistantLastMessagedAt": (NOON + 60) * 1000,
    }


def jan_thread() -> dict[str, Any]:
    return {
        "id": "01JX",
        "object": "thread",
        "title": "Rain",
        "assistants": [{"id": "jan", "name": "Jan", "model": {"id": "qwen3-4b"}, "instructions": "Be brief."}],
        "created": NOON,
        "updated": NOON + 60,
        "metadata": {"order": 1},
    }


def jan_rows(*, versions: bool) -> list[dict[str, Any]]:
    """A question and its answers. With `versions` the messages name their parents, and the first answer is chosen."""

    def row(key: str, role: str, parts: list[Any], place: int, **metadata: Any) -> dict[str, Any]:
        return {
            "id": key,
            "object": "thread.message",
            "thread_id": "01JX",
            "role": role,
            "content": parts,
            "status": "stopped" if key == "a2" else "ready",
            "created_at": (NOON + place) * 1000,
            "completed_at": 0,
            "metadata": metadata,
        }

    def part(words: str, kind: str = "text") -> dict[str, Any]:
        return {"type": kind, "text": {"value": words, "annotations": []}}

    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"type": "tool_call", "tool_call_id": "1", "tool_name": "search", "input": {}}
    links = (
        [{"parentId": None, "activeChildId": "a1"}, {"parentId": "q1"}, {"parentId": "q1"}] if versions else [{}] * 3
    )
    return [
        row("q1", "user", [part("What is rain?"), image], 0, **links[0]),
        row("a1", "assistant", [part("Hm.", "reasoning"), call, part("Water.")], 1, **links[1]),
        row("a2" if versions else "q2", "assistant" if versions else "user", [part("Drops.")], 2, **links[2]),
    ]


def open_webui_chat() -> dict[str, Any]:
    thought = (
        '<details type="reasoning" done="true" duration="5">\n<summary>Thought for 5 seconds</summary>\n'
        "&gt; Is 1 &lt; 2?\n> Yes.\n</details>\n"
    )
    call = '<details type="tool_calls" done="true" id="1" name="search">\n<summary>Tool</summary>\n</details>\n'

    def message(
        key: str, parent: str | None, role: str, words: str, children: list[str], **more: Any
    ) -> dict[str, Any]:
        return {"id": key, "parentId": parent, "childrenIds": children, "role": role, "content": words} | {
            "timestamp": NOON,
            **more,
        }

    messages = {
        "a2": message("a2", "q1", "assistant", "Drops.", [], model="llama3", done=False),
        "q1": message("q1", None, "user", "What is rain?", ["a1", "a2"], files=[{"type": "image"}, {"type": "file"}]),
        "a1": message("a1", "q1", "assistant", f"{thought}{call}Water.", [], model="qwen3", done=True),
    }
    return {
        "id": "c1",
        "user_id": "u1",
        "title": "Rain",
        "chat": {
            "title": "Rain",
            "models": ["qwen3"],
            "params": {"system": "Be brief."},
            "history": {"messages": messages, "currentId": "a1"},
            "messages": [],
            "timestamp": NOON * 1000,
        },
        "updated_at": NOON + 60,
        "created_at": NOON,
        "archived": False,
        "pinned": True,
    }
