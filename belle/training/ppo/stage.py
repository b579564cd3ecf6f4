"""Proximal policy optimization: the model writes answers, a reward scores them, and answers that are better than
expected become more likely (Schulman et al. 2017; for language models Ziegler et al. 2019, Ouyang et al. 2022).

One step of the run is one batch:

    write answers → score them → log-probabilities and values of every token → rewards and advantages
    → train in minibatches, for some epochs → log, adapt the KL coefficient, save

From one batch to the next only the weights, the optimizer and a few counters are kept, and the checkpoint has them;
every random number is made from the seed and the step. So a resumed run is the same run.
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.training.loop.interrupts import Stopped
from belle.training.loop.loop import optimizer_step
from belle.training.loop.run import is_due
from belle.training.loop.session import TrainingSession, started
from belle.training.model.adapters import is_adapter
from belle.training.model.answer import end_tokens
from belle.training.model.options import ModelOptions
from belle.training.ppo.kl_control import next_kl_coefficient
from belle.training.recipe.schema import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.training.engines.engine import EngineBuilder
    from belle.training.model.load import Say
    from belle.training.ppo.experience import Experience, Reference
    from belle.training.ppo.reward_sources import Reward
    from belle.training.ppo.rollout import Dialogues
    from belle.training.recipe.options import PpoOptions
    from belle.training.samples.prompts import PromptSet

_ANSWERS_SHOWN = 3


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`: the policy alone. Raises KnownError and `interrupts.Stopped`."""
    from belle.training.ppo.reward_sources import make_reward
    from belle.training.samples.prompts import read_prompts

    options = recipe.ppo
    assert options is not None
    with started(recipe) as session:
        room = recipe.max_length - options.max_new_tokens
        prompts = read_prompts(
            recipe.data, session.vocabulary, session.template, max_length=room, seed=recipe.seed, say=session.run.say
        )
        session.run.remember("data", prompts)
        reward = make_reward(
            options, tokenizer=session.tokenizer, template=session.template, frozen_model=session.frozen_model
        )
        copy = None if _adapter_is_new(recipe.part(ModelOptions)) else session.frozen_model(_load_policy)
        session.open_engine(partial(_load_with_values, options.value_model))
        PpoTraining(session, options, prompts, reward, copy).train()
        session.write_final()


