"""The plain sweep: one condition at a time, hooks on every forward pass. It defines what other engines must return."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import UserError
from workbench.interventions.conditions import Condition
from workbench.interventions.hooks import hooks_of
from workbench.interventions.own_hooks import OwnHooks
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.completions import Completions
from workbench.sweep.contract import Outcome

Progress = Callable[[int], object]


@torch.inference_mode()
def sweep(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Condition],
    *,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Run every prompt under every condition.

    Each prompt is read once per condition; then its completion is decoded greedily with a key/value cache, and the
    log-probability of its reference is read in one pass.

    Args:
        model: the model.
        prompts: the prompts; batched in the order given.
        conditions: the conditions; their order is that of the outcomes.
        batch_size: prompts run together.
        progress: called with the number of prompts finished under one condition.

    Returns:
        Outcomes, all conditions of the first prompt first.
    """
    outcomes: list[Outcome] = []
    for start in range(0, len(prompts), batch_size):
        batch = _Batch.of(model, prompts[start : start + batch_size])
        clean = _answer_log_probabilities(model, batch)
        columns = []
        for index, condition in enumerate(conditions):
            columns.append(_run(model, batch, condition, index, clean))
            if progress is not None:
                progress(len(batch.prompts))
        outcomes += [column[row] for row in range(len(batch.prompts)) for column in columns]
    return outcomes


@dataclass(frozen=True)
class _Batch:
    """Prompts padded on the left, so that all answer positions stand in the last column."""

    prompts: Sequence[Prompt]
    token_ids: Int[Tensor, "prompt position"]
    mask: Int[Tensor, "prompt position"]

    @classmethod
    def of(cls, model: Model, prompts: Sequence[Prompt]) -> _Batch:
        width = max(len(prompt.token_ids) for prompt in prompts)
        token_ids = torch.zeros(len(prompts), width, dtype=torch.long)
        mask = torch.zeros_like(token_ids)
        for row, prompt in enumerate(prompts):
            token_ids[row, width - len(prompt.token_ids) :] = torch.tensor(prompt.token_ids)
            mask[row, width - len(prompt.token_ids) :] = 1
        device = model.hooked.cfg.device
        return cls(prompts, token_ids.to(device), mask.to(device))


class _Reader:
    """A forward pass with a cache that goes on where the last one stopped."""

    def __init__(self, model: Model, batch: int) -> None:
        self.model = model
        self.cache = model.new_cache(batch)

    def read(
        self,
        token_ids: Int[Tensor, "row position"],
        mask: Int[Tensor, "row position"],
        last: int | None = None,
    ) -> Float[Tensor, "row kept vocabulary"]:
        """Logits at the last `last` positions (all for None); unembedding the others would be work for nothing."""
        hooked = self.model.hooked
        residual = hooked(token_ids, attention_mask=mask, past_kv_cache=self.cache, stop_at_layer=hooked.cfg.n_layers)
        return self.model.logits(residual if last is None else residual[:, -last:])

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is read inside leaves the cache as it was."""
        self.cache.freeze()
        try:
            yield
        finally:
            self.cache.unfreeze()


def _answer_log_probabilities(model: Model, batch: _Batch) -> Float[Tensor, "row vocabulary"]:
    reader = _Reader(model, len(batch.prompts))
    return reader.read(batch.token_ids, batch.mask, last=1)[:, -1].log_softmax(-1)


def _run(
    model: Model, batch: _Batch, condition: Condition, index: int, clean: Float[Tensor, "row vocabulary"]
) -> list[Outcome]:
    """One condition on one batch."""
    if isinstance(condition, OwnHooks):
        _check_names(model, condition)
    at_work = hooks_of(condition, batch.prompts, model.hooked.cfg, batch.token_ids.device)
    with model.hooked.hooks(fwd_hooks=at_work.hooks()) if at_work else nullcontext():
        reader = _Reader(model, len(batch.prompts))
        answer = reader.read(batch.token_ids, batch.mask, last=1)[:, -1]
        if at_work:
            at_work.verify()
            at_work.go_on()
        references = _reference_log_probabilities(reader, batch, answer)
        completions = _decode(model, reader, batch, answer)
        if at_work:
            at_work.verify()
    divergences = (clean.exp() * (clean - answer.log_softmax(-1))).sum(-1).clamp(min=0).tolist()
    return [
        Outcome(
            prompt.name,
            index,
            *completions.row(row),
            references[row],
            divergences[row],
            completions.margins(row),
            "reference",
        )
        for row, prompt in enumerate(batch.prompts)
    ]


def _check_names(model: Model, condition: OwnHooks) -> None:
    for name, _ in condition.hooks:
        if name not in model.hooked.hook_dict:
            near = difflib.get_close_matches(name, model.hooked.hook_dict, n=2)
            raise UserError(
                f"Condition {condition.name!r} asks for the hook {name!r}, which the model lacks."
                + (f" Did you mean {' or '.join(near)}?" if near else " `model.hooked.hook_dict` lists what there is.")
            )


def _reference_log_probabilities(
    reader: _Reader, batch: _Batch, answer: Float[Tensor, "row vocabulary"]
) -> list[tuple[float, ...]]:
    """Log-probability of each reference token, read in one pass after the prompt."""
    references = [prompt.reference_ids for prompt in batch.prompts]
    width = max(1, *(len(reference) for reference in references))
    token_ids = torch.zeros(len(references), width, dtype=torch.long)
    mask = torch.zeros_like(token_ids)
    for row, reference in enumerate(references):
        token_ids[row, : len(reference)] = torch.tensor(reference, dtype=torch.long)
        mask[row, : len(reference)] = 1
    token_ids, mask = token_ids.to(answer.device), mask.to(answer.device)
    logits = answer.unsqueeze(1)
    if width > 1:
        with reader.aside():
            logits = torch.cat([logits, reader.read(token_ids, mask)[:, :-1]], dim=1)
    chosen = logits.log_softmax(-1).gather(-1, token_ids.unsqueeze(-1)).squeeze(-1).tolist()
    return [tuple(row[: len(reference)]) for row, reference in zip(chosen, references, strict=True)]


def _decode(model: Model, reader: _Reader, batch: _Batch, answer: Float[Tensor, "row vocabulary"]) -> Completions:
    """Greedy decoding until every row's stop rule has fired."""
    completions = Completions(model, batch.prompts)
    logits = answer
    while True:
        best = logits.topk(2, dim=-1)
        completions.append(best.indices[:, 0].tolist(), (best.values[:, 0] - best.values[:, 1]).tolist())
        if completions.finished:
            return completions
        tokens = best.indices[:, :1]
        # A row that has stopped is carried along as padding, so that it never runs out of the model's window.
        going_on = [[int(not completions.stopped(row))] for row in range(len(batch.prompts))]
        logits = reader.read(tokens, torch.tensor(going_on, device=tokens.device), last=1)[:, -1]
