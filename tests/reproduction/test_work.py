"""What a run computes is counted before it is run; the engine's own count, made while it runs, is the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from workbench.gates.gated import gates_on
from workbench.gates.loss import plain_target_loss
from workbench.interventions import AttentionRemoval, Clean, Condition, ContextMask, HeadAblation
from workbench.learning.examples import Batch, cross_entropy
from workbench.lora.adapted import original_model, with_adapter
from workbench.lora.settings import PRESETS
from workbench.models.load import load
from workbench.models.skeleton import skeleton, stored_numbers, thin_model
from workbench.prompts import Prompt, Segment
from workbench.reproduction.rate import LAYERS, VOCABULARY, measured_rate
from workbench.reproduction.work import Epochs, Work, sweep_work, training_work
from workbench.sweep.engine import sweep
from workbench.sweep.memory import estimated
from workbench.sweep.plan import Counts, Plan

MASKS: list[Condition] = [ContextMask.named(mask, layer) for mask in ("TTF", "FTF", "FFT", "TTT") for layer in range(4)]
CONDITIONS: dict[str, list[Condition]] = {
    "clean": [Clean()],
    "masks": [Clean(), *MASKS],
    # Instructions hidden, examples visible: the examples change too, so that a prefix branches.
    "instructions": [Clean(), *(ContextMask.named("TFF", layer) for layer in range(4))],
    "removal": [Clean(), *(AttentionRemoval((layer,)) for layer in range(4))],
    # The prompt is read once for all of them: they branch off behind it.
    "completion": [HeadAblation({(layer, 0)}, positions=("completion",)) for layer in range(4)],
}


def counted(model: Any, prompts: Any, conditions: list[Condition], longest: int) -> int:
    counts = Counts()
    sweep(
        model, [replace(prompt, max_new_tokens=longest) for prompt in prompts], conditions, batch_size=99, counts=counts
    )
    return counts.layer_tokens


@pytest.mark.parametrize(("architecture", "kind"), [*(("llama", kind) for kind in CONDITIONS), ("gpt-neo", "masks")])
def test_what_is_read_is_counted_exactly(
    tiny_model: Callable[..., Any],
    tiny_checkpoint: Callable[..., Any],
    tiny_prompts: Callable[..., Any],
    architecture: str,
    kind: str,
) -> None:
    model, bones = tiny_model(architecture), skeleton(str(tiny_checkpoint(architecture)))
    prompts = tiny_prompts(model)
    work = sweep_work(bones, prompts, CONDITIONS[kind], total=3, batch_size=3)
    assert work.reading == counted(model, prompts, CONDITIONS[kind], 1)
    whole = counted(model, prompts, CONDITIONS[kind], 6)
    assert work.reading < whole <= work.reading + work.writing_at_most
    from workbench.sweep.attention import layers_of

    plan = Plan(model, layers_of(model.hooked), prompts, CONDITIONS[kind], Counts(), True)
    assert work.batch_bytes == estimated(plan).total


def test_more_prompts_read_the_context_once_a_batch(
    tiny_model: Callable[..., Any], tiny_prompts: Callable[..., Any]
) -> None:
    model = tiny_model("llama")
    prompts = tiny_prompts(model)
    one = sweep_work(model, prompts, CONDITIONS["masks"], total=3, batch_size=3).reading
    shared = sweep_work(model, prompts, CONDITIONS["masks"], total=6, batch_size=6).reading
    apart = sweep_work(model, prompts, CONDITIONS["masks"], total=6, batch_size=3).reading
    assert shared < apart == 2 * one


def queries(prompts: list[Prompt], tokens: int, references: int) -> list[Prompt]:
    """Prompts that are nothing but a query, and references, of so many tokens."""
    return [
        replace(
            prompt,
            token_ids=prompt.token_ids[:tokens],
            reference_ids=(1,) * references,
            segments=(Segment("query", 0, tokens),),
        )
        for prompt in prompts
    ]


def test_a_training_goes_up_and_back_down_to_its_layer(
    tiny_model: Callable[..., Any], tiny_prompts: Callable[..., Any]
) -> None:
    model = tiny_model("llama")
    prompts = queries(tiny_prompts(model), 7, 3)
    lasting = Epochs(training_items=8, validation_items=2, epochs=10, patience=3, batch=4)
    last = training_work(model, prompts, lasting, 3)
    # Ten tokens, eight items up four layers and down one, two items up four; four epochs at least.
    assert (last.training, last.training_at_most) == (4 * 10 * (8 * 5 + 2 * 4), 10 * 10 * (8 * 5 + 2 * 4))
    assert (last.reading, last.writing, last.writing_at_most) == (0, 0, 0)
    assert training_work(model, prompts, lasting, 0).training == 4 * 10 * (8 * 8 + 2 * 4)


def saved_bytes(step: Callable[[], object], *models: torch.nn.Module) -> int:
    """What a step keeps for its gradients, weights aside."""
    weights = {each.untyped_storage().data_ptr() for model in models for each in model.parameters()}
    found = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        # Held until the end, so that no other tensor gets its place.
        found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.enable_grad():
        step()
    return sum(each.untyped_storage().nbytes() for place, each in found.items() if place not in weights)


@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt2"])
@pytest.mark.parametrize("first", [0, 3])
def test_what_a_step_keeps_is_estimated(
    tiny_checkpoint: Callable[..., Any], tiny_prompts: Callable[..., Any], architecture: str, first: int
) -> None:
    sizes = {"n_embd": 64, "n_inner": 200} if architecture == "gpt2" else {"hidden_size": 64, "intermediate_size": 200}
    folder = str(tiny_checkpoint(architecture, **sizes))
    model = load(folder)
    prompts = queries(tiny_prompts(model), 20, 20)
    tokens, real = torch.randint(9, (8, 40)), torch.ones(8, 40, dtype=torch.bool)
    batch = Batch(tokens, real, (torch.arange(40) >= 20).expand(8, -1))
    lasting = Epochs(training_items=8, validation_items=1, epochs=1, patience=1, batch=8)
    original = original_model(folder)
    layers = [first] if first else range(4)
    adapted = with_adapter(original, ["output"], layers, PRESETS["neurips"], name="tiny", seed=0)

    def taught() -> None:
        logits = adapted(input_ids=tokens, use_cache=False).logits
        cross_entropy(logits[:, :-1][batch.counted[:, 1:]], batch)

    def gated() -> None:
        with gates_on(model, torch.ones(4, model.n_heads, requires_grad=True)):
            plain_target_loss(model, batch)

    # The estimate has two more copies of the logits, which the way back down makes. Below its matrix, an adapter's layer keeps
    # nothing.
    assert 1 < training_work(model, prompts, lasting, first).batch_bytes / saved_bytes(taught, adapted) < 3
    if first == 0:
        assert (
            1
            < training_work(model, prompts, lasting, 0, scores=True).batch_bytes / saved_bytes(gated, model.hooked)
            < 3
        )


def test_work_adds_up() -> None:
    total = Work(1, 2, 3, 4, 5, 60) + Work(10, 20, 30, 40, 50, 6)
    assert total == Work(11, 22, 33, 44, 55, 60)
    assert (total.expected, total.at_most) == (11 + 22 + 44, 11 + 33 + 55)


@pytest.mark.parametrize("architecture", ["llama-gqa", "gpt-neo", "bloom", "gemma-2", "starcoder2"])
def test_a_skeleton_has_the_shape_and_no_numbers(
    tiny_model: Callable[..., Any], tiny_checkpoint: Callable[..., Any], architecture: str
) -> None:
    folder = str(tiny_checkpoint(architecture))
    model, bones = tiny_model(architecture), skeleton(folder)
    assert bones.hooked.W_E.device.type == "meta"
    shapes = {name: parameter.shape for name, parameter in model.hooked.named_parameters()}
    assert {name: parameter.shape for name, parameter in bones.hooked.named_parameters()} == shapes
    assert (bones.n_layers, bones.window, bones.bos, bones.eos) == (model.n_layers, model.window, model.bos, model.eos)
    assert 0 < stored_numbers(folder) <= sum(shape.numel() for shape in shapes.values())
    thin = thin_model(folder, layers=2, vocabulary=VOCABULARY)
    assert (thin.n_layers, thin.hooked.cfg.d_vocab, thin.n_heads) == (2, VOCABULARY, model.n_heads)


def test_the_rate_is_measured(tiny_checkpoint: Callable[..., Any], tiny_prompts: Callable[..., Any]) -> None:
    thin = thin_model(str(tiny_checkpoint("llama")), layers=LAYERS, vocabulary=VOCABULARY)
    conditions = [Clean(), *(ContextMask.named("TTF", layer % LAYERS) for layer in range(4))]
    rate = measured_rate(thin, tiny_prompts(thin), conditions)
    assert 0 < rate.training <= rate.reading <= rate.writing
