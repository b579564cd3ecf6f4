"""The texts of notices about the files of a chat: attached, exported, imported, saved, printed."""

from __future__ import annotations

from desktop.i18n import translate


def file_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    return {
        "attach_not_what_it_says": (
            translate("Notice", "This is not what its name says"),
            translate("Notice", "“{file}” is a file of another kind, or damaged. Look where it comes from."),
        ),
        "attach_damaged_document": (
            translate("Notice", "The document cannot be read"),
            translate("Notice", "“{file}” is damaged. Open it in its program and save it once more."),
        ),
        "attach_encrypted": (
            translate("Notice", "The document is locked"),
            translate("Notice", "“{file}” has a password. Save it without one, then attach it."),
        ),
        "attach_no_text": (
            translate("Notice", "The document has no text"),
            translate("Notice", "“{file}” is empty or a scan: pictures of pages. Have its text recognised first."),
        ),
        "attach_too_large": (
            translate("Notice", "The document is too large"),
            translate("Notice", "“{file}” has more than a model can read. Attach a part of it."),
        ),
        "attach_file_missing": (
            translate("Notice", "The file does not exist any more"),
            translate("Notice", "“{file}” is no longer where it was. Attach it from where it is now."),
        ),
        "attach_reading": (
            translate("Notice", "A file is still being read"),
            translate("Notice", "Send the question again when the file is shown above it; your text stays."),
        ),
        "attach_too_many": (
            translate("Notice", "Too many files for one question"),
            translate("Notice", "{most} can go along. Left out: {number}. Ask about the rest in another question."),
        ),
        "dropped_one_by_one": (
            translate("Notice", "Models and folders one by one"),
            translate("Notice", "Only documents are attached together. Left out: {number}. Drop the rest one by one."),
        ),
        "attach_not_text": (
            translate("Notice", "This kind of file cannot be attached"),
            translate("Notice", "“{file}” is not a text. Attach text, Markdown, code, CSV, PDF or DOCX."),
        ),
        "picture_reading": (
            translate("Notice", "A picture is still being read"),
            translate("Notice", "Send the question again when the text in it is shown; yours stays."),
        ),
        "picture_waits": (
            translate("Notice", "The model is not ready yet"),
            translate("Notice", "Send the question again when it is: only then is it known whether it sees pictures."),
        ),
        "pictures_too_many": (
            translate("Notice", "Too many pictures for one question"),
            translate("Notice", "{most} can go along. Left out: {number}. Ask about the rest in another question."),
        ),
        "not_a_picture": (
            translate("Notice", "This picture cannot be read here"),
            translate("Notice", "“{name}” is not a PNG, JPEG, WebP, GIF, BMP or TIFF. Save it as one of these."),
        ),
        "picture_empty": (
            translate("Notice", "The picture is empty"),
            translate("Notice", "“{name}” has no content. Choose another file."),
        ),
        "picture_drawing": (
            translate("Notice", "SVG drawings are not opened"),
            translate("Notice", "“{name}” may refer to other files. Save it as PNG, and add that."),
        ),
        "picture_oversized": (
            translate("Notice", "The picture is too large"),
            translate("Notice", "“{name}” has more pixels or bytes than are read safely. Save it smaller."),
        ),
        "picture_damaged": (
            translate("Notice", "The picture is damaged"),
            translate("Notice", "“{name}” cannot be read to its end. Save it anew, or copy it once more."),
        ),
        "picture_hangs": (
            translate("Notice", "The picture takes too long to read"),
            translate("Notice", "“{name}” was given up. Save it anew, or smaller."),
        ),
        "sees_nothing": (
            translate("Notice", "This model cannot see pictures"),
            translate("Notice", "Choose a model that sees, or send the text in the picture instead."),
        ),
        "bad_picture": (
            translate("Notice", "The model cannot read a picture"),
            translate("Notice", "Ask without it, or save it anew and add it again."),
        ),
        "picture_missing": (
            translate("Notice", "A picture is missing"),
            translate("Notice", "Its file has gone. Ask again: it is made anew."),
        ),
        "picture_too_large": (
            translate("Notice", "The picture is too large for the model"),
            translate("Notice", "Send a smaller one, or give the model more context."),
        ),
        "wrong_mmproj": (
            translate("Notice", "The eyes are of another model"),
            translate("Notice", "The mmproj file does not fit this model. Use the one that belongs to it."),
        ),
        "no_mtmd": (
            translate("Notice", "This build reads no pictures"),
            translate("Notice", "Build llama.cpp anew: “make clean”, then “make chat”."),
        ),
        "exported": (
            translate("Notice", "Exported"),
            translate("Notice", "“{file}” is written."),
        ),
        "export_failed": (
            translate("Notice", "The export could not be written"),
            translate("Notice", "“{file}” cannot be written there. Choose another place."),
        ),
        "export_disk_full": (
            translate("Notice", "The disk is full"),
            translate("Notice", "“{file}” was not written. Free some space, or choose another disk."),
        ),
        "saved": (
            translate("Notice", "Saved"),
            translate("Notice", "“{file}” is written."),
        ),
        "save_failed": (
            translate("Notice", "The file could not be saved"),
            translate("Notice", "“{file}” cannot be written there. Choose another place."),
        ),
        "print_failed": (
            translate("Notice", "It could not be printed"),
            translate("Notice", "The printer did not take it. Look whether it is on, or save the chat as PDF."),
        ),
        "imported": (translate("Notice", "Import of chats"), "{summary}"),
    }
