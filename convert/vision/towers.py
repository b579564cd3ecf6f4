"""Vision encoders, each a table of which checkpoint tensor becomes which tensor of an mmproj (llama.cpp's clip.cpp).

LLaVA takes the output of a block before the last, `vision_feature_layer`, so the blocks behind it and the norm after
the last one are not written. clip.cpp applies a `post_ln` that it finds, and runs as many blocks as `feature_layer`
says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gguf.constants import GGUFValueType

from belle.errors import KnownError
from belle.texts import short_repr
from convert.architectures import Dimensions, NamedTensor
from convert.architectures.base import TensorRule, TensorTable, linear
from convert.architectures.config import MAX_LAYERS, key_set, number, only, optional_flag, unsupported, whole
from convert.metadata import KeyValue, array, count, flag, real, text
from convert.rows.arrange import ArrayRows
from convert.rows.source import RowSource

_PROGRAM = "llama.cpp's mtmd"
# ggml's GELU is the tanh approximation; the exact one differs from it by less than F16 does.
_GELU = ("gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast")
_QUICK = "quick_gelu"
_BLOCK = "encoder.layers."
# Not computed: indices, the text tower of a whole CLIP, and the pooling of the last block's output.
_UNUSED = ("embeddings.position_ids", "post_layernorm.", "head.")

_CLS_NOTE = (
    "The vision encoder has a class token. The file has it as the format means it; llama.cpp (0.3.36 of "
    "llama-cpp-python) puts it behind the patches and not in front of them, so its picture embeddings differ a little "
    "from those of the training."
)


@dataclass(frozen=True, slots=True)
class TowerDimensions(Dimensions):
    """The sizes of a vision encoder. `n_layer` are the blocks that are run, `n_ctx` its positions.

    Args:
        feature_layers: after which blocks the output is taken; 0 is the input of the first.
        n_feature: values per position that the projector reads.
        n_text: width of the language model.
        patch: side of a patch in pixels.
        image: side of the picture in pixels.
    """

    feature_layers: tuple[int, ...]
    n_feature: int
    n_text: int
    patch: int
    image: int
    channels: ClassVar[int] = 3

    @property
    def layers_in_words(self) -> str:
        return f"{self.n_layer} blocks in use"


def _norm(name: str, source: str) -> list[TensorRule]:
    return [TensorRule(f"{name}.{part}", f"{source}.{part}", ("n_embd",)) for part in ("weight", "bias")]


class LlavaTower(TensorTable):
    """CLIP's vision tower with LLaVA's projector of two layers."""

    name = "clip"
    program = _PROGRAM
    title = "LLaVA's vision encoder"
    classes = ("LlavaForConditionalGeneration",)
    model_types = ("llava",)
    prefix = ""
    head = TensorRule("mm.2.weight", "multi_modal_projector.linear_2.weight", ("n_text", "n_text"))
    heard = key_set(
        """
        hidden_act hidden_size image_size intermediate_size layer_norm_eps multimodal_projector_bias
        num_attention_heads num_channels num_hidden_layers patch_size projection_dim projector_hidden_act
        vision_feature_layer vision_feature_select_strategy vision_use_head vocab_size logit_scale_init_value
        initializer_factor
        """
    )
    projector_type: ClassVar[str] = "mlp"
    n_class_tokens: ClassVar[int] = 1
    """Positions in front of the patches."""
    strategy: ClassVar[str] = "default"
    """The `vision_feature_select_strategy` that takes the patches, all of them and nothing else."""
    default_act: ClassVar[str] = _QUICK
    default_eps: ClassVar[float] = 1e-5
    default_patch: ClassVar[int] = 32
    mean_and_deviation: ClassVar[tuple[tuple[float, ...], tuple[float, ...]]] = (
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    )
    """Of the colours of the training pictures, where no file of the checkpoint says them."""

    def dimensions(self, config: Mapping[str, Any]) -> TowerDimensions:
        n_embd = whole(config, "hidden_size", default=768)
        n_head = whole(config, "num_attention_heads", default=12)
        image = whole(config, "image_size", default=224)
        patch = whole(config, "patch_size", default=self.default_patch)
        if n_embd % n_head or image % patch:
            raise KnownError(
                "bad_config",
                f"config.json: hidden_size {n_embd} and num_attention_heads {n_head}, or image_size {image} and "
                f"patch_size {patch}, do not fit together.",
            )
        layers = self._feature_layers(config)
        return TowerDimensions(
            n_layer=layers[-1],
            n_embd=n_embd,
            n_ff=whole(config, "intermediate_size", default=3072),
            n_head=n_head,
            n_head_kv=n_head,
            head_dim=n_embd // n_head,
            n_vocab=1,
            n_ctx=(image // patch) ** 2 + self.n_class_tokens,
            feature_layers=layers,
            n_feature=n_embd * len(layers),
            n_text=whole(config, "projection_dim"),
            patch=patch,
            image=image,
        )

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        sizes = self.dimensions(config)
        square = ("n_embd", "n_embd")
        block = "encoder.layers.{i}"
        # clip.cpp takes the two for exchanged, as in its first converter's files, if the second reads `n_embd` values.
        up, down = ("ffn_down", "ffn_up") if sizes.n_ff == sizes.n_embd else ("ffn_up", "ffn_down")
        has_bias = optional_flag(config, "multimodal_projector_bias", True)
        return [
            *self.embeddings(),
            *_norm("v.blk.{i}.ln1", f"{block}.layer_norm1"),
            *linear("v.blk.{i}.attn_q", f"{block}.self_attn.q_proj", square, bias=True),
            *linear("v.blk.{i}.attn_k", f"{block}.self_attn.k_proj", square, bias=True),
            *linear("v.blk.{i}.attn_v", f"{block}.self_attn.v_proj", square, bias=True),
            *linear("v.blk.{i}.attn_out", f"{block}.self_attn.out_proj", square, bias=True),
            *_norm("v.blk.{i}.ln2", f"{block}.layer_norm2"),
            *linear(f"v.blk.{{i}}.{up}", f"{block}.mlp.fc1", ("n_ff", "n_embd"), bias=True),
            *linear(f"v.blk.{{i}}.{down}", f"{block}.mlp.fc2", ("n_embd", "n_ff"), bias=True),
            TensorRule("mm.0.weight", "multi_modal_projector.linear_1.weight", ("n_text", "n_feature")),
            *(
                TensorRule(f"mm.{index}.bias", f"multi_modal_projector.{layer}.bias", ("n_text",))
                for index, layer in ((0, "linear_1"), (2, "linear_2"))
                if has_bias
            ),
        ]

    def embeddings(self) -> list[TensorRule]:
        """The rules of what comes before the blocks."""
        return [
            TensorRule("v.class_embd", "embeddings.class_embedding", ("n_embd",)),
            TensorRule(
                "v.patch_embd.weight", "embeddings.patch_embedding.weight", ("n_embd", "channels", "patch", "patch")
            ),
            TensorRule("v.position_embd.weight", "embeddings.position_embedding.weight", ("n_ctx", "n_embd")),
            *_norm("v.pre_ln", "pre_layrnorm"),  # transformers spells it so
        ]

    def computed(self, config: Mapping[str, Any]) -> list[NamedTensor]:
        if optional_flag(config, "multimodal_projector_bias", True):
            return []
        # clip.cpp adds biases without asking whether there are any.
        zeros = np.zeros(self.dimensions(config).n_text, dtype=np.float32)
        return [NamedTensor(name, ArrayRows(name, zeros)) for name in ("mm.0.bias", "mm.2.bias")]

    def plan(
        self, tensors: Mapping[str, RowSource], config: Mapping[str, Any], notes: list[str] | None = None
    ) -> list[NamedTensor]:
        n_layer = self.dimensions(config).n_layer
        used = {name: source for name, source in tensors.items() if not _is_unused(name, n_layer)}
        if self.n_class_tokens and notes is not None:
            notes.append(_CLS_NOTE)
        return super().plan(used, config, notes)

    def is_tied(self, config: Mapping[str, Any]) -> bool:
        del config
        return False

    def metadata(self, config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> list[KeyValue]:
        """The `clip.*` entries.

        Args:
            config: as `convert.vision.halves.tower_config` puts it together.
            preprocessor: what the checkpoint says of how pictures are prepared.

        Raises KnownError("bad_config", "unsupported_option").
        """
        act = str(config.get("hidden_act") or self.default_act)
        if act not in (*_GELU, _QUICK):
            raise unsupported("hidden_act", act, self.title, _PROGRAM)
        only(config, "projector_hidden_act", *_GELU, title=self.title, program=_PROGRAM)
        only(config, "num_channels", TowerDimensions.channels, title=self.title, program=_PROGRAM)
        strategy = config.get("vision_feature_select_strategy", "default")
        if strategy != self.strategy:
            raise unsupported("vision_feature_select_strategy", strategy, self.title, _PROGRAM)
        sizes = self.dimensions(config)
        mean, deviation = self.mean_and_deviation
        return [
            flag("clip.has_vision_encoder", True),
            text("clip.projector_type", self.projector_type),
            flag("clip.use_gelu", act != _QUICK),
            count("clip.vision.image_size", sizes.image),
            count("clip.vision.patch_size", sizes.patch),
            count("clip.vision.embedding_length", sizes.n_embd),
            count("clip.vision.feed_forward_length", sizes.n_ff),
            count("clip.vision.projection_dim", sizes.n_text),
            count("clip.vision.block_count", sizes.n_layer),
            count("clip.vision.attention.head_count", sizes.n_head),
            real(
                "clip.vision.attention.layer_norm_epsilon", number(config, "layer_norm_eps", default=self.default_eps)
            ),
            array("clip.vision.feature_layer", sizes.feature_layers, GGUFValueType.INT32),
            _colours("clip.vision.image_mean", preprocessor, "image_mean", mean),
            _colours("clip.vision.image_std", preprocessor, "image_std", deviation),
        ]

    def _feature_layers(self, config: Mapping[str, Any]) -> tuple[int, ...]:
        """After which blocks the projector takes the output, in rising order. Negative ones count from the end."""
        n_layer = whole(config, "num_hidden_layers", default=12, largest=MAX_LAYERS)
        stated = config.get("vision_feature_layer", -2)
        layers = stated if isinstance(stated, list) else [stated]
        if not layers or not all(isinstance(one, int) and not isinstance(one, bool) for one in layers):
            raise KnownError("bad_config", f"config.json says vision_feature_layer is {short_repr(stated)}.")
        result = tuple(one if one >= 0 else n_layer + 1 + one for one in layers)
        rises = list(result) == sorted(set(result))
        if not (rises and result[0] >= 0 and 0 < result[-1] <= n_layer):
            raise unsupported("vision_feature_layer", stated, self.title, _PROGRAM)
        return result


class SiglipTower(LlavaTower):
    """SigLIP's vision tower with LLaVA's projector: no class token, no norm in front, a bias on the patches."""

    title = "LLaVA's vision encoder (SigLIP)"
    n_class_tokens = 0
    strategy = "full"
    default_act = "gelu_pytorch_tanh"
    default_eps = 1e-6
    default_patch = 16
    mean_and_deviation = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def embeddings(self) -> list[TensorRule]:
        patch = "embeddings.patch_embedding"
        return [
            TensorRule("v.patch_embd.weight", f"{patch}.weight", ("n_embd", "channels", "patch", "patch")),
            TensorRule("v.patch_embd.bias", f"{patch}.bias", ("n_embd",)),
            TensorRule("v.position_embd.weight", "embeddings.position_embedding.weight", ("n_ctx", "n_embd")),
        ]


_BY_TYPE: Mapping[str, LlavaTower] = {"clip_vision_model": LlavaTower(), "siglip_vision_model": SiglipTower()}


def tower_of(config: Mapping[str, Any]) -> LlavaTower:
    """The table for a vision encoder. Raises KnownError("unknown_architecture").

    Args:
        config: as `convert.vision.halves.tower_config` puts it together.
    """
    kind = str(config.get("model_type") or "clip_vision_model")
    if kind not in _BY_TYPE:
        raise KnownError(
            "unknown_architecture",
            f"The vision encoder of this checkpoint is a {short_repr(kind)}, which cannot be converted.",
            f"The known ones are {', '.join(_BY_TYPE)}. The language model alone is written with --text-only.",
            architecture=kind,
        )
    return _BY_TYPE[kind]


def _is_unused(name: str, n_layer: int) -> bool:
    if name.startswith(_UNUSED):
        return True
    index = name.removeprefix(_BLOCK).partition(".")[0] if name.startswith(_BLOCK) else ""
    return index.isdecimal() and int(index) >= n_layer


def _colours(key: str, preprocessor: Mapping[str, Any], name: str, default: Sequence[float]) -> KeyValue:
    """Three numbers of the preprocessor, for red, green and blue."""
    value = preprocessor.get(name)
    numbers = value if isinstance(value, list) else list(default)
    if len(numbers) != len(default) or not all(isinstance(one, int | float) for one in numbers):
        raise KnownError(
            "bad_config",
            f"preprocessor_config.json says {name} is {short_repr(value)}; it must be three numbers.",
            "Download it again from where the checkpoint came from.",
        )
    return array(key, [float(one) for one in numbers], GGUFValueType.FLOAT32)
