"""The services that curves can be sent to, each behind the same three methods and imported only when it is named.

Nothing needs a network: TensorBoard writes files, the others write into the run's folder unless the person has logged
in to the service (wandb, swanlab) or named a server (`MLFLOW_TRACKING_URI`). In offline mode wandb and swanlab write
into the folder in any case, and a server is refused.

accelerate's trackers are not used: each wraps the service's own `init`, `log` and `finish`, which are single calls here
too. The id by which a resumed run finds itself, offline mode without a login, and the model's answers would stay here.
"""

from __future__ import annotations

import html
import importlib
import json
import netrc
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from belle import network
from belle.documents import parse_json, read_json_object
from belle.durable import write_text
from belle.errors import KnownError
from belle.training.run_folder import RunFolder

PROJECT = "chatbelle"


class Service(Protocol):
    """A run at a service. Whatever a method raises, `Tracker` reports it and goes on without the service."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the values of a step."""
        ...

    def sample(self, step: int, number: int, prompt: str, text: str) -> None:
        """Send the answer to prompt `number`, counted from 1."""
        ...

    def close(self) -> None:
        """End the run there."""
        ...


@dataclass(frozen=True)
class RunInfo:
    """The facts of a run that services need.

    Attributes:
        folder: of the run; files of a service go there.
        name: of the run.
        recipe: the resolved recipe.
        step: the step that the run goes on from; 0 for a new run.
        notice: gets one sentence for the person.
    """

    folder: RunFolder
    name: str
    recipe: Mapping[str, Any]
    step: int
    notice: Callable[[str], None]

    def identity(self, service: str) -> str:
        """The id of this run at a service: random, and the same when the run is resumed."""
        path = self.folder.tracker_ids
        ids: dict[str, str] = read_json_object(path) if path.exists() else {}
        if service not in ids:
            ids[service] = secrets.token_hex(4)
            write_text(path, json.dumps(ids) + "\n")
        return ids[service]


