"""Starting and ending the server: the socket first, then the model, then requests."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from belle import network
from belle.engine.process.commands import Load, Sampling
from belle.engine.process.events import ModelInfo
from belle.server.app import make_app
from belle.server.engine_host import EngineHost
from belle.server.fair_queue import FairQueue
from belle.server.listening import address_of, listen, server_config
from belle.server.served_model import ServedModel
from belle.server.settings import ServerSettings


def serve(
    load: Load,
    settings: ServerSettings,
    sampling: Sampling,
    *,
    on_ready: Callable[[str, ModelInfo], object],
    on_loading: Callable[[float], object],
    on_safer_mode: Callable[[], object],
    ends_with: int | None = None,
) -> None:
    """Serve a model until Ctrl-C or SIGTERM.

    Args:
        load: the model, and how many requests are answered at once.
        settings: of the server.
        sampling: of the model, for what a request does not say.
        on_ready: called with the address of the API when requests are taken, and with what is known of the model.
        on_loading: called with a fraction of 0…1.
        on_safer_mode: called when the model had to be started again without llama.cpp's extra kernels.
        ends_with: a file descriptor at whose end the server ends too.

    Raises KnownError when the address cannot be listened at, when other computers could reach it in offline mode, or
    when the model cannot be loaded; KeyboardInterrupt.
    """
    use: network.Use = "loopback" if network.is_loopback(settings.host) else "server"
    network.ask(use, settings.model_name, settings.host)
    listening = listen(settings)
    host = EngineHost(load, on_loading=on_loading, on_safer_mode=on_safer_mode)
    served = ServedModel(host, settings, sampling, FairQueue(settings.most_waiting, load.parallel))

    server = _Server(server_config(make_app(served)), host)

    async def run() -> None:
        loading = asyncio.ensure_future(host.start())

        def end() -> None:
            loading.cancel()
            server.end()

        if ends_with is not None:
            loop = asyncio.get_running_loop()
            threading.Thread(target=_at_the_end_of, args=(ends_with, loop, end), daemon=True).start()
        try:
            with suppress(asyncio.CancelledError):
                model = await loading
                address = f"{address_of(listening, settings.host)}/v1"
                with network.connection(use, settings.model_name, address):
                    on_ready(address, model)
                    await server.serve(sockets=[listening])
        finally:
            await host.close()

    with listening:
        asyncio.run(run())


class _Server(uvicorn.Server):
    """uvicorn, which waits for its answers when it is to end; they end first."""

    def __init__(self, config: uvicorn.Config, host: EngineHost) -> None:
        super().__init__(config)
        self._host = host

    def end(self) -> None:
        """End as by a signal."""
        self.should_exit = True
        self._host.refuse()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._host.refuse)


def _at_the_end_of(descriptor: int, loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    """In a thread of its own: whatever kind of file it is, and whatever is written there, wait for its end."""
    with suppress(OSError):
        while os.read(descriptor, 1 << 12):
            pass
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(act)
