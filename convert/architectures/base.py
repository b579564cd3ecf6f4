"""The base class of architectures: a table of which checkpoint tensor becomes which GGUF tensor.

Each architecture is a subclass of `Architecture` with a table of `TensorRule`s, the sizes that it reads from
config.json, and its metadata. `TensorTable.plan` does the rest: it finds every tensor, with or without a prefix,
checks its shape against the configuration, arranges its rows, and refuses a checkpoint with tensors missing or left
over, because a model converted without one of its tensors would still run, and talk nonsense.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from belle.errors import KnownError
from belle.texts import visible
from convert.architectures.config import optional_flag
from convert.architectures.config_keys import check_keys
from convert.metadata import KeyValue
from convert.rows.source import RowSource

# Prefixes that training frameworks put in front of every name.
_WRAPPERS = ("module.", "_orig_mod.", "base_model.model.")

# Buffers and helpers that carry no weights of the language model. `v_head` is the value head of a PPO run.
_IGNORABLE = re.compile(
    r"(.*\.)?(rotary_emb\.inv_freq|rotary_emb\.(cos|sin)_cached|(self_)?att(entio)?n\.(masked_)?bias|v_head\..*)"
)

_VALUES_COMPARED = 1 << 22  # of two tensors at a time


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """A tensor of the GGUF: its name there, and the source of its rows."""

    name: str
    source: RowSource


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The sizes of a model.

    Args:
        n_layer: blocks.
        n_embd: width of the residual stream.
        n_ff: width of the feed-forward layer.
        n_head: attention heads.
        n_head_kv: heads of keys and values; fewer than `n_head` with grouped-query attention.
        head_dim: width of a head.
        n_vocab: rows of the embedding.
        n_ctx: context length in tokens.
    """

    n_layer: int
    n_embd: int
    n_ff: int
    n_head: int
    n_head_kv: int
    head_dim: int
    n_vocab: int
    n_ctx: int

    @property
    def layers_in_words(self) -> str:
        """For messages."""
        return f"{self.n_layer} layers"

    @property
    def n_q(self) -> int:
        """Rows of the query projection."""
        return self.n_head * self.head_dim

    @property
    def n_kv(self) -> int:
        """Rows of the key and of the value projection."""
        return self.n_head_kv * self.head_dim

    @property
    def n_qkv(self) -> int:
        """Rows of a fused projection."""
        return self.n_q + 2 * self.n_kv


Arrangement = Callable[[RowSource, Dimensions], RowSource]


