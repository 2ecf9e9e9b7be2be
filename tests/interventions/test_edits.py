from __future__ import annotations

import pytest
import torch

from workbench.errors import UserError
from workbench.interventions import (
    ANSWERING,
    AttentionRemoval,
    FeedForwardRemoval,
    HeadAblation,
    InterventionError,
    OwnHooks,
    Patch,
    Payload,
    hooks_of,
)
from workbench.interventions.positions import selected_columns, selected_positions, selects_completion


def test_payloads_are_equal_by_their_numbers():
    values = torch.arange(6.0).view(2, 3)
    payload = Payload(values)
    values += 1
    assert payload == Payload(torch.arange(6.0).view(2, 3))
    assert payload != Payload(values)
    assert payload != Payload(torch.arange(6.0))
    assert payload != Payload(torch.arange(6.0).view(2, 3), prompts=("a", "b"))
    assert len({payload, Payload(torch.arange(6.0).view(2, 3)), Payload(values)}) == 2
    assert Payload(torch.zeros(2, dtype=torch.bfloat16)).digest != Payload(torch.zeros(2, dtype=torch.float16)).digest
    assert payload.digest[:12] in repr(payload)


def test_conditions_are_data():
    assert HeadAblation({(1, 2), (0, 3)}) == HeadAblation(frozenset({(0, 3), (1, 2)}))
    assert len({HeadAblation({(1, 2)}), HeadAblation({(1, 2)}), HeadAblation({(1, 2)}, positions=ANSWERING)}) == 2
    mean = Payload(torch.ones(1, 8))
    assert HeadAblation({(1, 2)}, "mean", payload=mean) == HeadAblation({(1, 2)}, "mean", payload=Payload(mean.values))
    assert AttentionRemoval((2,)) != FeedForwardRemoval((2,))
    names = [AttentionRemoval((2,)).name, FeedForwardRemoval((3, 1)).name, HeadAblation({(1, 2)}).name]
    assert names == ["attention removed at layer 2", "feed-forward removed at layers 1, 3", "head 1.2 removed"]
    assert HeadAblation({(1, 2)}, "mean", payload=mean).name == "head 1.2 set to mean"
    assert Patch("z", 1, ("answer",), mean, head=2).name == f"z 1.2 set to {mean.digest[:8]}"


def test_where_a_condition_begins(tiny_model, tiny_prompts):
    prompt = tiny_prompts(tiny_model("llama"))[0]
    length, query = len(prompt.token_ids), prompt.positions("query")
    assert AttentionRemoval((3, 1)).first_layer(4) == 1
    assert HeadAblation({(2, 0), (3, 1)}).first_layer(4) == 2
    assert Patch("z", 3, ("answer",), Payload(torch.ones(4, 8))).first_layer(4) == 3
    assert AttentionRemoval((1,)).first_position(prompt) == 0
    assert AttentionRemoval((1,), ANSWERING).first_position(prompt) == query[0]
    assert HeadAblation({(1, 1)}, positions=("completion",)).first_position(prompt) == length
    assert Patch("z", 3, ("answer",), Payload(torch.ones(4, 8))).first_position(prompt) == length - 1


def test_key_value_heads_are_all_the_heads_that_read_them():
    ablation = HeadAblation.of_key_value_heads({(1, 0), (2, 1)}, group_size=2)
    assert ablation.heads == {(1, 0), (1, 1), (2, 2), (2, 3)}
    assert ablation == HeadAblation({(1, 0), (1, 1), (2, 2), (2, 3)})


