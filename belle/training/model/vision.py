"""A model that sees: LLaVA (Liu et al. 2023), made of a vision tower, a projector and a language model.

The tower cuts a picture into patches and gives a vector for each; two layers project the vectors of its layer before
the last to the width of the language model, which reads them in the place of the picture's tokens (LLaVA-1.5,
arXiv 2310.03744).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.clients.copies import model_here
from belle.documents import read_json_object
from belle.errors import KnownError
from belle.pretrained import load_config, load_with_report
from belle.training.engines.precision import choose_attention
from belle.training.model.adapters import add_adapter
from belle.training.model.embedding_rows import check_vocabulary, train_every_row
from belle.training.model.load import CAUSAL, Family, Say, base_of, check_complete, load_model
from belle.training.model.options import ModelOptions
from belle.training.model.prepare import prepare
from belle.training.tokenizer.picture_token import PICTURE_TOKEN, picture_token_of

if TYPE_CHECKING:
    from torch import nn

    from belle.training.engines.engine import EngineBuilder
    from belle.training.recipe.options import LoraOptions
    from belle.training.recipe.vision_options import TowerShape, VisionOptions

SEEING = Family("AutoModelForImageTextToText", "CAUSAL_LM", {})

PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
"""The files of a checkpoint that say how pictures are prepared and put into a prompt."""

_TOWERS = {"clip_vision_model": "CLIPVisionModel", "siglip_vision_model": "SiglipVisionModel"}
_FEATURE_LAYER = -2
_PROJECTOR = "multi_modal_projector"
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class PictureFormat:
    """How a tower wants its pictures.

    Args:
        size: pixels of the side of the square.
        patch: pixels of the side of a patch.
        mean, std: of the red, green and blue values from 0 to 1, which are shifted and scaled by them.
        class_token: the tower puts a vector of no patch in front, which is left out (CLIP; not SigLIP).
    """

    size: int
    patch: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    class_token: bool = True

    @property
    def patches(self) -> int:
        """Patches of a picture, each of which becomes one vector."""
        return (self.size // self.patch) ** 2

    def processor_config(self) -> dict[str, Any]:
        """The content of processor_config.json, by which transformers puts a picture's tokens into a prompt."""
        return {
            "processor_class": "LlavaProcessor",
            "image_token": PICTURE_TOKEN,
            "patch_size": self.patch,
            "vision_feature_select_strategy": "default" if self.class_token else "full",
            "num_additional_image_tokens": int(self.class_token),
        }

    def preprocessor_config(self) -> dict[str, Any]:
        """The content of preprocessor_config.json, by which other programs prepare pictures in the same way."""
        side = {"height": self.size, "width": self.size}
        return {
            "image_processor_type": "CLIPImageProcessor",
            "do_resize": True,
            "size": {"shortest_edge": self.size},
            "resample": 3,  # bicubic
            "do_center_crop": True,
            "crop_size": side,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "do_convert_rgb": True,
        }


def sees_already(options: ModelOptions) -> bool:
    """Whether the model that a run starts from is a LLaVA. Raises KnownError("model_missing")."""
    if options.model is None:
        return False
    try:
        return str(load_config(base_of(options)).model_type) == "llava"
    except (OSError, ValueError) as error:
        raise KnownError(
            "model_missing",
            f"The configuration of {options.model} cannot be read: {str(error).splitlines()[0]}",
            "Name a folder with config.json, or a model on a hub.",
            model=options.model,
        ) from error


def picture_format(options: ModelOptions, vision: VisionOptions) -> PictureFormat:
    """How pictures are prepared for the tower of a run.

    Raises KnownError: `tower_missing` where the recipe names none; `tower_needless` where the model has its own;
    `tower_unknown`.
    """
    if sees_already(options):
        if vision.tower is not None or vision.new_tower is not None:
            message = f"{options.model} has a vision tower already."
            raise KnownError("tower_needless", message, "Leave vision.tower and vision.new_tower out.")
        name = base_of(options)
        return _format(load_config(name).vision_config, name)
    if vision.new_tower is not None:
        return PictureFormat(vision.new_tower.image_size, vision.new_tower.patch_size, _HALF, _HALF, class_token=False)
    tower = _named_tower(vision)
    return _format(_tower_config(tower), tower)


