"""Checks requests by tensor name: each must match a tensor, or it would silently have no effect."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from belle.errors import KnownError
from belle.gguf.imatrix import Imatrix
from belle.gguf.types import may_quantize
from convert.plan.mixture import MatrixRole, TypeRequests, role_of
from convert.plan.plan import Named

_SHOWN = 3


def check_types(tensors: Sequence[Named], requests: TypeRequests, *, keeps_packed: bool) -> None:
    """Check that every rule of `--tensor-type` applies to at least one tensor.

    Args:
        tensors: of the output.
        requests: the user's rules.
        keeps_packed: tensors that are quantized already keep their codes, whatever is requested.

    Raises KnownError("bad_rule") for the first rule that matches nothing, or only what no rule can change.
    """
    packed = {one.name for one in tensors if keeps_packed and one.source.packed_type is not None}
    free = {one.name for one in tensors if _is_free(one)} - packed
    for pattern, kind in requests.tensors:
        rule = f"--tensor-type {pattern.pattern}={kind.name.lower()}"
        matched = [one.name for one in tensors if pattern.search(one.name)]
        if not matched:
            raise KnownError("bad_rule", f"{rule} matches no tensor of this model.", _near(pattern, tensors), rule=rule)
        if free.isdisjoint(matched):
            raise KnownError(
                "bad_rule",
                f"{rule} matches only tensors whose type cannot be chosen, such as {matched[0]}.",
                "Vectors and norms stay F32; layers that are quantized already keep their codes, "
                "unless --gptq requantize is given.",
                rule=rule,
            )


def check_imatrix(tensors: Iterable[Named], imatrix: Imatrix) -> None:
    """Check that every entry belongs to a tensor (or to head or embedding, which a file may not have by that name).

    Raises KnownError("imatrix_mismatch").
    """
    names = {one.name for one in tensors}
    unknown = sorted(
        name
        for name in imatrix.weights
        if name not in names and role_of(name) not in (MatrixRole.OUTPUT, MatrixRole.EMBEDDINGS)
    )
    if not unknown:
        return
    share = f"{len(unknown)} of its {len(imatrix.weights)} entries, the first for {unknown[0]}"
    near = difflib.get_close_matches(unknown[0], names, _SHOWN)
    advice = "Make one with belle imatrix."
    raise KnownError(
        "imatrix_mismatch",
        f"The importance matrix was made for another model: {share}, are of no tensor of this one.",
        f"{advice} (Near names here: {', '.join(near)}.)" if near else advice,
        tensor=unknown[0],
    )


def _is_free(one: Named) -> bool:
    return may_quantize(one.name, one.source.shape)


def _near(pattern: re.Pattern[str], tensors: Sequence[Named]) -> str:
    """Advice with names that may be meant: of tensors with such a name in the checkpoint, or of similar spelling."""
    renamed = [one.name for one in tensors if pattern.search(one.source.name) and _is_free(one)]
    if renamed:
        return f"In the GGUF the tensors that the checkpoint calls so are {', '.join(renamed[:_SHOWN])}."
    parts = sorted({re.sub(r"^blk\.\d+\.|\.weight$", "", one.name) for one in tensors if _is_free(one)})
    meant = re.sub(r"^\W*blk\W+\d*\W*|\W*weight\W*$|[^\w.]", "", pattern.pattern)
    near = difflib.get_close_matches(meant, parts, _SHOWN, 0.4) or parts
    return f"Names here are such as {', '.join(near[:8])}; --dry-run lists all."
