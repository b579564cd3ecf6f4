"""Random conversations, and what is seen of one through all of its versions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from desktop.store import ConversationTree, ProjectSettings, Store, TreeMessage
from desktop.store.records import ENDINGS, OVERFLOWS, ROLES, StoredAttachment, StoredStrategy, StoredSummary

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
times = st.floats(0, 4e9, allow_nan=False)
stats = st.dictionaries(texts, st.one_of(st.integers(-5, 5), st.floats(0, 99, allow_nan=False), texts), max_size=2)


def _places(n_messages: int) -> st.SearchStrategy[tuple[int, ...]]:
    places = st.sets(st.integers(0, n_messages - 1)) if n_messages else st.just(set[int]())
    return places.map(lambda chosen: tuple(sorted(chosen)))


def _summaries(n_messages: int) -> st.SearchStrategy[tuple[StoredSummary, ...]]:
    summary = st.builds(
        lambda c, text, at: StoredSummary(c[-1], c, text, at), _places(n_messages).filter(bool), texts, times
    )
    one = st.lists(summary, max_size=1) if n_messages else st.just([])
    return one.map(tuple)


attachments = st.builds(StoredAttachment, texts, st.integers(0, 1 << 40), texts, st.integers(0, 99))


samplings = st.fixed_dictionaries({}, optional={"temperature": st.floats(0, 2), "top_k": st.integers(0, 200)})
facts_switches = st.sampled_from([None, False, True])

projects = st.builds(
    ProjectSettings,
    st.text("ab 论", min_size=1).filter(str.strip).map(lambda n: " ".join(n.split())),
    system_prompt=texts,
    model=texts,
    sampling=samplings,
    uses_facts=facts_switches,
)
"""As a file can hold them: with a name on one line, and without a folder."""


def _strategies(n_messages: int) -> st.SearchStrategy[StoredStrategy]:
    name = st.sampled_from(["plain", "react", "duma", "raise", "of a later version"])
    chosen = st.builds(StoredStrategy, name, texts)
    return chosen | st.builds(
        StoredStrategy, name, texts, st.dictionaries(texts, texts, max_size=2), st.integers(0, n_messages)
    )


@st.composite
def conversation_trees(draw: st.DrawFn) -> ConversationTree:
    """Conversations of any shape that a store can hold."""
    parents = [
        draw(st.one_of(st.none(), st.integers(0, place - 1))) if place else None
        for place in range(draw(st.integers(0, 8)))
    ]
    children = {place: [c for c, parent in enumerate(parents) if parent == place] for place in range(len(parents))}
    messages = tuple(
        TreeMessage(
            parent=parent,
            role=draw(st.sampled_from(ROLES)),
            text=draw(texts),
            status=draw(st.sampled_from(ENDINGS)),  # type: ignore[arg-type]
            created_at=draw(times),
            model=draw(texts),
            stats=draw(stats),
            thinking=draw(texts),
            thinking_seconds=draw(st.one_of(st.none(), times)),
            active_child=draw(st.one_of(st.none(), st.sampled_from(children[place]))) if children[place] else None,
            pinned=draw(st.booleans()),
            attachments=draw(st.lists(attachments, max_size=2).map(tuple)),
        )
        for place, parent in enumerate(parents)
    )
    return ConversationTree(
        messages=messages,
        title=draw(texts),
        title_is_auto=draw(st.booleans()),
        system_prompt=draw(texts),
        model=draw(texts),
        pinned=draw(st.booleans()),
        created_at=draw(times),
        updated_at=draw(times),
        active_leaf=draw(st.integers(0, len(messages) - 1)) if messages else None,
        overflow=draw(st.sampled_from(OVERFLOWS)),
        left_out=draw(_places(len(messages))),
        summaries=draw(_summaries(len(messages))),
        own_model=draw(texts),
        sampling=draw(samplings),
        uses_facts=draw(facts_switches),
        project=draw(st.one_of(st.none(), projects)),
        strategy=draw(_strategies(len(messages))),
    )


def shown_everywhere(store: Store, conversation_id: int) -> list[list[tuple[Any, ...]]]:
    """The path that is shown at first, and the one through each message when it is chosen."""
    ids = [
        row[0]
        for row in store._db.rows("SELECT id FROM message WHERE conversation_id = ? ORDER BY id", conversation_id)
    ]
    paths = [store.active_path(conversation_id)]
    for message_id in ids:
        store.show(message_id)
        paths.append(store.active_path(conversation_id))
    return [[(m.role, m.text, m.status, m.sibling_index, m.sibling_count) for m in path] for path in paths]
