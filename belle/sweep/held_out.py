"""The loss of a finished run on the recipe's `eval_data`, for each row by itself.

The mean that a run logs says nothing about its error; with the rows apart, the table can say how far another choice of
rows would have moved it.
"""

from __future__ import annotations

from belle.training.recipe.schema import Recipe

_BATCH = 8
ItemLoss = tuple[float, int]
"""The sum of −log p over the trained tokens of a row, in nats, and their number."""


def held_out_losses(recipe: Recipe) -> list[ItemLoss]:
    """The loss of the run's final model on each row, in the order of the rows.

    Args:
        recipe: of a finished run.

    Raises KnownError: those of the readers, and of loading.
    """
    import numpy as np
    import torch

    from belle.training.cluster.processes import this_process
    from belle.training.engines.precision import choose_precision
    from belle.training.export.generate import load_answering_model
    from belle.training.model.model_loss import sequence_log_probs
    from belle.training.samples.collate import collate
    from belle.training.samples.prepare import prepare
    from belle.training.tokenizer.templates import template_of
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

    stage, final = recipe.traits, recipe.run_folder.final
    device = this_process().device
    tokenizer = load_tokenizer(final, notice=lambda _: None)
    samples = prepare(
        recipe.eval_data,
        stage.kinds,
        HubVocabulary(tokenizer),
        template_of(recipe.template, tokenizer, chats=stage.renders_chats),
        max_length=recipe.max_length,
        trains_all=stage.trains_all,
        processes=1,
        cache_dir=recipe.run_folder.data,
    )
    model = load_answering_model(str(final), choose_precision(recipe.precision, device).compute_dtype).to(device)
    n_rows = int(samples.row_numbers[-1]) + 1
    sums, tokens = np.zeros(n_rows), np.zeros(n_rows, np.int64)
    order = np.argsort(samples.lengths, kind="stable")  # batches of like length
    with torch.no_grad():
        for start in range(0, len(order), _BATCH):
            numbers = order[start : start + _BATCH]
            batch = collate(samples, [[int(n)] for n in numbers], pad_id=int(tokenizer.pad_token_id)).to(device)
            rows = samples.row_numbers[numbers]
            np.add.at(sums, rows, -sequence_log_probs(model, batch).double().cpu().numpy())
            np.add.at(tokens, rows, (batch.labels >= 0).sum(dim=1).cpu().numpy())
    return list(zip(sums.tolist(), tokens.tolist(), strict=True))
