"""The process in which `belle.training.export.gptq` runs GPTQModel: `python -m … JOB.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from belle.documents import read_json_object


def main() -> None:
    """Load the checkpoint, quantize it, save it."""
    import torch
    from gptqmodel import GPTQModel, QuantizeConfig

    job = read_json_object(Path(sys.argv[1]))
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    model = GPTQModel.load(job["checkpoint"], QuantizeConfig(**job["quantize"]), device=device)
    samples = [{"input_ids": [ids], "attention_mask": [[1] * len(ids)]} for ids in job["samples"]]
    model.quantize(samples, batch_size=1, calibration_data_min_length=1)
    model.save(job["out"])


if __name__ == "__main__":
    main()