class TensorBoard:
    """Event files in `RUN/tensorboard`, for `tensorboard --logdir`."""

    def __init__(self, run: RunInfo) -> None:
        module = _package("torch.utils.tensorboard", "tensorboard", "tensorboard")
        folder = run.folder.path / "tensorboard"
        _wait_for_a_later_name(folder)
        self._writer = module.SummaryWriter(str(folder), purge_step=run.step + 1)
        if not run.step:
            self._writer.add_text("recipe", _code(json.dumps(run.recipe, ensure_ascii=False, indent=1, default=str)), 0)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def sample(self, step: int, number: int, prompt: str, text: str) -> None:
        self._writer.add_text(f"sample/{number}", _code(f"{prompt}\n\n{text}"), step)

    def close(self) -> None:
        self._writer.close()


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait until the clock has left the second in which the last event file of `folder` was made.

    TensorBoard reads event files in the order of their names: the second, then host, process and a count as text. Of
    two files of one second the later one may come first, and the steps that it purges would be shown.
    """
    seconds = (path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*"))
    newest = max((int(second) for second in seconds if second.isdigit()), default=0)
    while int(time.time()) == newest:
        time.sleep(0.05)


class Wandb:
    """Weights & Biases. Without a key on this machine it writes into `RUN/wandb`, for `wandb sync`."""

    def __init__(self, run: RunInfo) -> None:
        self._wandb = _package("wandb", "wandb", "wandb")
        options: dict[str, Any] = {
            "project": os.environ.get("WANDB_PROJECT", PROJECT),
            "name": run.name,
            "dir": str(run.folder.path),
            "id": run.identity("wandb"),
            "config": _plain(run.recipe),
            "resume": "allow",
            # wandb would redirect stdout and stderr, and the live view with them.
            "settings": {"console": "off"},
        }
        mode_is_set = "WANDB_MODE" in os.environ
        logged_in = "WANDB_API_KEY" in os.environ or _in_netrc("api.wandb.ai")
        if network.offline_reason() or not (mode_is_set or logged_in):
            options["mode"] = "offline"
        if options.get("mode", os.environ.get("WANDB_MODE")) not in ("offline", "disabled"):
            address = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
            network.record_once("tracking", f"wandb, {run.name}", address)
        try:
            self._run = self._wandb.init(**options)
        except Exception as error:
            if mode_is_set or options.get("mode") == "offline":
                raise
            run.notice(
                f"wandb cannot be reached ({error}); it writes to {run.folder.path / 'wandb'}, for “wandb sync”."
            )
            self._run = self._wandb.init(**{**options, "mode": "offline"})

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def sample(self, step: int, number: int, prompt: str, text: str) -> None:
        page = f"<pre>{html.escape(prompt)}</pre><hr><pre>{html.escape(text)}</pre>"
        self._run.log({f"sample/{number}": self._wandb.Html(page)}, step=step)

    def close(self) -> None:
        self._run.finish()


class Mlflow:
    """MLflow: the server that `MLFLOW_TRACKING_URI` names, else the files of `RUN/mlruns`."""

    _LONGEST = 500  # characters of a parameter

    def __init__(self, run: RunInfo) -> None:
        server = os.environ.get("MLFLOW_TRACKING_URI")
        if server and "://" in server and not server.startswith("file:"):
            network.record_once("tracking", f"mlflow, {run.name}", server)
        if not server:
            # MLflow writes plain files only with this variable set; a database would need more packages.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        _package("mlflow", "mlflow", "mlflow")
        tracking = importlib.import_module("mlflow.tracking")
        self._client = tracking.MlflowClient(tracking_uri=server or (run.folder.path / "mlruns").resolve().as_uri())
        project = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = self._client.get_experiment_by_name(project)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(project)
        tag = {"chatbelle.run": run.identity("mlflow")}
        earlier = self._client.search_runs(
            [experiment_id], f"tags.`chatbelle.run` = '{tag['chatbelle.run']}'", max_results=1
        )
        if earlier:
            self._run = earlier[0].info.run_id
            self._client.set_terminated(self._run, "RUNNING")
        else:
            self._run = self._client.create_run(experiment_id, tags=tag, run_name=run.name).info.run_id
            for key, value in _plain(run.recipe).items():
                self._client.log_param(self._run, key, str(value)[: self._LONGEST])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def sample(self, step: int, number: int, prompt: str, text: str) -> None:
        self._client.log_text(self._run, f"{prompt}\n\n{text}\n", f"samples/step-{step}-{number}.txt")

    def close(self) -> None:
        self._client.set_terminated(self._run)


class SwanLab:
    """SwanLab. Without a key on this machine it writes into `RUN/swanlog`, for `swanlab sync`."""

    def __init__(self, run: RunInfo) -> None:
        self._swanlab = _package("swanlab", "swanlab", "swanlab")
        options: dict[str, Any] = {
            "project": os.environ.get("SWANLAB_PROJECT", PROJECT),
            "name": run.name,
            "log_dir": str(run.folder.path / "swanlog"),
            "config": _plain(run.recipe),
        }
        if network.offline_reason():
            options["mode"] = "offline"
        elif "SWANLAB_MODE" not in os.environ:
            logged_in = "SWANLAB_API_KEY" in os.environ or (Path.home() / ".swanlab" / ".netrc").exists()
            options["mode"] = "online" if logged_in else "offline"
        if options.get("mode") == "online":
            options |= {"id": f"belle{run.identity('swanlab')}".ljust(21, "0"), "resume": "allow"}
        if options.get("mode", os.environ.get("SWANLAB_MODE")) in ("online", "cloud"):
            network.record_once("tracking", f"swanlab, {run.name}", "https://swanlab.cn")
        try:
            self._run = self._swanlab.init(**options)
        except Exception as error:
            if options.get("mode") != "online":
                raise
            run.notice(f"swanlab cannot be reached ({error}); it writes to {options['log_dir']}, for “swanlab sync”.")
            self._run = self._swanlab.init(
                **{key: value for key, value in options.items() if key not in ("id", "resume")} | {"mode": "offline"}
            )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def sample(self, step: int, number: int, prompt: str, text: str) -> None:
        self._run.log({f"sample/{number}": self._swanlab.Text(f"{prompt}\n\n{text}")}, step=step)

    def close(self) -> None:
        self._swanlab.finish()


SERVICES: Mapping[str, Callable[[RunInfo], Service]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": Mlflow,
    "swanlab": SwanLab,
}


def _package(module: str, name: str, distribution: str) -> Any:
    """Import the package of a service. Raises KnownError (`tracker_not_installed`)."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise KnownError(
            "tracker_not_installed",
            f"The recipe names {name} under “tracking”, and it cannot be imported: {error}.",
            f"Install it (pip install {distribution}), or take {name} out of “tracking”.",
            tracker=name,
        ) from error


def _in_netrc(host: str) -> bool:
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as plain JSON values; paths become texts."""
    values: dict[str, Any] = parse_json(json.dumps(recipe, ensure_ascii=False, default=str))
    return values


def _code(text: str) -> str:
    """Markdown that shows `text` as it is: TensorBoard renders all texts as Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())
