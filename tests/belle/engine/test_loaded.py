"""A model that was loaded is ready for its first answer."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from belle.engine.llama.context import BatchPart, Context, StopFlag
from belle.engine.llama.native_log import NativeLog
from belle.engine.loaded import LoadedModel
from belle.engine.process.commands import MOST_PARALLEL, Load
from belle.errors import KnownError


def test_the_first_evaluation_is_made_while_loading(starter: Path, native_log: NativeLog) -> None:
    evaluated: list[BatchPart] = []
    evaluate = Context.evaluate

    def counted(context: Context, *parts: BatchPart) -> None:
        evaluated.extend(parts)
        evaluate(context, *parts)

    with patch.object(Context, "evaluate", counted):
        load = Load(str(starter), threads=1, n_gpu_layers=0)
        model = LoadedModel(load, on_progress=lambda _: True, stop=StopFlag(), emit=lambda _: None, log=native_log)
    assert [len(part.tokens) for part in evaluated] == [1]
    assert evaluated[0].sequence.tokens == []
    model.close()


@pytest.mark.parametrize("parallel", [-1, 0, MOST_PARALLEL + 1])
def test_a_number_of_requests_that_is_not_possible_is_refused(
    parallel: int, starter: Path, native_log: NativeLog
) -> None:
    load = Load(str(starter), threads=1, n_gpu_layers=0, parallel=parallel)
    with pytest.raises(KnownError, match="requests at once") as refusal:
        LoadedModel(load, on_progress=lambda _: True, stop=StopFlag(), emit=lambda _: None, log=native_log)
    assert refusal.value.kind == "bad_option"
