"""The options of a quantization and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from belle.errors import KnownError
from belle.gguf.types import FileType, file_type
from convert.quantize.calibration import Calibration
from convert.quantize.formats import FORMATS
from convert.quantize.matrix import OutputErrors
from convert.report import FileReport

Method = Literal["gptq", "imatrix", "rtn"]


@dataclass(frozen=True)
class QuantizeOptions:
    """The choices.

    Attributes:
        type: name of the file type.
        method: `rtn` rounds each weight to the nearest code, `imatrix` weighs the columns as llama.cpp does, `gptq`
            compensates for the error of each column in the others.
        calibration: the text for `imatrix` and `gptq`.
        allow_requantize: accept a model that is quantized already, whose loss is added.
        threads: that compute; 0 for one per processor.
    """

    type: str
    method: Method = "gptq"
    calibration: Calibration = field(default_factory=Calibration)
    allow_requantize: bool = False
    threads: int = 0

    def checked(self) -> FileType:
        """The file type of `type`. Raises KnownError for options that do not go together."""
        kind = file_type(self.type)
        if self.threads < 0:
            raise KnownError("usage", "--threads cannot be negative.", "Leave it out for one per processor.")
        if self.method == "gptq" and kind.base not in FORMATS:
            names = ", ".join(form.name.lower() for form in FORMATS)
            raise KnownError(
                "type_without_gptq",
                f"The method gptq does not round to {kind.name}.",
                f"It knows the types made of {names}; for others take --method imatrix.",
                type=kind.name,
            )
        return kind


@dataclass(frozen=True)
class QuantizeReport:
    """The report of a quantization.

    Attributes:
        source: the model.
        method: as in the options.
        file: the file that was written.
        calibration: names of the texts that were read.
        n_windows: windows of them.
        errors: by tensor, for those whose output error was measured.
        notes: sentences for a person.
    """

    source: Path
    method: Method
    file: FileReport
    calibration: Sequence[str]
    n_windows: int
    errors: dict[str, OutputErrors]
    notes: tuple[str, ...]