def test_selected_positions(tiny_model, tiny_prompts):
    prompts = tiny_prompts(tiny_model("llama"))
    prompt = prompts[1]
    length = len(prompt.token_ids)
    assert selected_positions(prompt, ("all",)) == tuple(range(length))
    assert selected_positions(prompt, ("answer",)) == (length - 1,)
    assert selected_positions(prompt, ("completion",)) == ()
    assert selected_positions(prompt, ("answer", "bos")) == (0, length - 1)
    assert selects_completion(("all",))
    assert selects_completion(ANSWERING)
    assert not selects_completion(("query",))
    columns = selected_columns(prompts, ("all",))
    assert columns.sum(1).tolist() == [len(each.token_ids) for each in prompts]
    assert columns[:, -1].all()


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (lambda: AttentionRemoval(()), "without layers"),
        (lambda: HeadAblation(set()), "without heads"),
        (lambda: HeadAblation({(0, 0)}, "mean"), "takes one"),
        (lambda: HeadAblation({(0, 0)}, payload=Payload(torch.ones(1, 8))), "takes none"),
        (lambda: HeadAblation({(0, 0)}, "mean", payload=Payload(torch.ones(2, 8))), r"shape \(2, 8\)"),
        (lambda: HeadAblation({(0, 0)}, "mean", payload=Payload(torch.ones(8))), r"shape \(8,\)"),
        (lambda: Patch("mlp_out", 1, ("answer",), Payload(torch.ones(32)), head=1), "only the site 'z' has heads"),
    ],
)
def test_what_makes_no_sense_is_refused(condition, message):
    with pytest.raises(UserError, match=message):
        condition()


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (AttentionRemoval((4,)), r"layer 4: the model has 4 layers, so give 0 to 3"),
        (HeadAblation({(0, 4)}), r"head 4: a layer has 4 query heads"),
        (AttentionRemoval((1,), ("instructions",)), r"prompt 'tiny/0' has none of them"),
        (HeadAblation({(0, 0)}, "mean", payload=Payload(torch.ones(1, 9))), r"shape \(1, 9\); z takes \(.*1, 8\)"),
        (Patch("attn_out", 1, ("answer",), Payload(torch.ones(31))), r"shape \(31,\); attn_out takes \(.*32\)"),
        (Patch("z", 1, ("answer",), Payload(torch.ones(8)), head=1), None),
        (Patch("mlp_out", 1, ("query",), Payload(torch.ones(1, 32))), r"for 1 positions and selects"),
        (Patch("mlp_out", 1, ("completion",), Payload(torch.ones(2, 32))), r"acts on what is generated"),
        (Patch("mlp_out", 1, ("answer",), Payload(torch.ones(1, 32), ("other",))), r"no payload for prompt 'tiny/0'"),
    ],
)
def test_what_does_not_fit_is_refused(tiny_model, tiny_prompts, condition, message):
    model = tiny_model("llama")
    prompts = tiny_prompts(model, instructions=False)
    if message is None:
        assert hooks_of(condition, prompts, model.hooked.cfg, torch.device("cpu"))
        return
    with pytest.raises(UserError, match=message):
        hooks_of(condition, prompts, model.hooked.cfg, torch.device("cpu"))


def run(model, prompts, condition, *, pass_hooks=True):
    """One pass over the first prompt under a condition, checked."""
    at_work = hooks_of(condition, prompts[:1], model.hooked.cfg, torch.device("cpu"))
    with model.hooked.hooks(fwd_hooks=at_work.hooks() if pass_hooks else []):
        model.hooked(torch.tensor([prompts[0].token_ids]))
    at_work.verify()


def test_a_hook_that_never_ran_is_a_fault(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts = tiny_prompts(model)
    for condition in (
        AttentionRemoval((2,)),
        OwnHooks("mine", (("blocks.1.hook_resid_pre", lambda there, hook: None),)),
    ):
        run(model, prompts, condition)
        with pytest.raises(InterventionError, match="never ran"):
            run(model, prompts, condition, pass_hooks=False)


def test_a_removal_that_found_nothing_is_a_fault(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    prompts = tiny_prompts(model)
    model.hooked.blocks[2].attn.W_V.zero_()
    run(model, prompts, HeadAblation({(1, 0)}))
    with pytest.raises(InterventionError, match="z of layer 2 found nothing but zeros"):
        run(model, prompts, HeadAblation({(2, 0)}))
    run(model, prompts, HeadAblation({(2, 0)}, "mean", payload=Payload(torch.zeros(1, 8))))


def test_a_hook_of_ones_own_that_changes_the_shape_is_refused(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    mine = OwnHooks("mine", (("blocks.1.hook_resid_pre", lambda there, hook: there[:, :1]),))
    with pytest.raises(UserError, match="return the same shape"):
        run(model, tiny_prompts(model), mine)