class PpoTraining:
    """The steps of a PPO run.

    Args:
        reference: a frozen copy of the model before training; None: the model without its adapter is the reference.
    """

    def __init__(
        self,
        session: TrainingSession,
        options: PpoOptions,
        prompts: PromptSet,
        reward: Reward,
        reference: nn.Module | None,
    ) -> None:
        from belle.training.ppo.experience import Minibatches
        from belle.training.ppo.loss import ClippedObjective

        recipe, engine = session.recipe, session.engine
        self._session, self._prompts, self._reward = session, prompts, reward
        self._options, self._loop = options, session.loop
        self._objective = ClippedObjective(self._options)
        self._cut = Minibatches(recipe.batch_size, recipe.accumulation, engine.rank, engine.world_size, recipe.seed)
        if self._options.rollouts % self._cut.size:
            raise KnownError(
                "recipe_wrong",
                f"ppo.rollouts: {self._options.rollouts} answers cannot be cut into minibatches of {self._cut.size}"
                " (batch_size × accumulation × processes).",
                f"Make it a multiple of {self._cut.size}.",
                key="ppo.rollouts",
            )
        self._pad_id = int(session.tokenizer.pad_token_id)
        self._ends = end_tokens(session.tokenizer, session.template.stop)
        self._reference = self._make_reference(reference)

    def train(self) -> None:
        """Train until the recipe's last step. Raises Stopped and KnownError as `loop.train`."""
        session, run, options = self._session, self._session.run, self._loop
        total = options.max_steps or math.ceil(options.epochs * len(self._prompts) / self._options.rollouts)
        rate = options.learning_rates(total)
        run.begin(total)
        counters = run.state.counters
        counters.setdefault("kl_coefficient", self._options.kl_coefficient)
        session.engine.model.train()
        while run.state.step < total:
            started_at = monotonic()
            numbers, epoch, index = self._prompts.take(run.state.epoch, run.state.micro_batch, self._options.rollouts)
            dialogues = self._write(numbers)
            if stop := run.signal_anywhere():
                # This batch was not trained on yet: the resumed run writes its answers again.
                raise Stopped(stop, f"{run.save()} was written: go on with --resume.")
            experience = self._experience(dialogues)
            seconds = monotonic() - started_at
            self._learn(experience, rate(run.state.step), rollout_seconds=seconds)
            run.state.epoch, run.state.micro_batch = epoch, index
            run.state.step += 1
            self._report(experience, seconds, last=run.state.step == total)
            counters["kl_coefficient"] = next_kl_coefficient(
                counters["kl_coefficient"],
                experience.kl,
                target=self._options.kl_target,
                answers=self._options.rollouts,
                horizon=self._options.kl_horizon,
            )
            run.end_step(last=run.state.step == total, save_every=options.save_every)

    def _write(self, numbers: Sequence[int]) -> Dialogues:
        """Answers to these prompts; each process writes a part of them."""
        import torch

        from belle.training.model.sampling import answer_seed
        from belle.training.ppo.rollout import Answers, Dialogues, write_answers

        engine, step = self._session.engine, self._session.run.state.step
        prompts = [self._prompts[number] for number in numbers]
        share = len(prompts) // engine.world_size
        own = range(engine.rank * share, (engine.rank + 1) * share)
        answers = write_answers(
            engine,
            [prompts[i] for i in own],
            [answer_seed(self._session.recipe.seed, step, i) for i in own],
            self._options,
            ends=self._ends,
            pad_id=self._pad_id,
        )
        # One exchange for all three: tokens, then length and whether it is finished [answers, max_new_tokens + 2].
        table = torch.zeros(len(prompts), self._options.max_new_tokens + 2, dtype=torch.float64)
        table[own.start : own.stop, :-2] = answers.tokens.double()
        table[own.start : own.stop, -2] = answers.lengths.double()
        table[own.start : own.stop, -1] = answers.finished.double()
        whole = engine.all_sum(table).long()
        return Dialogues(prompts, Answers(whole[:, :-2], whole[:, -2], whole[:, -1].bool()))

    def _experience(self, dialogues: Dialogues) -> Experience:
        """The answers with scores, log-probabilities, values and advantages."""
        from belle.training.ppo.experience import rewarded, token_tables

        engine, state = self._session.engine, self._session.run.state
        plan = self._cut.plan(len(dialogues.prompts), state.step, 0)
        scores = self._reward(engine, dialogues, plan)
        tables = token_tables(
            engine,
            dialogues,
            plan,
            self._reference,
            temperature=self._options.temperature,
            pad_id=self._pad_id,
        )
        shaped = shaped_scores(scores, dialogues.answers.finished, self._options, state.counters)
        coefficient = state.counters["kl_coefficient"]
        return rewarded(dialogues, scores, shaped, tables, options=self._options, kl_coefficient=coefficient)

    def _learn(self, experience: Experience, learning_rate: float, *, rollout_seconds: float) -> None:
        """Train on the batch for some epochs, or until the policy has moved too far (`stop_kl`)."""
        run, step = self._session.run, self._session.run.state.step
        seconds = rollout_seconds
        for epoch in range(self._options.epochs):
            for minibatch in experience.minibatches(self._cut, step, epoch, self._pad_id):
                started_at = monotonic()
                try:
                    result = optimizer_step(self._session.engine, self._objective, minibatch, learning_rate)
                except KnownError as error:
                    raise run.at_this_step(error) from None
                run.count(result, learning_rate, seconds=seconds + monotonic() - started_at)
                seconds = 0.0
                limit = self._options.stop_kl
                if limit is not None and result.metrics["update_kl"] > 1.5 * limit:
                    return

    def _report(self, experience: Experience, rollout_seconds: float, *, last: bool) -> None:
        """Log the step, and every so many steps some answers."""
        session, run = self._session, self._session.run
        if last or is_due(self._loop.log_every, run.state.step):
            figures = experience.figures()
            figures["kl_coefficient"] = run.state.counters["kl_coefficient"]
            figures["rollout_seconds"] = rollout_seconds
            run.log_window(run.state.epoch + run.state.micro_batch / len(self._prompts), figures)
        if last or is_due(self._loop.sample_every, run.state.step):
            from belle.training.model.answer import answer_text

            session.write_samples()
            tokenizer, dialogues = session.tokenizer, experience.dialogues
            for number in range(min(_ANSWERS_SHOWN, len(dialogues.prompts))):
                answer = dialogues.answers.tokens[number, : dialogues.answers.lengths[number]]
                question = tokenizer.decode(dialogues.prompts[number], skip_special_tokens=True)
                run.sample(question, answer_text(tokenizer, session.template, answer))

    def _make_reference(self, copy: nn.Module | None) -> Reference:
        """The reference's log-probabilities: of a frozen copy, or of the model with its adapter switched off."""
        import torch

        from belle.training.model.adapters import without_adapter
        from belle.training.model.value_head import policy_log_probs

        engine, temperature = self._session.engine, self._options.temperature

        def of_copy(batch: Any) -> Tensor:
            with torch.no_grad(), engine.autocast():
                return policy_log_probs(copy, batch, temperature=temperature)

        def of_base(batch: Any) -> Tensor:
            def log_probs(model: Any) -> Tensor:
                with torch.no_grad(), without_adapter(model.policy):
                    return policy_log_probs(model.policy, batch, temperature=temperature)

            values: Tensor = engine.forward(log_probs)
            return values

        return of_base if copy is None else of_copy