class SeeingModel:
    """Loads the model of a run, or makes it of its halves: a `ModelLoader`.

    Args:
        vision: the recipe's options.
        projector_alone: train nothing but the projector.
    """

    def __init__(self, vision: VisionOptions, *, projector_alone: bool) -> None:
        self._vision = vision
        self._projector_alone = projector_alone

    def __call__(self, options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
        """The model, ready to be trained.

        Raises KnownError: those of `load_causal_model` and `picture_format`; `composed_partitioned` under ZeRO-3, and
        `adapter_without_base` where the model is made of its halves.
        """
        if sees_already(options):
            model = self._loaded(options, builder, say)
        else:
            model = self._composed(options, builder, tokenizer, say)
        check_vocabulary(model, tokenizer)
        train_every_row(model)
        if options.lora is not None:
            model = _adapted(model, options.lora, partitioned=builder.partitioned)
        else:
            self._freeze(model)
        prepare(model, options)
        return model

    def _loaded(self, options: ModelOptions, builder: EngineBuilder, say: Say) -> Any:
        import torch

        attention, reason = choose_attention(options.attention, builder.device, builder.precision)
        say(f"attention: {reason}")
        name = base_of(options)
        frozen = self._projector_alone or options.lora is not None
        dtype = builder.precision.compute_dtype if frozen else torch.float32
        with builder.loading():
            model, report = load_with_report(SEEING.loader, name, dtype=dtype, attn_implementation=attention)
        check_complete(name, report, SEEING)
        return model

    def _composed(self, options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> Any:
        if options.lora is not None:
            message = "An adapter needs a model that sees already, which it can be added to again."
            advice = "Start from the final folder of stage: vl_align, or leave lora out."
            raise KnownError("adapter_without_base", message, advice)
        if builder.partitioned:
            message = "A model that sees cannot be made of its halves while ZeRO-3 spreads them over the processes."
            advice = "Make it with vl_align without DeepSpeed first, and start from its final folder."
            raise KnownError("composed_partitioned", message, advice)
        # Gradient checkpointing, noise and the like are for the whole model; `prepare` adds them once.
        plain = replace(options, gradient_checkpointing=False, liger=False, neftune_alpha=0.0, freeze=None)
        language: Any = load_model(CAUSAL, plain, builder, tokenizer, say)
        with builder.loading():
            tower = self._tower(builder)
            if self._projector_alone:
                language.to(builder.precision.compute_dtype)
            return compose(language, tower, picture_token_of(tokenizer))

    def _tower(self, builder: EngineBuilder) -> Any:
        import torch

        if self._vision.new_tower is not None:
            return _random_tower(self._vision.new_tower)
        name = _named_tower(self._vision)
        config = _tower_config(name)
        dtype = torch.float32 if self._vision.train_tower else builder.precision.compute_dtype
        family = Family(_TOWERS[config.model_type], "FEATURE_EXTRACTION", {})
        tower, report = load_with_report(family.loader, name, dtype=dtype, config=config)
        check_complete(name, report, family)
        return tower

    def _freeze(self, model: Any) -> None:
        model.requires_grad_(not self._projector_alone)
        model.model.vision_tower.requires_grad_(self._vision.train_tower and not self._projector_alone)
        model.model.multi_modal_projector.requires_grad_(True)


def _adapted(model: Any, lora: LoraOptions, *, partitioned: bool) -> Any:
    """The model with an adapter in its language model; the projector is trained in full and saved beside it."""
    whole = replace(lora, modules_to_save=tuple(dict.fromkeys([*lora.modules_to_save, _PROJECTOR])))
    return add_adapter(model, whole, partitioned=partitioned, except_in=("vision_tower", _PROJECTOR))


def compose(language: Any, tower: Any, picture_token: int) -> Any:
    """A LLaVA of a causal language model and a vision tower, with a projector of random weights in fp32.

    The halves are taken as they are, not copied.
    """
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration
    from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

    config = LlavaConfig(
        vision_config=copy.deepcopy(tower.config),
        text_config=copy.deepcopy(language.config),
        image_token_index=picture_token,
        image_seq_length=(tower.config.image_size // tower.config.patch_size) ** 2,
        vision_feature_layer=_FEATURE_LAYER,
        vision_feature_select_strategy="default" if _has_class_token(tower.config) else "full",
        tie_word_embeddings=bool(language.config.tie_word_embeddings),
    )
    with torch.device("meta"):  # its halves are replaced, so they need no memory
        model: Any = LlavaForConditionalGeneration(config)
    model.model.vision_tower = tower
    model.model.language_model = language.base_model
    model.lm_head = language.get_output_embeddings()
    model.model.multi_modal_projector = LlavaMultiModalProjector(config)
    model.generation_config = language.generation_config
    return model


def _random_tower(shape: TowerShape) -> Any:
    """A SigLIP: llama.cpp, which is to run the model, puts the class token of a CLIP behind the patches."""
    from transformers import SiglipVisionConfig, SiglipVisionModel

    config = SiglipVisionConfig(
        image_size=shape.image_size,
        patch_size=shape.patch_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        vision_use_head=False,
    )
    return SiglipVisionModel(config)


def _named_tower(vision: VisionOptions) -> str:
    if vision.tower is None:
        message = "The recipe names no vision tower."
        advice = "Name a CLIP or SigLIP model as vision.tower, such as hub:openai/clip-vit-large-patch14-336."
        raise KnownError("tower_missing", message, advice)
    return str(vision.tower)


def _tower_config(name: str) -> Any:
    """The configuration of a tower, alone or as a part of a CLIP or SigLIP. Raises KnownError("tower_unknown")."""
    try:
        config = load_config(name)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise KnownError(
            "tower_unknown", f"The vision tower {name} cannot be read: {reason}", "Name a CLIP or SigLIP model."
        ) from error
    config = getattr(config, "vision_config", config)
    if config.model_type not in _TOWERS:
        message = f"{name} is a {config.model_type}, which is not a vision tower that LLaVA's projector can read."
        raise KnownError("tower_unknown", message, "Name a CLIP or SigLIP model.", path=name)
    return config


def _format(config: Any, name: str) -> PictureFormat:
    """How the tower in `name` wants its pictures: mean and deviation as its own files say."""
    path = Path(model_here(name, needs={"config"})) / "preprocessor_config.json"
    values: Mapping[str, Any] = read_json_object(path) if path.is_file() else {}
    usual = (_CLIP_MEAN, _CLIP_STD) if _has_class_token(config) else (_HALF, _HALF)
    mean, std = _three(values.get("image_mean")), _three(values.get("image_std"))
    size, patch = int(config.image_size), int(config.patch_size)
    return PictureFormat(size, patch, mean or usual[0], std or usual[1], _has_class_token(config))


def _has_class_token(config: Any) -> bool:
    return bool(config.model_type == "clip_vision_model")


def _three(value: Any) -> tuple[float, float, float] | None:
    if isinstance(value, list) and len(value) == 3 and all(isinstance(part, int | float) for part in value):
        return float(value[0]), float(value[1]), float(value[2])
    return None
