"""Which case a request of the page is about: an item of the set or a pasted one, with answers of a run or pasted."""

from __future__ import annotations

from belle.evaluation.items.item import EvaluationItem, class_name
from belle.evaluation.judge.verdicts import JudgedAnswer, conversation
from belle.evaluation.page.cases import CaseFinder, CaseView, ShownAnswer, ShownCase
from belle.server.errors import ApiError, bad_request
from belle.server.fields import Fields

_MOST_RUBRIC = 50
_PASTED = "pasted"
_PASTED_CLASS = "open qa"


def read_view(fields: Fields, finder: CaseFinder) -> CaseView:
    """What of the items is looked at. Raises ApiError."""
    first, second = fields.text("first") or "", fields.text("second") or ""
    for model in filter(None, (first, second)):
        if model not in finder.models:
            raise bad_request(f"There are no answers of a model named {model}.", "first")
    if (second and second == first) or (second and not first):
        raise bad_request("Two different models are compared.", "second")
    return CaseView(first, second, blind=fields.flag("blind") is not False)


def read_case(fields: Fields, finder: CaseFinder) -> ShownCase:
    """The case of a request. Raises ApiError."""
    identity = fields.text("item")
    pasted = fields.inner("pasted")
    if identity is not None:
        item = finder.item(identity)
        if item is None:
            raise ApiError(404, f"The set has no item {identity}.", param="item", code="no_such_item")
    elif pasted is not None:
        item = _pasted_item(pasted)
    else:
        raise bad_request("The request names no item.", "item")
    answers = _pasted_answers(fields, item)
    in_set = identity is not None
    if answers is not None:
        names = [shown.model for shown in answers]
        view = CaseView(names[0], names[1] if len(names) == 2 else "", blind=False) if names else CaseView()
        return ShownCase(item, in_set, view, answers)
    view = read_view(fields, finder)
    return finder.case(item, view) if in_set else ShownCase(item, False, view)


def _pasted_item(fields: Fields) -> EvaluationItem:
    question = fields.required_text("question")
    if not question.strip():
        raise bad_request("The question is empty.", "question", code="no_question")
    category = class_name(fields.text("class") or "") or _PASTED_CLASS
    rubric = tuple(text.strip() for text in fields.texts("rubric", _MOST_RUBRIC) if text.strip())
    return EvaluationItem(_PASTED, category, (question,), (fields.text("reference") or "").strip(), rubric)


def _pasted_answers(fields: Fields, item: EvaluationItem) -> tuple[ShownAnswer, ...] | None:
    """None where none are given, so that those of the run are shown. Raises ApiError."""
    if fields.get("answers") is None:
        return None
    answers = []
    for number, row in enumerate(fields.rows("answers", 2)):
        answer = Fields(row, f"answers[{number}]")
        model = (answer.text("model") or "").strip() or f"{_PASTED} {number + 1}"
        judged = JudgedAnswer(item, conversation(item.turns, []), answer.required_text("text"))
        answers.append(ShownAnswer(model, judged))
    if len({shown.model for shown in answers}) < len(answers):
        raise bad_request("Both answers have the same name.", "answers", code="same_names")
    return tuple(answers)
