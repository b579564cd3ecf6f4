"""Which models there are to choose from, and what it takes to load one."""

from __future__ import annotations

from pathlib import Path

from belle import catalog
from belle.engine.protocol import Load, Sampling
from desktop.chat.model_host import ModelToLoad
from desktop.chat.state import ModelChoice
from desktop.settings import Settings
