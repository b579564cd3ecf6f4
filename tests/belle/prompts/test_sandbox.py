"""Templates written to hurt: none may hang, eat the memory, or reach Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.prompts import Message, template_from_gguf

GROW = "{% set ns = namespace(a='aa', b=[1]) %}{% for i in range(99) %}"

# Written out, each holds the one before it twice.
NAMESPACES = "{% set n = namespace(a=1) %}" + "{% set n = namespace(a=n, b=n) %}" * 33

COSTLY = [
    "{% for i in range(10**9) %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ range(99999) | list | sort | length }}{% endfor %}",
    "{% for i in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [0] * 10**9 }}",
    "{{ [[1] * 99999] * 99999 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 2.0 ** 1e9 }}",
    GROW + "{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
    GROW + "{% set ns.a = ns.a + ns.a %}{% endfor %}",
    GROW + "{% set ns.a = '%s%s' % (ns.a, ns.a) %}{% endfor %}",
    GROW + "{% set ns.a = '%s%s' | format(ns.a, ns.a) %}{% endfor %}",
    GROW + "{% set ns.a = [ns.a, ns.a] | join %}{% endfor %}",
    GROW + "{% set ns.a = ns.a.join([ns.a, ns.a]) %}{% endfor %}",
    GROW + "{% set ns.a = ns.a.replace('a', 'aa') %}{% endfor %}",
    GROW + "{% set ns.a = ns.a | replace('a', 'aa') %}{% endfor %}",
    GROW + "{% set ns.a %}{{ ns.a }}{{ ns.a }}{% endset %}{% endfor %}",
    GROW + "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.b }}",
    GROW + "{% set ns.b = (ns.b, ns.b) %}{% endfor %}{{ ns.b == ns.b }}",
    GROW + "{% set ns.b = {'x': ns.b, 'y': ns.b} %}{% endfor %}{{ ns.b | tojson }}",
    GROW + "{% set ns.b = dict(x=ns.b, y=ns.b) %}{% endfor %}{{ ns.b | string }}",
    GROW + "{% set ns.b = namespace(x=[ns.b, ns.b]) %}{% endfor %}{{ ns.b }}",
    GROW + "{% set ns.b = namespace(x=[ns.b, ns.b]) %}{% endfor %}{{ [ns.b] ~ '' }}",
    GROW + "{% set ns.b = ns.b + ns.b %}{% endfor %}",
    "{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "{{ ('f' * 900000) | int(base=16) }}",
    "{{ '%1000000000d' % 3 }}",
    "{{ '%*d' % (1000000000, 3) }}",
    "{{ '%1000000000d' | format(3) }}",
    "{{ '{:1000000000}'.format(3) }}",
    "{{ 'a' | center(10**9) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ '\t'.expandtabs(10**9) }}",
    "{{ ('\n' * 900000) | indent(1000000, blank=true) }}",
    "{{ [[1]] | tojson(indent=10**9) }}",
    "{{ lipsum(10**9) }}",
    "{{ [1] | batch(10**9, 0) | list }}",
    "{{ [1] | slice(10**9) | list }}",
    "{{ 1 | round(10**9, 'ceil') }}",
    "{{ 'a' | wordwrap(1, wrapstring='b' * 900000) }}",
    "{{ ('a b ' * 240000).split() | length }}",
    "{{ ('a' * 900000) | list | length }}",
    "{% for i in range(99999) %}{% set x = ('ab' * 400000) == ('ab' * 400000) %}{% endfor %}",
    "{% for i in range(99999) %}{% set x = 'b' in 'a' * 900000 %}{% endfor %}",
    "{% for i in range(99999) %}{{ 'a' * 900000 }}{% endfor %}",
    "{% for c in 'a' * 900000 %}{% for d in 'a' * 900000 %}{% endfor %}{% endfor %}",
    "{{ ('ab' * 400000).strip('b' * 900000) }}",
    "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "{{ " + "-" * 100_000 + "1 }}",
    "{% if 1 %}" * 20_000,
    "{{ 1 }}" * 100_000,
    "{{ '%(a)1500000000d' % {'a': 1} }}",
    "{{ '%(a)1500000000d' | format(a=1) }}",
    "{{ '%(a).150000000f' % {'a': 1.5} }}",
    "{{ '%((a))999999999d' % {'(a)': 1} }}",
    "{{ '%999999999hd' % 1 }}",
    "{{ '%*d' % (1500000000, 1) }}",
    "{{ ['%999999999d'] | map('format', 1) | list }}",
    "{{ ('%(a)999d' * 90000) % {'a': 1} }}",
    "{{ ('%(a)s' * 10000) % {'a': 'b' * 100000} }}",
    "{{ '%a' % ('\U0001f600' * 200000) }}",
    "{{ ('a' * 500000).rfind('b' + 'a' * 250000) }}",
    "{{ ('a' * 500000).rsplit('b' + 'a' * 250000) }}",
    "{{ ('a' * 500000).rpartition('b' + 'a' * 250000) }}",
    *(
        NAMESPACES + use
        for use in ("{{ '%s' % n }}", "{{ '%r' | format(n) }}", "{{ '%(a)s' % {'a': [n]} }}", "{{ n }}")
    ),
    *(
        NAMESPACES + use
        for use in ("{{ n | string }}", "{{ [n] | join }}", "{{ {}[n].x }}", "{{ raise_exception(n) }}")
    ),
]

OUTSIDE = [
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__']['__mro__'] }}",
    "{{ messages | map(attribute='__class__') | list | first | string | length }}{{ 1 / 0 }}",
    "{{ '' | attr('__class__') }}",
    "{{ '%s' | attr('__mod__') }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__.os }}",
    "{{ self._TemplateReference__context.environment }}",
    "{{ raise_exception.__globals__.os }}",
    "{{ strftime_now.__code__.co_consts[0] }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update(role='x') }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ dict.mro() }}",
    "{{ (1).to_bytes(9, 'big') }}",
    "{{ 'a'.encode().hex() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
]

CHILD = """
import json, resource, sys
from belle.errors import KnownError
from belle.prompts import Message, template_from_gguf

