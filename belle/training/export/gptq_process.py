"""GPTQModel at work, in the process that `belle.training.export.gptq` starts: `python -m … ORDER.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from belle.documents import read_json_object


def main() -> None:
    """Carry out the order: load, quantize, save."""
    import torch
    from gptqmodel import GPTQModel, QuantizeConfig

    order = read_json_object(Path(sys.argv[1]))
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    model = GPTQModel.load(order["checkpoint"], QuantizeConfig(**order["quantize"]), device=device)
    samples = [{"input_ids": [ids], "attention_mask": [[1] * len(ids)]} for ids in order["samples"]]
    model.quantize(samples, batch_size=1, calibration_data_min_length=1)
    model.save(order["out"])


if __name__ == "__main__":
    main()
