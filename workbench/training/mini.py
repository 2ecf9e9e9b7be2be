"""`workbench train mini`: the recipe of the embedded model, from a seed, on two cores."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from workbench.errors import UserError
from workbench.training.mixture import REFINED, SHARES, Batch, draw_batch
from workbench.training.recipe import Recipe
from workbench.training.tokenizer import save_tokenizer, train_tokenizer

WARMUP = 200
SAVE_EVERY = 250


def train(out: Path, recipe: Recipe) -> Path:
    """Train, resuming where an earlier start with the same recipe stopped; return the finished model's folder.

    `out` gets `state.pt` (to resume from; deleted at the end), `log.jsonl`, `checkpoints/step-N` (in bfloat16) and `model`.

    Raises:
        UserError: the folder holds a run with another recipe.
    """
    recipe.check()
    torch.set_num_threads(recipe.threads)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, recipe)
    if (out / "model" / "model.safetensors").exists():
        return out / "model"
    tokenizer = train_tokenizer(recipe.seed)
    torch.manual_seed(recipe.seed)
    model = LlamaForCausalLM(_config(recipe, tokenizer))
    optimizer = _optimizer(model, recipe)
    state = _State.load(out / "state.pt", model, optimizer)
    # The compiled blocks share the model's parameters; lengths differ from step to step.
    blocks = torch.compile(model.model, dynamic=True) if recipe.compile else model.model
    kept = set(checkpoint_steps(recipe))
    with tqdm(total=recipe.total, initial=state.step, desc="training mini", unit="step") as bar:
        while state.step < recipe.total:
            started = time.perf_counter()
            if state.step == recipe.steps:
                optimizer = _optimizer(model, recipe)
            shares = SHARES if state.step < recipe.steps else REFINED
            batch = draw_batch(tokenizer, recipe.prompts, recipe.seed, state.step, shares)
            losses = _step(model, blocks, optimizer, batch, _rate(state.step, recipe))
            state.step += 1
            state.tokens += batch.tokens
            state.seconds += time.perf_counter() - started
            state.note(losses)
            bar.update()
            if state.step % 50 == 0:
                bar.set_postfix(state.write_log(out / "log.jsonl"))
            if state.step in kept:
                _save(model, tokenizer, out / "checkpoints" / f"step-{state.step}", torch.bfloat16)
            if state.step % SAVE_EVERY == 0:
                state.save(out / "state.pt", model, optimizer)
    folder = out / "model"
    _save(model, tokenizer, folder, torch.float32)
    (folder / "training.json").write_text(json.dumps(state.record(recipe, model), indent=2) + "\n")
    (out / "state.pt").unlink(missing_ok=True)
    return folder


def checkpoint_steps(recipe: Recipe) -> list[int]:
    """Steps at which a checkpoint is kept, the last one included."""
    spaced = np.geomspace(16, max(recipe.horizon, recipe.total), recipe.checkpoints)
    return sorted({min(recipe.total, round(float(step))) for step in spaced})


def _claim(out: Path, recipe: Recipe) -> None:
    """Write the recipe down, or check that the folder's recipe is this one (threads and checkpoints may differ)."""
    path = out / "recipe.json"
    if not path.exists():
        path.write_text(json.dumps(asdict(recipe), indent=2) + "\n")
        return
    there = json.loads(path.read_text())
    changed = [name for name, value in asdict(recipe).items() if there.get(name) != value and name not in ("threads",)]
    if changed:
        raise UserError(
            f"{out} holds a training run whose {', '.join(changed)} differ from what was asked; "
            "give another --out, or the same recipe to go on with it."
        )


def _config(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=math.ceil(len(tokenizer) / 64) * 64,
        hidden_size=recipe.width,
        intermediate_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.window,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.05,
    )


def _optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.AdamW:
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), eps=1e-8)


def _rate(step: int, recipe: Recipe) -> float:
    if step >= recipe.steps:
        after = step - recipe.steps
        return recipe.restart_rate * min(
            (after + 1) / WARMUP, (recipe.total - step) / max(1, recipe.restart - WARMUP), 1.0
        )
    if step < WARMUP:
        return recipe.learning_rate * (step + 1) / WARMUP
    progress = min(1.0, (step - WARMUP) / max(1, recipe.horizon - WARMUP))
    left = min(1.0, (recipe.steps - step) / recipe.anneal)
    return recipe.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))) * left


def _step(
    model: LlamaForCausalLM,
    blocks: Callable[..., Any],
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
) -> dict[str, float]:
    """One optimiser step; returns the loss on the first token of each prompt's last target, by kind of task."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    model.train()
    optimizer.zero_grad(set_to_none=True)
    # Padding stands on the right, where a causal model's earlier positions never look: no mask is needed.
    hidden = blocks(input_ids=batch.token_ids, use_cache=False).last_hidden_state
    rows, columns = torch.nonzero(batch.weights, as_tuple=True)
    # The vocabulary is the widest product of all: logits only where a target is predicted.
    logits = model.lm_head(hidden[rows, columns - 1])
    token_losses = torch.nn.functional.cross_entropy(logits, batch.token_ids[rows, columns], reduction="none")
    weights = batch.weights[rows, columns]
    loss = (token_losses * weights).sum() / weights.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    final = token_losses.detach()[columns == batch.last[rows]]
    return {"loss": float(loss.detach()), **_by_kind(final, batch.kinds)}


def _by_kind(losses: Tensor, kinds: tuple[str, ...]) -> dict[str, float]:
    return {kind: float(losses[torch.tensor([other == kind for other in kinds])].mean()) for kind in sorted(set(kinds))}


class _State:
    """Where training stands: what a resumed run needs beside the recipe."""

    def __init__(self) -> None:
        self.step = 0
        self.tokens = 0
        self.seconds = 0.0
        self.recent: dict[str, list[float]] = {}

    @classmethod
    def load(cls, path: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> _State:
        state = cls()
        if path.exists():
            saved = torch.load(path, weights_only=True)
            model.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            state.step, state.tokens, state.seconds = saved["step"], saved["tokens"], saved["seconds"]
        return state

    def save(self, path: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> None:
        part = path.with_suffix(".part")
        progress = {"step": self.step, "tokens": self.tokens, "seconds": self.seconds}
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), **progress}, part)
        part.rename(path)

    def note(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self.recent.setdefault(name, []).append(value)

    def write_log(self, path: Path) -> dict[str, float]:
        means = {name: round(sum(values) / len(values), 4) for name, values in self.recent.items()}
        self.recent = {}
        line = {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 1), **means}
        with path.open("a") as log:
            log.write(json.dumps(line) + "\n")
        return means

    def record(self, recipe: Recipe, model: LlamaForCausalLM) -> dict[str, object]:
        return {
            "recipe": asdict(recipe),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            "torch": torch.__version__,
        }


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, dtype: torch.dtype) -> None:
    """Write a folder in the Hugging Face format. The output embedding is the input embedding and is stored once."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config.to_dict()
    config |= {"dtype": str(dtype).removeprefix("torch."), "architectures": ["LlamaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_tokenizer(tokenizer, folder)
    weights = {
        name: tensor.detach().to(dtype).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