# Enough for Python and Jinja, and for nothing that has run away.
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
for source in json.load(sys.stdin):
    try:
        template_from_gguf(source, bos_token="", eos_token="").segments([Message("user", "hi")])
        print("ran")
    except KnownError as error:
        print(error.kind, error.details["reason"].splitlines()[:1])
"""


def test_costly_templates_end_soon_in_little_memory() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(COSTLY),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == 0, run.stderr[-2000:]
    outcomes = run.stdout.splitlines()
    assert len(outcomes) == len(COSTLY)
    ran = [source[:90] for source, outcome in zip(COSTLY, outcomes, strict=True) if outcome == "ran"]
    assert not ran
    assert not any("MemoryError" in outcome for outcome in outcomes)


@pytest.mark.parametrize("source", OUTSIDE)
def test_nothing_outside_can_be_reached(source: str) -> None:
    with pytest.raises(KnownError) as raised:
        template_from_gguf(source, bos_token="", eos_token="")
    assert raised.value.kind == "template_error"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("%s and %d%%", ("a", 7)),
        ("%(name)s: %(number)05.1f", {"name": "x", "number": 2.25}),
        ("%r %a %s", (["ä"], "ä", {"b": None})),
        ("%-8s|%+d|%x|%c", ("ab", 3, 255, "z")),
        ("no %% specification", ()),
        ("%s", {"a": 1}),
        ("%s", "<&>"),
    ],
)
def test_percent_formats_as_python_does(text: str, values: object) -> None:
    template = template_from_gguf(
        "{{ messages[0].content }}{{ text % values }}".replace("text", repr(text)).replace("values", repr(values)),
        bos_token="",
        eos_token="",
    )
    assert template.segments([Message("user", "")])[0].text == text % values


@pytest.mark.parametrize("use", ["'%s %s' % ('a',)", "'%s' % ('a', 'b')", "'a' % 1", "'%d' % 'a'", "'%(a)s' % {}"])
def test_percent_refuses_what_python_refuses(use: str) -> None:
    with pytest.raises(KnownError) as raised:
        template_from_gguf("{{ " + use + " }}", bos_token="", eos_token="")
    assert raised.value.kind == "template_error"


def test_a_long_conversation_is_no_attack() -> None:
    template = template_from_gguf(
        "{% set ns = namespace(t='') %}{% for m in messages %}{% set ns.t = ns.t + m.content.strip() ~ '\n' %}"
        "{% endfor %}{{ ns.t }}",
        bos_token="",
        eos_token="",
    )
    messages = [Message("assistant" if i % 2 else "user", f"{i} " + "长" * 1000) for i in range(400)]
    assert sum(len(s.text) for s in template.segments(messages)) > 400_000


def test_many_short_messages_are_no_attack() -> None:
    source = "{% for m in messages %}{{ messages | length - loop.index }}{{ m.content }}{% endfor %}"
    template = template_from_gguf(source, bos_token="", eos_token="")
    messages = [Message("assistant" if i % 2 else "user", "x") for i in range(3000)]
    assert len(template.segments(messages)) >= 3000
