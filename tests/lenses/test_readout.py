"""Readings: equal to the whole distributions, whatever the chunks, and never as large as them."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

from workbench.internals.residual_streams import Passage, residual_streams
from workbench.lenses import LensError, LogitLens, check_last_depth, read
from workbench.lenses.logit import final_normalisation
from workbench.lenses.readout import Readings


def streams_of(model, prompts, positions="answer"):
    passages = [Passage.of(prompt, positions) for prompt in prompts]
    ((_, streams),) = residual_streams(model, passages)
    asked = torch.tensor([[token, 7] for passage in passages for token in passage.next_tokens()])
    return streams, asked


@pytest.mark.parametrize("architecture", ["llama", "gemma-2"])
@pytest.mark.parametrize("budget", [1, 3000, 10**9])
def test_equals_the_whole_distribution(tiny_model, tiny_prompts, architecture, budget):
    model = tiny_model(architecture, torch.float64)
    streams, asked = streams_of(model, tiny_prompts(model, count=5), "reference")
    vocabulary = model.hooked.cfg.d_vocab
    groups = torch.rand(vocabulary, 3, generator=torch.Generator().manual_seed(0)) < 0.3
    others = streams[[-1, 1]]
    readings = read(model, streams, asked, groups=groups, others=others, best=4, budget=budget)
    with torch.no_grad():
        whole = model.logits(streams).log_softmax(-1)
        other = model.logits(others).log_softmax(-1)
    chosen = whole.gather(-1, asked.expand(len(streams), -1, -1))
    assert (readings.rank == 1 + (whole.unsqueeze(-2) > chosen.unsqueeze(-1)).sum(-1)).all()
    kl = [(each.exp() * (each - whole)).sum(-1) for each in other]
    expected = {
        "log_probability": chosen,
        "mass": whole.exp() @ groups.double(),
        "entropy": -(whole.exp() * whole).sum(-1),
        "divergence": torch.stack(kl, dim=-1),
        "top_log_probabilities": whole.topk(4).values,
    }
    for name, values in expected.items():
        torch.testing.assert_close(getattr(readings, name), values, atol=1e-9, rtol=1e-9, msg=name)
    assert (whole.gather(-1, readings.top_ids) == whole.topk(4).values).all() or budget != 10**9
    assert (readings.divergence[-1, :, 0] == 0).all(), "the last depth is no distance from itself"


def test_many_rows_are_read_in_blocks(tiny_model):
    model = tiny_model("gpt2", torch.float64)
    generator = torch.Generator().manual_seed(0)
    streams = torch.randn(3, 150, model.hooked.cfg.d_model, generator=generator, dtype=torch.float64)
    asked = torch.randint(0, model.hooked.cfg.d_vocab, (150, 1), generator=generator)
    whole = read(model, streams, asked)
    parts = [read(model, streams[:, rows], asked[rows]) for rows in torch.arange(150).split(40)]
    for name in ("rank", "entropy", "top_ids"):
        torch.testing.assert_close(getattr(whole, name), getattr(Readings.joined(parts), name))


class Largest(TorchDispatchMode):
    """The most numbers that one tensor held."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return out


def test_memory_depends_on_neither_positions_nor_vocabulary(tiny_model):
    """What is held beside the streams, the weights and a few numbers for each row stays within the budget."""
    model = tiny_model("gpt2")
    depths, width, vocabulary, budget = 5, model.hooked.cfg.d_model, model.hooked.cfg.d_vocab, 2000
    for rows in (64, 1024):
        streams = torch.randn(depths, rows, width, generator=torch.Generator().manual_seed(rows))
        with Largest() as largest:
            read(model, streams, torch.full((rows, 1), 3), budget=budget)
        allowed = max(streams.numel(), width * vocabulary, depths * 64 * max(width, 5 + 5))
        assert largest.numbers <= allowed
        assert depths * rows * vocabulary > 2 * allowed, "the test could not have failed"


def test_the_last_depth_is_the_models_own_answer_on_every_architecture(
    tiny_checkpoint, tiny_model, tiny_prompts, tiny_architectures
):
    for architecture in tiny_architectures:
        model = tiny_model(architecture)
        prompts = tiny_prompts(model, count=3)
        streams, asked = streams_of(model, prompts)
        readings = read(model, LogitLens().translated(streams), asked)
        assert check_last_depth(model, streams, readings) < 1e-5
        assert final_normalisation(model) in ("LN", "RMS")
        theirs = transformers.AutoModelForCausalLM.from_pretrained(
            tiny_checkpoint(architecture), attn_implementation="eager", dtype=torch.float32
        ).eval()
        with torch.no_grad():
            rows = [theirs(torch.tensor([p.token_ids])).logits[0, -1].log_softmax(-1) for p in prompts]
        expected = torch.stack(rows).gather(-1, asked)
        torch.testing.assert_close(readings.log_probability[-1], expected, atol=2e-5, rtol=0, msg=architecture)


@pytest.mark.parametrize(
    ("architecture", "normalisation"),
    [("llama", "model.norm"), ("gpt2", "transformer.ln_f"), ("gemma-2", "model.norm")],
)
def test_every_depth_equals_hugging_faces_hidden_states(
    tiny_checkpoint, tiny_model, tiny_prompts, architecture, normalisation
):
    """The straightforward logit lens: hidden states, the final normalisation, the output embedding, the softcap."""
    model = tiny_model(architecture)
    prompts = tiny_prompts(model, count=3)
    streams, asked = streams_of(model, prompts)
    readings = read(model, streams, asked)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tiny_checkpoint(architecture), attn_implementation="eager", dtype=torch.float32
    ).eval()
    softcap = getattr(theirs.config, "final_logit_softcapping", None)
    for row, prompt in enumerate(prompts):
        with torch.no_grad():
            hidden = theirs(torch.tensor([prompt.token_ids]), output_hidden_states=True).hidden_states
            for depth in range(model.n_layers):
                logits = theirs.lm_head(theirs.get_submodule(normalisation)(hidden[depth][0, -1]))
                logits = softcap * torch.tanh(logits / softcap) if softcap else logits
                expected = logits.log_softmax(-1)
                got = readings.log_probability[depth, row]
                torch.testing.assert_close(got, expected[asked[row]], atol=5e-5, rtol=0)
                assert readings.top_ids[depth, row, 0] == expected.argmax()


def test_a_readout_unlike_the_model_is_a_fault(tiny_model, tiny_prompts):
    model = tiny_model("llama")
    streams, asked = streams_of(model, tiny_prompts(model))
    with pytest.raises(LensError, match="differ by"):
        check_last_depth(model, streams, read(model, streams * 1.5 + 0.3, asked))


def test_a_folded_normalisation_is_refused(tiny_model):
    model = tiny_model("llama")
    model.hooked.cfg.normalization_type = "RMSPre"
    with pytest.raises(LensError, match="folded"):
        final_normalisation(model)
