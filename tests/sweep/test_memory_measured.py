"""The estimate against what a process takes: in a process of its own, whose memory nothing else has had before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Warm first: what libraries keep for good is no part of a sweep. What was freed goes back to the system.
PROGRAM = """
import ctypes, json, sys
from pathlib import Path
import torch
from workbench.estimates import heard
from workbench.formats import FORMATS
from workbench.interventions import ContextMask
from workbench.models.load import load
from workbench.prompts import build_prompt
from workbench.runs.peak import Watch
from workbench.sweep import engine
from workbench.tasks.task import Item, Task

torch.set_num_threads(1)
model = load(Path(sys.argv[1]))
items = [Item(f"{n}", f"the small cat {n} sees the house", f"a dog is on the table {n}") for n in range(28)]
task = Task("t", "t", "Answer", items[20:], items[:20], stop=("never",), max_new_tokens=40)
prompts = [build_prompt(model, FORMATS["instr_none_QA"], task, items[20:], item) for item in items[:12]]
conditions = [ContextMask.named("TTF", layer) for layer in range(model.n_layers)]
engine.sweep(model, prompts[:1], conditions[:1])
ctypes.CDLL("libc.so.6").malloc_trim(0)
watch = Watch(lambda estimate: None)
with heard(watch):
    engine.sweep(model, prompts, conditions)
print(json.dumps(watch.record()))
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak")
def test_the_peak_is_as_estimated(tiny_checkpoint):
    """Random weights: every condition writes a text of its own."""
    shape = {"hidden_size": 192, "num_hidden_layers": 10, "intermediate_size": 512, "max_position_embeddings": 1024}
    folder = tiny_checkpoint("llama", **shape)
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2])
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["memory_measured"] > 50_000_000
    assert record["memory_measured"] == pytest.approx(record["memory_estimated"], rel=0.2), record
