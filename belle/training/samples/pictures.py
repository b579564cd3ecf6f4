"""Pictures of training data: found beside the rows, read when their batch is computed, and never all in memory.

A picture becomes a square, as in the training of LLaVA-1.5: its shorter sides are filled up with the mean colour, it is
scaled with bicubic interpolation, and its values are shifted and scaled as the tower wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.data.rows import PictureConversation, Row
from belle.engine.pictures.picture_file import decode, open_picture
from belle.training.samples.collate import Batch
from belle.training.samples.micro_batch import MicroBatch
from belle.training.samples.row_files import named_files

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from belle.training.model.vision import PictureFormat
    from belle.training.recipe.options import DataFile
    from belle.training.samples.loader import SampleBatches
    from belle.training.samples.store import SampleSet


@dataclass(frozen=True)
class PictureBatch(Batch):
    """A batch of conversations about pictures.

    Args:
        pixel_values: one picture for each row, `[rows, 3, size, size]`.
    """

    pixel_values: torch.Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        moved = super().to(device)
        assert isinstance(moved, PictureBatch)
        assert self.pixel_values is not None
        return replace(moved, pixel_values=self.pixel_values.to(device, non_blocking=True))

    def inputs(self) -> dict[str, Any]:
        return {**super().inputs(), "pixel_values": self.pixel_values}


class PictureBatches:
    """Implements `belle.training.samples.micro_batch.Batches`: those of `batches`, with their pictures.

    Args:
        paths: of the pictures, by the names of samples (`SampleSet.name`).
        samples: whose batches they are.
    """

    def __init__(
        self, batches: SampleBatches, samples: SampleSet, paths: Callable[[str], Path], wanted: PictureFormat
    ) -> None:
        self._batches = batches
        self._samples = samples
        self._paths = paths
        self._format = wanted

    def steps(self, epoch: int) -> int:
        return self._batches.steps(epoch)

    def step(self, epoch: int, index: int) -> Sequence[MicroBatch]:
        return [replace(part, batch=self._with_pictures(part.batch)) for part in self._batches.step(epoch, index)]

    def _with_pictures(self, batch: Batch) -> PictureBatch:
        import numpy as np
        import torch

        paths = [self._paths(self._samples.name(sample)) for sample in batch.samples]
        pixels = np.stack([read_picture(path, self._format) for path in paths])  # [rows, 3, size, size]
        return PictureBatch(**vars(batch), pixel_values=torch.from_numpy(pixels))


def picture_paths(files: Sequence[DataFile], folder: Path | None) -> dict[str, Path]:
    """The picture of each row of `files`, by the name of its samples.

    Args:
        folder: that paths are relative to; None for the folder of each file.

    Raises KnownError("file_missing") with the first picture that does not exist.
    """
    return named_files(files, "picture", _picture_of, folder, what="pictures", key="vision.pictures")


def _picture_of(row: Row) -> str:
    return row.picture if isinstance(row, PictureConversation) else ""


def read_picture(path: Path, wanted: PictureFormat) -> NDArray[np.float32]:
    """The values of a picture as the tower wants them, `[3, size, size]`.

    Raises KnownError as `open_picture` and `decode`.
    """
    import numpy as np
    from PIL import Image

    picture = open_picture(path, str(path))
    # As the engine shows it to the model that becomes of this one: upright, on white.
    image = decode(picture, (picture.width, picture.height))
    square = _square(image, wanted).resize((wanted.size, wanted.size), Image.Resampling.BICUBIC)
    values = np.asarray(square, np.float32) / 255  # [size, size, 3]
    mean, std = (np.array(three, np.float32) for three in (wanted.mean, wanted.std))
    return np.ascontiguousarray(((values - mean) / std).transpose(2, 0, 1), np.float32)


def _square(picture: Any, wanted: PictureFormat) -> Any:
    from PIL import Image

    if picture.width == picture.height:
        return picture
    side = max(picture.size)
    filled = Image.new("RGB", (side, side), tuple(round(255 * value) for value in wanted.mean))
    filled.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return filled
