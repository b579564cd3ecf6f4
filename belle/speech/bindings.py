"""The part of whisper.cpp's C interface that is used here, for ctypes: structures as in its `whisper.h` (1.8.5).

ctypes cannot see whether a structure is that of the library. `has_known_layout` compares the defaults that the library
writes into one with those that belong there; another order or number of fields would show them in other places.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_float, c_int, c_int64, c_size_t, c_void_p
from typing import Any

LogCallback = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)

GREEDY = 0  # enum whisper_sampling_strategy


class _Aheads(ctypes.Structure):
    _fields_ = [("n_heads", c_size_t), ("heads", c_void_p)]


class ContextParams(ctypes.Structure):
    """`whisper_context_params`: how a model is loaded."""

    _fields_ = [
        ("use_gpu", c_bool),
        ("flash_attn", c_bool),
        ("gpu_device", c_int),
        ("dtw_token_timestamps", c_bool),
        ("dtw_aheads_preset", c_int),
        ("dtw_n_top", c_int),
        ("dtw_aheads", _Aheads),
        ("dtw_mem_size", c_size_t),
    ]


class VadContextParams(ctypes.Structure):
    """`whisper_vad_context_params`: how a model for voice activity is loaded."""

    _fields_ = [("n_threads", c_int), ("use_gpu", c_bool), ("gpu_device", c_int)]


class _VadParams(ctypes.Structure):
    _fields_ = [
        ("threshold", c_float),
        ("min_speech_duration_ms", c_int),
        ("min_silence_duration_ms", c_int),
        ("max_speech_duration_s", c_float),
        ("speech_pad_ms", c_int),
        ("samples_overlap", c_float),
    ]


class FullParams(ctypes.Structure):
    """`whisper_full_params`: how a recording is transcribed."""

    _fields_ = [
        ("strategy", c_int),
        ("n_threads", c_int),
        ("n_max_text_ctx", c_int),
        ("offset_ms", c_int),
        ("duration_ms", c_int),
        ("translate", c_bool),
        ("no_context", c_bool),
        ("no_timestamps", c_bool),
        ("single_segment", c_bool),
        ("print_special", c_bool),
        ("print_progress", c_bool),
        ("print_realtime", c_bool),
        ("print_timestamps", c_bool),
        ("token_timestamps", c_bool),
        ("thold_pt", c_float),
        ("thold_ptsum", c_float),
        ("max_len", c_int),
        ("split_on_word", c_bool),
        ("max_tokens", c_int),
        ("debug_mode", c_bool),
        ("audio_ctx", c_int),
        ("tdrz_enable", c_bool),
        ("suppress_regex", c_char_p),
        ("initial_prompt", c_char_p),
        ("carry_initial_prompt", c_bool),
        ("prompt_tokens", c_void_p),
        ("prompt_n_tokens", c_int),
        ("language", c_char_p),
        ("detect_language", c_bool),
        ("suppress_blank", c_bool),
        ("suppress_nst", c_bool),
        ("temperature", c_float),
        ("max_initial_ts", c_float),
        ("length_penalty", c_float),
        ("temperature_inc", c_float),
        ("entropy_thold", c_float),
        ("logprob_thold", c_float),
        ("no_speech_thold", c_float),
        ("best_of", c_int),
        ("beam_size", c_int),
        ("patience", c_float),
        ("new_segment_callback", c_void_p),
        ("new_segment_callback_user_data", c_void_p),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
        ("encoder_begin_callback", c_void_p),
        ("encoder_begin_callback_user_data", c_void_p),
        ("abort_callback", c_void_p),
        ("abort_callback_user_data", c_void_p),
        ("logits_filter_callback", c_void_p),
        ("logits_filter_callback_user_data", c_void_p),
        ("grammar_rules", c_void_p),
        ("n_grammar_rules", c_size_t),
        ("i_start_rule", c_size_t),
        ("grammar_penalty", c_float),
        ("vad", c_bool),
        ("vad_model_path", c_char_p),
        ("vad_params", _VadParams),
    ]


_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "whisper_version": (c_char_p, []),
    "whisper_log_set": (None, [LogCallback, c_void_p]),
    "whisper_context_default_params": (ContextParams, []),
    "whisper_init_from_file_with_params": (c_void_p, [c_char_p, ContextParams]),
    "whisper_free": (None, [c_void_p]),
    "whisper_is_multilingual": (c_int, [c_void_p]),
    "whisper_n_audio_ctx": (c_int, [c_void_p]),
    "whisper_n_text_ctx": (c_int, [c_void_p]),
    "whisper_n_vocab": (c_int, [c_void_p]),
    "whisper_pcm_to_mel": (c_int, [c_void_p, c_void_p, c_int, c_int]),
    "whisper_encode": (c_int, [c_void_p, c_int, c_int]),
    "whisper_decode": (c_int, [c_void_p, c_void_p, c_int, c_int, c_int]),
    "whisper_get_logits": (ctypes.POINTER(c_float), [c_void_p]),
    "whisper_tokenize": (c_int, [c_void_p, c_char_p, c_void_p, c_int]),
    "whisper_token_sot": (c_int, [c_void_p]),
    "whisper_token_eot": (c_int, [c_void_p]),
    "whisper_token_not": (c_int, [c_void_p]),
    "whisper_token_transcribe": (c_int, [c_void_p]),
    "whisper_token_lang": (c_int, [c_void_p, c_int]),
    "whisper_lang_id": (c_int, [c_char_p]),
    "whisper_lang_str": (c_char_p, [c_int]),
    "whisper_full_default_params": (FullParams, [c_int]),
    "whisper_full": (c_int, [c_void_p, FullParams, c_void_p, c_int]),
    "whisper_full_n_segments": (c_int, [c_void_p]),
    "whisper_full_lang_id": (c_int, [c_void_p]),
    "whisper_full_get_segment_text": (c_char_p, [c_void_p, c_int]),
    "whisper_full_get_segment_t0": (c_int64, [c_void_p, c_int]),
    "whisper_full_get_segment_t1": (c_int64, [c_void_p, c_int]),
    "whisper_vad_default_context_params": (VadContextParams, []),
    "whisper_vad_init_from_file_with_params": (c_void_p, [c_char_p, VadContextParams]),
    "whisper_vad_detect_speech_no_reset": (c_bool, [c_void_p, c_void_p, c_int]),
    "whisper_vad_reset_state": (None, [c_void_p]),
    "whisper_vad_n_probs": (c_int, [c_void_p]),
    "whisper_vad_probs": (ctypes.POINTER(c_float), [c_void_p]),
    "whisper_vad_free": (None, [c_void_p]),
}


def declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the types of the functions. Raises AttributeError for one that the library does not have."""
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def has_known_layout(library: ctypes.CDLL) -> bool:
    """Whether the structures of `library` are those declared here."""
    full = library.whisper_full_default_params(GREEDY)
    context = library.whisper_context_default_params()
    floats = (full.thold_pt, full.temperature_inc, full.entropy_thold, full.no_speech_thold, full.grammar_penalty)
    vad = (full.vad_params.threshold, full.vad_params.speech_pad_ms, full.vad_params.samples_overlap)
    return (
        [round(value, 4) for value in floats] == [0.01, 0.2, 2.4, 0.6, 100]
        and [round(value, 4) for value in vad] == [0.5, 30, 0.1]
        and (full.strategy, full.language, full.carry_initial_prompt) == (GREEDY, b"en", False)
        and (full.vad, full.vad_model_path, full.abort_callback) == (False, None, None)
        and (context.use_gpu, context.gpu_device, context.dtw_token_timestamps) == (True, 0, False)
    )