def shaped_scores(
    scores: Tensor, finished: Tensor, options: PpoOptions, counters: MutableMapping[str, float]
) -> Tensor:
    """The scores as they are trained on: normalized, clipped, lower for an answer without an end token `[answers]`.

    Args:
        counters: of the run; the statistics of all scores so far are stored there.
    """
    from belle.training.ppo.reward_sources import ScoreStatistics

    if options.normalize_scores:
        statistics = ScoreStatistics(counters)
        statistics.add(scores.tolist())
        scores = (scores - statistics.mean) / statistics.deviation
    if options.score_clip:
        scores = scores.clamp(-options.score_clip, options.score_clip)
    return scores - options.missing_eos_penalty * (~finished).to(scores.dtype)


def _adapter_is_new(options: ModelOptions) -> bool:
    """Whether the model without its adapter is the model before training."""
    return options.lora is not None and not (options.model is not None and is_adapter(Path(options.model)))


def _load_policy(options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    from belle.training.model.load import load_causal_model

    # The ratio of old and new probabilities must not come from noise: no dropout, no NEFTune.
    model = load_causal_model(replace(options, neftune_alpha=0.0), builder, tokenizer, say)
    _switch_dropout_off(model)
    return model


def _load_with_values(
    value_folder: Path | None, options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say
) -> nn.Module:
    """The policy with a value model from `value_folder`, or with a value head; a `ModelLoader` but for the folder."""
    from belle.training.model.reward_model import load_finished_model
    from belle.training.model.value_head import PolicyWithValue

    policy = _load_policy(options, builder, tokenizer, say)
    value_model = None
    if value_folder is not None:
        value_model = load_finished_model(value_folder, options, builder, tokenizer, trainable=True)
        _switch_dropout_off(value_model)
    with builder.loading():
        return PolicyWithValue(policy, value_model)


def _switch_dropout_off(model: nn.Module) -> None:
    """Set every dropout rate to 0: old and new policy must be one function, or the ratio of probabilities is noise."""
    from torch import nn

    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        if isinstance(getattr(layer, "attention_dropout", None), float):
            layer.attention_dropout = 0.0
