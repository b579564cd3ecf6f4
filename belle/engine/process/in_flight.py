"""The commands to a worker that are not answered yet: what has to be sent to a worker that replaces it."""

from __future__ import annotations

from dataclasses import replace

from belle.engine.process.commands import Command, Count, Embed, Generate, Load, SetTemplate
from belle.engine.process.events import Counted, Done, Embedded, Event, Failed, Hello, Loading, Ready, Text, Thinking


class InFlight:
    """Follows the commands and events of one client.

    Attributes:
        load: the last `Load` command, with the template chosen since.
        loading: it has not been answered by `Ready` or `Failed` yet.
        working: the worker has generated something since it was started.
    """

    def __init__(self) -> None:
        self.load: Load | None = None
        self.loading = False
        self.working = False
        self._requests: dict[int, Generate | Embed | Count] = {}
        self._begun: set[int] = set()

    def sent(self, command: Command) -> None:
        """Record a command that is sent."""
        match command:
            case Load():
                self.load, self.loading = command, True
            case SetTemplate(template=template) if self.load is not None:
                self.load = replace(self.load, template=template)
            case Generate() | Embed() | Count():
                self._requests[command.id] = command

    def received(self, event: Event) -> None:
        """Record an event that arrived."""
        match event:
            case Hello():
                self.working = False
            case Loading():
                self.loading = True
            case Ready() | Failed(id=None):
                self.loading = False
            case Text(id=request_id) | Thinking(id=request_id):
                self.working = True
                self._begun.add(request_id)
            case Done(id=request_id) | Embedded(id=request_id) | Counted(id=request_id) | Failed(id=int(request_id)):
                self.working = self.working or isinstance(event, Done)
                self._requests.pop(request_id, None)
                self._begun.discard(request_id)

    def is_open(self, request_id: int) -> bool:
        """Whether the request was sent and not answered."""
        return request_id in self._requests

    def drop_begun(self) -> list[int]:
        """Give up the answers that have begun, and return their ids: another worker would continue in other words."""
        begun = sorted(self._begun & self._requests.keys())
        for request_id in begun:
            del self._requests[request_id]
        self._begun.clear()
        return begun

    def drop_requests(self) -> None:
        """Give up all requests."""
        self._requests.clear()
        self._begun.clear()

    def commands(self) -> list[Command]:
        """The commands to send to another worker."""
        return [*([self.load] if self.load else []), *self._requests.values()]
