"""Writes drawn pictures and their questions, from the root of the source tree.

python -m assets.evaluation.makers.pictures                        the set of 60, assets/evaluation/pictures
python -m assets.evaluation.makers.pictures --training N FOLDER    N other pictures as conversations, to train on
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from random import Random

from assets.evaluation.makers.pictures.scenes import SCENES, Scene, scenes

OWN = Path(__file__).resolve().parents[2] / "pictures"
FOR_EACH_TASK = 15


def own_set() -> dict[str, list[Scene]]:
    """The scenes of the set by sub-task; the same ones each time."""
    return {task: scenes(task, FOR_EACH_TASK, Random(f"own {task}")) for task in SCENES}  # noqa: S311


def write_own(folder: Path) -> None:
    """Write the set as MME's authors publish theirs: a text file beside each picture."""
    for task, drawn in own_set().items():
        (folder / task).mkdir(parents=True, exist_ok=True)
        for number, scene in enumerate(drawn, 1):
            path = folder / task / f"{number:04}.png"
            path.write_bytes(scene.canvas.png())
            path.with_suffix(".txt").write_text(f"{scene.yes}\tYes\n{scene.no}\tNo\n", encoding="utf-8")


def write_training(folder: Path, number: int) -> None:
    """Write pictures that are not in the set, and what is said about them, in LLaVA's form.

    `captions.jsonl` describes each, `conversations.jsonl` asks what is to be seen, and `yes_no.jsonl` asks as MME does.
    A row asks one question, so that no answer before it gives away the next one.
    """
    own = own_set()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, object]]] = {"captions": [], "conversations": [], "yes_no": []}
    for place, task in enumerate(SCENES):
        part = number // len(SCENES) + (place < number % len(SCENES))
        for n, scene in enumerate(scenes(task, part, Random(f"training {task}"), own[task])):  # noqa: S311
            image = f"images/{task}-{n:05}.png"
            (folder / image).write_bytes(scene.canvas.png())
            rows["captions"].append(_row(image, "Describe the picture.", scene.caption))
            rows["conversations"].append(_row(image, *scene.open))
            rows["yes_no"] += [_row(image, scene.yes, "Yes"), _row(image, scene.no, "No")]
    for name, content in rows.items():
        Random(name).shuffle(content)  # noqa: S311
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _row(image: str, question: str, answer: str) -> dict[str, object]:
    said = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    return {"image": image, "conversations": said}


def main() -> int:
    """Write the files. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m assets.evaluation.makers.pictures")
    parser.add_argument("folder", nargs="?", type=Path, default=OWN, metavar="FOLDER")
    parser.add_argument("--training", type=int, metavar="N")
    arguments = parser.parse_args()
    if arguments.training is None:
        write_own(arguments.folder)
    else:
        write_training(arguments.folder, arguments.training)
    return 0


if __name__ == "__main__":
    sys.exit(main())
