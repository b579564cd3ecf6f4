"""`belle serve`: the loaded model behind OpenAI's HTTP API, for programs on this computer.

From the outside in: `program` starts it, `protocol` bounds what a connection may do before it is a request, `access`
lets requests in, `app` has the routes. The `endpoints` read a body (`fields`), take turns (`fair_queue`), ask the
engine (`engine_host`) and write what comes; `schemas` makes the grammars that answers are held to. Whatever goes wrong
ends in `errors`. The model lives in the engine's worker process, never in this one.
"""