@dataclass(frozen=True, slots=True)
class TensorRule:
    """One row of an architecture's table.

    Args:
        name: the GGUF name; with `{i}`, the number of the block, the rule applies to every block.
        source: the checkpoint's name without prefix.
        shape: names of `Dimensions`, `[out_features, in_features]`.
        arrange: reorders the rows.
        optional: may be missing, and is left out if all values are zero (GPTQ tools write such biases).
    """

    name: str
    source: str
    shape: tuple[str, ...]
    arrange: Arrangement | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class TensorPlacement:
    """The place of a checkpoint's tensor in the GGUF: its name there, and its rule."""

    name: str
    rule: TensorRule
    sizes: Dimensions

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape by config.json."""
        return tuple(int(getattr(self.sizes, name)) for name in self.rule.shape)

    def arranged(self, source: RowSource) -> RowSource:
        """`source`, which has as many rows as the tensor, in the order of the GGUF."""
        return self.rule.arrange(source, self.sizes) if self.rule.arrange else source


def linear(name: str, source: str, shape: tuple[str, str], *, bias: bool = False, **more: Any) -> list[TensorRule]:
    """The rules of a linear layer: a weight and a bias, which is optional unless `bias` is set."""
    return [
        TensorRule(f"{name}.weight", f"{source}.weight", shape, **more),
        TensorRule(f"{name}.bias", f"{source}.bias", shape[:1], optional=not bias, **more),
    ]


class TensorTable(ABC):
    """Which tensors of a checkpoint become which tensors of a file. Subclasses are declarative."""

    name: ClassVar[str]
    """GGUF's name (`general.architecture`), or that of a format with one architecture."""
    program: ClassVar[str] = "llama.cpp"
    """What runs the file, for messages."""
    title: ClassVar[str]
    """Its name in messages."""
    classes: ClassVar[tuple[str, ...]]
    """Entries of `architectures` in config.json."""
    model_types: ClassVar[tuple[str, ...]]
    """Values of `model_type`, for a config.json without classes."""
    prefix: ClassVar[str]
    """The prefix that names of the body's tensors have in a model with a head."""
    head: ClassVar[TensorRule] = TensorRule("output.weight", "lm_head.weight", ("n_vocab", "n_embd"))
    """The output head, which may be tied to the embedding."""
    tied_by_default: ClassVar[bool] = False
    """Whether the head is the embedding if config.json does not say."""
    always_tied: ClassVar[bool] = False
    """Whether llama.cpp has no separate head for this architecture."""
    heard: ClassVar[frozenset[str]]
    """The keys of config.json that are read (`config_keys`)."""
    left_out: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """By prefix of short names, the parts of a checkpoint that the file does not have, in words for the report."""

    def fits(self, config: Mapping[str, Any]) -> bool:
        """Whether the table is for this configuration; asked where several architectures share a class name."""
        del config
        return True

    @abstractmethod
    def dimensions(self, config: Mapping[str, Any]) -> Dimensions:
        """The sizes, from config.json. Raises KnownError("bad_config")."""

    @abstractmethod
    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        """The table, without the head, in the order of the GGUF."""

    def computed(self, config: Mapping[str, Any]) -> list[NamedTensor]:
        """Tensors that are computed from the configuration."""
        del config
        return []

    def plan(
        self, tensors: Mapping[str, RowSource], config: Mapping[str, Any], notes: list[str] | None = None
    ) -> list[NamedTensor]:
        """Every tensor of the GGUF, in its order.

        Args:
            tensors: the checkpoint's, by their names there.
            config: config.json.
            notes: gets a sentence about everything a person should know.

        Raises KnownError: "missing_tensor", "unknown_tensor", "duplicate_tensor", "wrong_shape", "bad_config",
        "unsupported_option".
        """
        notes = [] if notes is None else notes
        check_keys(config, self.heard, self.title, notes, self.program)
        sizes = self.dimensions(config)
        names = self._body_names(tensors)
        planned: list[NamedTensor] = []
        missing: list[str] = []
        undeclared: list[str] = []
        for gguf_name, short, rule in _expanded(self.rules(config), sizes.n_layer):
            name = names.pop(short, None)
            if name is None:
                if not rule.optional:
                    missing.append(short)
                continue
            source = tensors[name]
            _check_shape(source, rule, sizes)
            if rule.optional and _all_zero(source):
                continue
            if rule.optional:
                undeclared.append(name)
            planned.append(NamedTensor(gguf_name, rule.arrange(source, sizes) if rule.arrange else source))
        head = names.pop(self.head.source, None)
        if head is None and not self.is_tied(config):
            missing.append(self.head.source)
        if missing:
            self._refuse_missing(missing, tensors)
        if head is not None and self._has_own_head(tensors[head], planned[0].source, config, notes):
            _check_shape(tensors[head], self.head, sizes)
            planned.append(NamedTensor(self.head.name, tensors[head]))
        self._refuse_unknown(names, tensors, sizes, notes)
        if undeclared:
            notes.append(
                f"{len(undeclared)} biases that config.json does not mention, the first {visible(undeclared[0])}, are "
                "kept; transformers would leave them out."
            )
        return planned + self.computed(config)

    def short_name(self, name: str) -> str:
        """A checkpoint's name without the prefixes of training frameworks and of the model's body."""
        while wrapper := next((w for w in _WRAPPERS if name.startswith(w)), None):
            name = name.removeprefix(wrapper)
        return name.removeprefix(self.prefix)

    def places(self, config: Mapping[str, Any]) -> dict[str, TensorPlacement]:
        """The place of every weight of a checkpoint, by its short name. Raises KnownError("bad_config")."""
        sizes = self.dimensions(config)
        table = {source: (name, rule) for name, source, rule in _expanded(self.rules(config), sizes.n_layer)}
        if not self.is_tied(config):
            table[self.head.source] = (self.head.name, self.head)
        return {source: TensorPlacement(name, rule, sizes) for source, (name, rule) in table.items()}

    def is_tied(self, config: Mapping[str, Any]) -> bool:
        """Whether the output head is the embedding."""
        return self.always_tied or optional_flag(config, "tie_word_embeddings", self.tied_by_default)

    def tied_names(self, names: Iterable[str], config: Mapping[str, Any]) -> tuple[str, str] | None:
        """The names of the embedding and of the head, if the head is tied and not stored; else None.

        Args:
            names: of the checkpoint's tensors.
            config: config.json.
        """
        short = {self.short_name(name): name for name in names}
        embedding = short.get(self.rules(config)[0].source)
        if embedding is None or self.head.source in short or not self.is_tied(config):
            return None
        return embedding, self.head.source

    def _has_own_head(self, head: RowSource, embedding: RowSource, config: Mapping[str, Any], notes: list[str]) -> bool:
        """Whether a stored head is written: a tied one is often saved, too, and counts only if it differs."""
        if not self.is_tied(config):
            return True
        if _same_rows(head, embedding):
            return False
        if self.always_tied:
            raise KnownError(
                "unsupported_option",
                f"{self.head.source} is not the embedding, but {self.program}'s {self.title} has no separate output "
                "head.",
                name=self.head.source,
            )
        notes.append(f"config.json calls {self.head.source} tied to the embedding, but it differs; both are kept.")
        return True

    def _body_names(self, tensors: Mapping[str, RowSource]) -> dict[str, str]:
        """The checkpoint's names by their short names."""
        result: dict[str, str] = {}
        for name in tensors:
            short = self.short_name(name)
            if short in result:
                raise KnownError(
                    "duplicate_tensor",
                    f"{result[short]} and {name} are the same tensor of {self.title}.",
                    "The checkpoint seems to hold two models, or files of two saves in one folder.",
                    first=result[short],
                    second=name,
                )
            result[short] = name
        return result

    def _refuse_missing(self, missing: Sequence[str], tensors: Mapping[str, RowSource]) -> None:
        if list(missing) == [self.head.source]:
            raise KnownError(
                "missing_tensor",
                f"The checkpoint lacks {self.head.source}, the output head, which {self.title} needs unless its "
                "embedding is the head, too.",
                "If the model was trained so, set tie_word_embeddings to true in config.json; "
                "if not, download the file with the head.",
                missing=list(missing),
            )
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        packed = any(name.endswith(".qweight") for name in tensors)
        raise KnownError(
            "missing_tensor",
            f"The checkpoint lacks {self.prefix if missing[0] != self.head.source else ''}{missing[0]}{more}, "
            f"which {self.title} needs.",
            "Its weights are quantized (GPTQ or AWQ) in a way that is not understood."
            if packed
            else "Check that all weight files exist and that config.json belongs to them.",
            missing=list(missing),
        )

    def _refuse_unknown(
        self, names: Mapping[str, str], tensors: Mapping[str, RowSource], sizes: Dimensions, notes: list[str]
    ) -> None:
        unknown = []
        n_left_out: Counter[str] = Counter()
        for short, name in names.items():
            part = next((words for prefix, words in self.left_out.items() if short.startswith(prefix)), None)
            if part is not None:
                n_left_out[part] += 1
            elif short.startswith("v_head."):
                notes.append(f"{name} is the value head of a PPO run and is left out.")
            elif not (_IGNORABLE.fullmatch(short) or (short.endswith(".bias") and _all_zero(tensors[name]))):
                unknown.append(name)
        notes += [f"{n} tensors are left out: {part}." for part, n in n_left_out.items()]
        if unknown:
            more = f" (and of {len(unknown) - 1} more tensors)" if len(unknown) > 1 else ""
            raise KnownError(
                "unknown_tensor",
                f"{self.title} with {sizes.layers_in_words} has no place for {unknown[0]}{more}.",
                "Nothing is left out silently. Check that config.json belongs to these weights; "
                "LoRA adapters are given with --lora.",
                unknown=unknown,
            )


