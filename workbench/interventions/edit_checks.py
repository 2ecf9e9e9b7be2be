"""What is refused of a condition that writes over a model's activations, before anything is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from workbench.errors import UserError
from workbench.interventions.edits import Edit, Editing
from workbench.interventions.positions import check_selects_something, selected_positions, selects_completion
from workbench.prompts import Prompt


@runtime_checkable
class Shape(Protocol):
    """What must be known of a model: the configuration of a HookedTransformer has it."""

    n_layers: int
    n_heads: int
    d_head: int
    d_model: int


def check_edits(condition: Editing, prompts: Sequence[Prompt], shape: Shape) -> None:
    """Refuse a condition that does not fit the model or the prompts.

    Raises:
        UserError: a layer or head that the model lacks, a payload of another shape, or positions that a prompt lacks.
    """
    check_selects_something(condition.name, prompts, condition.positions)
    for edit in condition.edits():
        if not 0 <= edit.layer < shape.n_layers:
            raise UserError(
                f"Condition {condition.name!r} asks for layer {edit.layer}: the model has {shape.n_layers} layers, so "
                f"give 0 to {shape.n_layers - 1}."
            )
        for head in edit.heads or ():
            if not 0 <= head < shape.n_heads:
                raise UserError(
                    f"Condition {condition.name!r} asks for head {head}: a layer has {shape.n_heads} query heads, so "
                    f"give 0 to {shape.n_heads - 1}."
                )
        if edit.values is not None:
            _check_values(condition, edit, shape)
            for prompt in prompts:
                _check_prompt(condition, edit, prompt)


def _check_values(condition: Editing, edit: Edit, shape: Shape) -> None:
    assert edit.values is not None
    heads = shape.n_heads if edit.heads is None else len(edit.heads)
    site = (heads, shape.d_head) if edit.site == "z" else (shape.d_model,)
    got = tuple(edit.values.shape)
    more = len(got) - len(site) - bool(edit.prompts)
    if more not in (0, 1) or got[-len(site) :] != site or (edit.prompts and got[0] != len(edit.prompts)):
        axes = [f"{len(edit.prompts)} prompts"] if edit.prompts else []
        raise UserError(
            f"Condition {condition.name!r} has a payload of shape {got}; {edit.site} takes "
            f"({', '.join([*axes, '[positions]', *map(str, site)])}), the axis of positions if there is one."
        )
    if edit.by_position() and selects_completion(condition.positions):
        raise UserError(
            f"Condition {condition.name!r} has a payload by position and acts on what is generated, whose positions "
            "it cannot know: give one vector for all positions, or leave the completion out."
        )


def _check_prompt(condition: Editing, edit: Edit, prompt: Prompt) -> None:
    if edit.prompts and prompt.name not in edit.prompts:
        raise UserError(f"Condition {condition.name!r} has no payload for prompt {prompt.name!r}.")
    selected = len(selected_positions(prompt, condition.positions))
    if edit.by_position() and len(edit.values_for(prompt)) != selected:
        raise UserError(
            f"Condition {condition.name!r} has a payload for {len(edit.values_for(prompt))} positions and selects "
            f"{selected} in prompt {prompt.name!r}; give one for each, or one vector for all."
        )
