"""The fast sweep: one walk up the layers serves every condition. It returns what the reference returns.

A condition equals the clean run below its first layer, so a clean *trunk* is run once and each condition *branches off*
at its own layer: the batch grows on the way up, and every weight is read once for all conditions. The context that all
prompts share is read once and its keys and values are never copied. Context that a mask hides costs nothing. While
completions agree, decoding shares the trunk as well; rows leave when their stop rule fires. The references are read in
one pass for their log-probabilities; a completion that begins like its reference has been read with it, and is decoded
from where the two part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.interventions.conditions import Condition
from workbench.models.model import Model
from workbench.prompts import Prompt
from workbench.sweep.attention import layers_of
from workbench.sweep.completions import Completions
from workbench.sweep.contract import Outcome
from workbench.sweep.memory import LOGITS_AT_ONCE, check_fits
from workbench.sweep.plan import Counts, Plan
from workbench.sweep.walk import Walk

Progress = Callable[[int], object]
_Choice = tuple[int, float]
"""A token, and the margin by which it was chosen."""


@torch.inference_mode()
def sweep(
    model: Model,
    prompts: Sequence[Prompt],
    conditions: Sequence[Condition],
    *,
    batch_size: int = 32,
    progress: Progress | None = None,
    counts: Counts | None = None,
    compare: bool = True,
) -> list[Outcome]:
    """Run every prompt under every condition; see `workbench.sweep.reference.sweep` for what comes back.

    Args:
        model: the model.
        prompts: the prompts; batched in the order given.
        conditions: the conditions; their order is that of the outcomes.
        batch_size: prompts run together.
        progress: called with the number of prompts finished, times conditions.
        counts: where to count what is computed.
        compare: whether the clean run is made as well, for the divergences from it; without it they are NaN, and
            context that no condition reads at a layer is neither computed nor stored there.

    Raises:
        UserError: the model's attention or a condition has a part that only the reference computes.
        MemoryError: there is no room for a batch, by its estimate.
    """
    layers = layers_of(model.hooked)
    outcomes: list[Outcome] = []
    for start in range(0, len(prompts), batch_size):
        some = prompts[start : start + batch_size]
        plan = Plan(model, layers, some, conditions, counts or Counts(), compare)
        check_fits(plan)
        outcomes += _Batch(plan).run()
        if progress is not None:
            progress(len(some) * len(conditions))
    return outcomes


class _Batch:
    """Prompts and conditions that are walked up the layers together."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rows, self.prompts, self.device = plan, plan.rows, plan.prompts, plan.device

    def run(self) -> list[Outcome]:
        """All outcomes but the extra clean run's, all conditions of the first prompt first."""
        everyone = list(range(len(self.rows)))
        by_prompt = [
            [row for row in everyone if self.rows[row].prompt == prompt] for prompt in range(len(self.prompts))
        ]
        walk = Walk(self.plan, by_prompt)
        order = [self.rows[group[0]].prompt for group in walk.groups.members]
        residual = walk.extend(self.plan.own_tokens[order], self.plan.own_real[order], last=True)
        answer = self.plan.model.logits(residual)[:, 0]
        walk.go_on()
        order = [self.rows[group[0]].prompt for group in walk.groups.members]
        log_probabilities, following = self._references(walk, answer, order)
        self.plan.edits.verify()
        divergences = self._divergences(answer)
        completions = self._decode(walk, answer, following)
        self.plan.edits.verify()
        return [
            Outcome(
                self.prompts[row.prompt].name,
                row.condition,
                *completions.row(number),
                log_probabilities[number],
                divergences[number],
                completions.margins(number),
                "fast",
            )
            for number, row in enumerate(self.rows)
            if row.condition < self.plan.asked
        ]

    def _extra_rows(self) -> list[int]:
        """The rows of the clean run that is there for comparison only, in the order of the prompts."""
        return [number for number, row in enumerate(self.rows) if row.condition >= self.plan.asked]

    def _divergences(self, answer: Float[Tensor, "rows vocabulary"]) -> list[float]:
        if not self._extra_rows():
            return [math.nan] * len(self.rows)
        clean = answer[self._extra_rows()].log_softmax(-1)
        owners = torch.tensor([row.prompt for row in self.rows], device=self.device)
        found: list[float] = []
        for rows in torch.arange(len(self.rows), device=self.device).split(max(1, LOGITS_AT_ONCE // answer.shape[-1])):
            ours, theirs = answer[rows].log_softmax(-1), clean[owners[rows]]
            found += (theirs.exp() * (theirs - ours)).sum(-1).clamp(min=0).tolist()
        return found

    def _references(
        self, walk: Walk, answer: Float[Tensor, "rows vocabulary"], order: list[int]
    ) -> tuple[list[tuple[float, ...]], dict[int, list[_Choice]]]:
        """Log-probabilities of the references, read in one pass that leaves the walk where it was.

        Also what rows whose completion begins like the reference would choose behind each of its tokens.
        """
        references = [prompt.reference_ids for prompt in self.prompts]
        width = max(1, *(len(reference) for reference in references))
        tokens = torch.zeros(len(references), width, dtype=torch.long)
        real = torch.zeros(len(references), width, dtype=torch.bool)
        for number, reference in enumerate(references):
            tokens[number, : len(reference)] = torch.tensor(reference, dtype=torch.long)
            real[number, : max(0, len(reference) - 1)] = True
        tokens, real = tokens.to(self.device), real.to(self.device)
        targets = tokens[torch.tensor([row.prompt for row in self.rows], device=self.device)]
        chosen = answer.log_softmax(-1).gather(-1, targets[:, :1])
        following: dict[int, list[_Choice]] = {}
        if width > 1:
            residual = walk.extend(tokens[order, :-1], real[order, :-1], store=False)
            agreeing = answer.argmax(-1) == targets[:, 0]
            further, following = self._read(residual, targets[:, 1:], agreeing)
            chosen = torch.cat([chosen, further], dim=1)
        of_rows = zip(chosen.tolist(), self.rows, strict=True)
        return [tuple(values[: len(references[row.prompt])]) for values, row in of_rows], following

    def _read(
        self,
        residual: Float[Tensor, "rows token d_model"],
        targets: Int[Tensor, "rows token"],
        agreeing: Bool[Tensor, " rows"],
    ) -> tuple[Float[Tensor, "rows token"], dict[int, list[_Choice]]]:
        """Log-probabilities of the targets, and for agreeing rows what is chosen at each token."""
        at_once = max(1, LOGITS_AT_ONCE // (residual.shape[1] * self.plan.model.hooked.cfg.d_vocab_out))
        found, following = [], {}
        for rows in torch.arange(len(residual), device=self.device).split(at_once):
            logits = self.plan.model.logits(residual[rows])
            agree = rows[agreeing[rows]]
            choices = _choices(logits[agreeing[rows]].flatten(0, 1))
            for number, row in enumerate(agree.tolist()):
                following[row] = choices[number * residual.shape[1] : (number + 1) * residual.shape[1]]
            target = logits.gather(-1, targets[rows].unsqueeze(-1)).squeeze(-1)
            found.append(target - logits.logsumexp(-1))
        return torch.cat(found), following

    def _decode(
        self, walk: Walk, answer: Float[Tensor, "rows vocabulary"], following: dict[int, list[_Choice]]
    ) -> Completions:
        """Greedy decoding; rows leave as they stop, groups split as completions part."""
        completions = Completions(self.plan.model, [self.prompts[row.prompt] for row in self.rows])
        for row in self._extra_rows():
            completions.leave_out(row)
        chosen = self._begin(walk, completions, _choices(answer), following)
        while chosen:
            groups = walk.regroup(chosen)
            active = sorted(chosen)
            next_tokens = torch.tensor([[chosen[group[0]]] for group in groups.members], device=self.device)
            residual = walk.extend(next_tokens, torch.ones_like(next_tokens, dtype=torch.bool))
            chosen = {}
            for row, (token, margin) in zip(active, _choices(self.plan.model.logits(residual)[:, 0]), strict=True):
                completions.append_to(row, token, margin)
                if not completions.stopped(row):
                    chosen[row] = token
        return completions

    def _begin(
        self, walk: Walk, completions: Completions, first: list[_Choice], following: dict[int, list[_Choice]]
    ) -> dict[int, int]:
        """Begin completions with what has been read of them with the references; the next token of each that goes on."""
        accepted = [0] * len(self.rows)
        chosen = {}
        for row, choice in enumerate(first):
            reference = self.prompts[self.rows[row].prompt].reference_ids
            for place, (token, margin) in enumerate([choice, *following.get(row, ())]):
                completions.append_to(row, token, margin)
                if completions.stopped(row):
                    break
                accepted[row], chosen[row] = place, token
                if place + 1 >= len(reference) or token != reference[place]:
                    break
            if completions.stopped(row):
                chosen.pop(row, None)
        if any(accepted[row] for row in chosen):
            walk.accept(self.plan.draft, accepted)
        return chosen


def _choices(logits: Float[Tensor, "rows vocabulary"]) -> list[_Choice]:
    """The likeliest token of each row, and by how much its logit is above the next one's."""
    best = logits.topk(2, dim=-1)
    return list(zip(best.indices[:, 0].tolist(), (best.values[:, 0] - best.values[:, 1]).tolist(), strict=True))