class Architecture(TensorTable):
    """How checkpoints of one architecture become GGUF. Subclasses are declarative; see the module's docstring."""

    @abstractmethod
    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        """The `<architecture>.*` entries.

        Args:
            config: config.json.
            notes: gets a sentence about everything a person should know.

        Raises KnownError("bad_config", "unsupported_option").
        """


def _expanded(rules: Sequence[TensorRule], n_layer: int) -> Iterator[tuple[str, str, TensorRule]]:
    """GGUF name, checkpoint name and rule of every tensor, in the order of the table.

    The rules with `{i}` are applied together, block by block, at the place of the first of them.
    """
    blocks = [rule for rule in rules if "{i}" in rule.name]
    done = False
    for rule in rules:
        if "{i}" not in rule.name:
            yield rule.name, rule.source, rule
        elif not done:
            done = True
            for i in range(n_layer):
                for each in blocks:
                    yield each.name.format(i=i), each.source.format(i=i), each


def _check_shape(source: RowSource, rule: TensorRule, sizes: Dimensions) -> None:
    expected = tuple(int(getattr(sizes, name)) for name in rule.shape)
    if tuple(source.shape) != expected:
        raise KnownError(
            "wrong_shape",
            f"{source.name} has the shape {list(source.shape)}, but config.json calls for {list(expected)}.",
            "Check that config.json belongs to these weights.",
            name=source.name,
            shape=list(source.shape),
            expected=list(expected),
        )


def _all_zero(source: RowSource) -> bool:
    return len(source.shape) == 1 and not source.float_rows(0, 1).any()


def _same_rows(one: RowSource, other: RowSource) -> bool:
    """Whether all values are equal: training may have changed only the rows of a few added tokens."""
    if one.shape != other.shape:
        return False
    step = max(1, _VALUES_COMPARED // max(1, one.row_length))
    runs = ((start, min(start + step, one.n_rows)) for start in range(0, one.n_rows, step))
    return all(np.array_equal(one.float_rows(*run), other.float_rows(*run)) for run in runs)
