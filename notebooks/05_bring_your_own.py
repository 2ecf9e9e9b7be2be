# %% [markdown]
# # Bring your own model and data
#
# A model is a folder in the Hugging Face format; a task is a table of sources and targets. This notebook makes both, proves the
# model, and asks the workbench's question of them. Put your own paths in their place.

# %%
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from analyses import task_recognition
from workbench.errors import UserError
from workbench.explorers import Asked, MaskExplorer
from workbench.models.check import check
from workbench.models.load import load
from workbench.models.source import locate
from workbench.statistics.curves import summarise
from workbench.views import comparison_figure, recognition_table

# %% tags=["parameters"]
limit = 80
early = "step-1600"

# %% [markdown]
# ## Data
#
# A file with two columns, `source` and `target`, apart by tabs (`tsv:FILE`), or an object in each line (`jsonl:FILE`). Examples
# are drawn from the first fifth of the rows, the rest is asked; a column `split` says otherwise. `instruction` and `score`
# are optional: without them there is no instruction, and the score is the share of exact matches. With fewer than 74 rows to ask
# the interval of the recognition layer has no upper end.
#
# Here: a hundred English sentences and their Spanish translations.

# %%
own = Path(tempfile.mkdtemp())
nouns = {"king": "el rey", "queen": "la reina", "doctor": "el médico", "teacher": "el profesor", "judge": "el juez"}
nouns |= {"cat": "el gato", "dog": "el perro", "horse": "el caballo", "wolf": "el lobo", "painter": "el pintor"}
verbs = {"sleeps": "duerme", "sings": "canta", "dances": "baila", "swims": "nada", "travels": "viaja"}
verbs |= {"cries": "llora", "waits": "espera", "laughs": "ríe"}
verbs |= {"does not sleep": "no duerme", "does not sing": "no canta"}
rows = [
    {"source": f"the {noun} {verb} .", "target": f"{its_noun} {its_verb} ."}
    for noun, its_noun in nouns.items()
    for verb, its_verb in verbs.items()
]
data = pd.DataFrame(rows).sample(frac=1, random_state=0)
data.to_csv(own / "spanish.tsv", sep="\t", index=False)
data.head()

# %% [markdown]
# What cannot be used is refused, with the line that is wrong:

# %%
(own / "wrong.tsv").write_text(
    "source\ttarget\nthe cat sleeps .\tel gato duerme .\nthe dog sleeps .\n", encoding="utf-8"
)
try:
    task_recognition.cells(task_recognition.Config(task=(f"tsv:{own / 'wrong.tsv'}",)))
except UserError as error:
    print(str(error).replace(str(own), "..."))

# %% [markdown]
# ## Model
#
# Any folder with `config.json`, safetensors weights and a tokenizer, of an architecture that the README lists. Here it is a copy
# of the embedded model, which lies in the very same format. `check` compares it with Hugging Face's own model and proves that
# hidden tokens leak nothing: trust no curve of a model that fails it.

# %%
checkpoint = own / "my-model"
shutil.copytree(locate("mini").folder, checkpoint, ignore=shutil.ignore_patterns("checkpoints"))
model = load(str(checkpoint))
results = check(model, checkpoint)
pd.DataFrame([result.record() for result in results])

# %% [markdown]
# ## Where is the task recognised?
#
# Your model and your data go where `mini` and `translate-en-fr` stood before. `instr_none_QA` shows no instruction.

# %%
task = f"tsv:{own / 'spanish.tsv'}"
config = task_recognition.Config(model=str(checkpoint), task=(task,), seeds=(0,), limit=limit)
table = pd.concat([task_recognition.measure(config, cell, model) for cell in task_recognition.cells(config)])
table["task"], table["model"] = "my Spanish sentences", "my model"
recognition_table(summarise(table).recognition)

# %% [markdown]
# The translation into Spanish is recognised at layer 5, by every score but the divergence, which says 6.
#
# ## Another model beside it
#
# `mini` early in its training is another checkpoint of the same family; on the hub, `revision` names a branch or a commit.
# **What to look for:** has the early model recognised the task at a deeper layer, a lower one, or not yet?

# %%
younger = load("mini", revision=early)
config = task_recognition.Config(model="mini", revision=early, task=(task,), seeds=(0,), limit=limit)
before = pd.concat([task_recognition.measure(config, cell, younger) for cell in task_recognition.cells(config)])
before["task"], before["model"] = "my Spanish sentences", f"early in training ({early})"
both = summarise(pd.concat([table, before]))
comparison_figure(both.curves, both.recognition).show()

# %%
recognition_table(both.recognition)

# %% [markdown]
# The early model answers hardly a sentence right, so by exact match it has nothing to recognise. The log-probability of the
# reference needs no right answer, and rises at layer 6 already: it is better before it is right.
#
# ## One prompt, and what to keep
#
# The explorers take the same names. Every figure can be saved as a page of its own, and what it shows as CSV or parquet.

# %%
explorer = MaskExplorer(model, Asked(task), tasks=[task])
explorer

# %%
print("kept:", *(explorer.export(own / name).name for name in ("prompt.html", "prompt.csv", "prompt.parquet")))
pd.read_csv(own / "prompt.csv")

# %% [markdown]
# The same from the command line, as a run that can be stopped and goes on, with a report:
#
#     workbench check path/to/my-model
#     workbench run task-recognition --model path/to/my-model --task tsv:spanish.tsv --seeds 0 --limit 80
