"""GPTQModel at work, in the process that `belle.training.gptq` starts: `python -m … ORDER.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    """Carry out the order: load, quantize, save."""
    import torch
    from gptqmodel import GPTQModel, QuantizeConfig

    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    model = GPTQModel.load(order["checkpoint"], QuantizeConfig(**order["quantize"]), device=device)
    samples = [{"input_ids": [ids], "attention_mask": [[1] * len(ids)]} for ids in order["samples"]]
    model.quantize(samples, batch_size=1, calibration_data_min_length=1)
    model.save(order["out"])


if __name__ == "__main__":
    main()
