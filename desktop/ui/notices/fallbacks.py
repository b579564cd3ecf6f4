"""The words for a setting that a model could not be loaded with, by the reason of the engine's `Fallback`."""

from __future__ import annotations

from desktop.i18n import translate


def fallback_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by reason. `{asked}` and `{taken}` are the setting's values."""
    full = translate("Notice", "Keys and values stay in 16 bits")
    return {
        "head_size": (
            full,
            translate("Notice", "This model's attention heads do not divide into the blocks that fewer bits need."),
        ),
        "no_cache": (full, translate("Notice", "This model keeps no keys and values that could have fewer bits.")),
        "flash_attention_off": (
            full,
            translate("Notice", "Fewer bits need flash attention, which is switched off for this model."),
        ),
        "no_flash_attention": (
            translate("Notice", "Without flash attention"),
            translate("Notice", "The engine has none for this kind of model; keys and values stay in 16 bits."),
        ),
        "refused": (
            translate("Notice", "A setting of this model was refused"),
            translate("Notice", "The engine cannot load it with {asked}; it uses {taken}."),
        ),
        "no_gpu": (
            translate("Notice", "No layers on a graphics processor"),
            translate("Notice", "The engine finds none here that it can use; the processor answers."),
        ),
        "few_cores": (
            translate("Notice", "Fewer threads than set"),
            translate("Notice", "This computer can compute with {taken} at most."),
        ),
    }
