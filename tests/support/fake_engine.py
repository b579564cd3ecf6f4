"""An engine without a process: a test says what it answers. Events come on the caller's thread, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from belle.engine.process.commands import Count, DescribePicture, Generate, ListTemplates, Load, ReadAhead
from belle.engine.process.events import (
    Counted,
    Died,
    Done,
    Event,
    Failed,
    Fallback,
    Hello,
    ModelInfo,
    Prefill,
    Ready,
    Stats,
    StopReason,
    Text,
)


def model_info(load: Load, template: str | None = "gguf", fallbacks: tuple[Fallback, ...] = ()) -> ModelInfo:
    return ModelInfo(
        path=load.path,
        name="Fake",
        architecture="llama",
        quantization="Q4_0",
        n_params=1_000_000,
        size_bytes=1_000_000,
        n_ctx=load.n_ctx,
        n_ctx_train=8192,
        template=template,
        device="CPU",
        kv_bytes_per_token=1024,
        fallbacks=fallbacks,
    )


@dataclass
class FakeEngine:
    """`commands` is what was asked; the test answers with `ready`, `say`, `finish`, `fail` and `die`."""

    on_event: Callable[[Event], None]
    ready_at_once: bool = True
    template: str | None = "gguf"
    fallbacks: tuple[Fallback, ...] = ()
    commands: list[object] = field(default_factory=list)
    closed: bool = False

    def start(self) -> None:
        self.on_event(Hello(1, 0))

    def load(self, command: Load) -> None:
        self.commands.append(command)
        if self.ready_at_once:
            self.ready()

    def ready(self) -> None:
        self.on_event(Ready(model_info(self.loads[-1], self.loads[-1].template or self.template, self.fallbacks)))

    def set_template(self, template: str) -> None:
        self.commands.append(template)
        self.on_event(Ready(model_info(self.loads[-1], template, self.fallbacks)))

    def generate(self, request: Generate) -> None:
        self.commands.append(request)

    def stop(self, request_id: int) -> None:
        self.commands.append(("stop", request_id))

    def answer_now(self, request_id: int) -> None:
        self.commands.append(("answer_now", request_id))

    def count(self, request: Count) -> None:
        self.commands.append(request)
        self.on_event(Counted(request.id, sum(len(m.content) for m in request.messages), self.loads[-1].n_ctx))

    def forget(self, conversation: str) -> None:
        self.commands.append(("forget", conversation))

    def read_ahead(self, command: ReadAhead) -> None:
        self.commands.append(command)

    def describe_picture(self, request: DescribePicture) -> None:
        self.commands.append(request)

    def list_templates(self, request: ListTemplates) -> None:
        self.commands.append(request)

    def close(self, timeout: float = 0) -> None:
        self.closed = True

    @property
    def loads(self) -> list[Load]:
        return [c for c in self.commands if isinstance(c, Load)]

    @property
    def requests(self) -> list[Generate]:
        return [c for c in self.commands if isinstance(c, Generate)]

    @property
    def request(self) -> Generate:
        return self.requests[-1]

    def read(self, done: int = 5, total: int = 10) -> None:
        self.on_event(Prefill(self.request.id, done, total, 0, 1.0))

    def say(self, text: str) -> None:
        self.on_event(Text(self.request.id, text))

    def finish(self, reason: StopReason = "end", text: str = "") -> None:
        self.on_event(Done(self.request.id, reason, text, Stats(10, 0, 5, 0.1, 40.0, 15, 2)))

    def fail(self, kind: str, **details: object) -> None:
        self.on_event(Failed(self.request.id, kind, "It failed.", "Try.", dict(details)))

    def die(self, kind: str = "killed") -> None:
        self.on_event(Died(kind, "It died.", "Try.", -9))


class FakeEngines:
    """An engine factory that keeps what it created."""

    def __init__(self, **options: object) -> None:
        self.options = options
        self.created: list[FakeEngine] = []

    def __call__(self, on_event: Callable[[Event], None]) -> FakeEngine:
        engine = FakeEngine(on_event, **self.options)  # type: ignore[arg-type]
        self.created.append(engine)
        return engine

    @property
    def last(self) -> FakeEngine:
        return self.created[-1]
