"""The texts of notices about answers: templates, prompts, the context, and an engine that stops."""

from __future__ import annotations

from desktop.i18n import translate


def answer_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    return {
        "no_template": (
            translate("Notice", "The model does not say how to talk to it"),
            translate("Notice", "The file carries no prompt template. Choose the one that it was trained with."),
        ),
        "template_error": (
            translate("Notice", "The prompt template does not work for this"),
            translate("Notice", "Choose another one for this model; what it makes of a conversation is shown there."),
        ),
        "unknown_template": (
            translate("Notice", "No such prompt template"),
            translate("Notice", "Choose one of the built-in templates."),
        ),
        "prompt_too_long": (
            translate("Notice", "The conversation is longer than the model can hold"),
            translate(
                "Notice", "It takes {prompt_tokens} tokens and the model holds {n_ctx}. Nothing was cut: you decide."
            ),
        ),
        "too_large_pins": (
            translate("Notice", "Too much is pinned"),
            translate("Notice", "The pinned messages and your question do not fit: the model holds {n_ctx} tokens."),
        ),
        "too_large_summary": (
            translate("Notice", "The summary is too long"),
            translate("Notice", "The summary and your question do not fit: the model holds {n_ctx} tokens."),
        ),
        "too_large_system": (
            translate("Notice", "The system prompt is too long"),
            translate("Notice", "The system prompt and your question do not fit: the model holds {n_ctx} tokens."),
        ),
        "context_full": (
            translate("Notice", "The model has no room left"),
            translate("Notice", "The answer ends here because the context is full."),
        ),
        "backend_error": (
            translate("Notice", "The engine could not go on"),
            translate("Notice", "What had been written is kept. Answer again, or load the model anew."),
        ),
        "bad_sampling": (
            translate("Notice", "A value in the answer settings is not possible"),
            translate("Notice", "Open the answer settings and go back to the model's own values."),
        ),
        "busy": (
            translate("Notice", "One answer at a time"),
            translate("Notice", "The model is still answering. Stop it, or wait for the end."),
        ),
        "killed": (
            translate("Notice", "The model was ended from outside"),
            translate("Notice", "The system or another program ended it. What had been written is kept."),
        ),
        "killed_low_memory": (
            translate("Notice", "The model was ended when little memory was free"),
            translate("Notice", "The system or another program ended it. Close other programs, or take a smaller one."),
        ),
        "unresponsive": (
            translate("Notice", "The model did not stop"),
            translate("Notice", "It was asked to and did not listen, so it was ended. What had been written is kept."),
        ),
        "terminated": (
            translate("Notice", "The model was asked to end"),
            translate("Notice", "The system or another program asked it to. What had been written is kept."),
        ),
        "backend_crash": (
            translate("Notice", "The engine crashed"),
            translate("Notice", "The part that computes the answer stopped. What had been written is kept."),
        ),
        "worker_bug": (
            translate("Notice", "The engine stopped by a fault of ours"),
            translate("Notice", "What had been written is kept. The exact message below helps to find the fault."),
        ),
        "safer_mode": (
            translate("Notice", "The model goes on in a safer mode"),
            translate(
                "Notice",
                "The engine stopped as it does where its fastest code does not suit the processor. It is started again "
                "without it, which is slower.",
            ),
        ),
        "no_process": (
            translate("Notice", "The model could not be started"),
            translate(
                "Notice",
                "The system did not start a process for it. Close other programs and try again, or start ChatBELLE "
                "again.",
            ),
        ),
        "engine_restarted": (
            translate("Notice", "The model was started again"),
            translate("Notice", "The answer so far is kept; you can continue it."),
        ),
        "engine_gave_up": (
            translate("Notice", "The model stopped twice"),
            translate("Notice", "Your conversation is safe. Start it again, or choose a smaller model."),
        ),
    }
