"""The strategies by name. A new one is a file with a function and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from belle.dialogue.conversation import Dialogue, Resources
from belle.dialogue.events import Steps
from belle.dialogue.strategies.duma import duma
from belle.dialogue.strategies.plain import plain
from belle.dialogue.strategies.raise_ import raise_
from belle.dialogue.strategies.react import react

Strategy = Callable[[Dialogue, Resources], Steps]

STRATEGIES: Mapping[str, Strategy] = {"plain": plain, "react": react, "duma": duma, "raise": raise_}
