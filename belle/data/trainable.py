"""The rows that training leaves out whatever their length: one rule for training and for “belle data check”."""

from __future__ import annotations

from belle.data.rows import Conversation, Preference, Row, stages_for
from belle.prompts.targets import nothing_to_train, pair_flaw


def untrainable(row: Row) -> str:
    """Why a row has nothing to train on, in a few words that follow a number of rows; "" when it has."""
    if isinstance(row, Conversation):
        reason = row.unwanted or nothing_to_train(row.messages)
        return _COMPARED if reason and row.compared else reason
    if isinstance(row, Preference):
        return pair_flaw(row.chosen, row.rejected)
    return "" if row.text.strip() else "the text is empty"


_COMPARED = f"its answers are a pair (chosen, rejected), which is data for stage: {stages_for('preference')}"
