# %% [markdown]
# # Where is a task recognised?
#
# Sia, Mueller and Duh (2024, "Where does in-context learning happen in large language models?") hide the context from each
# layer on and read off the layer from which the model no longer needs it. Here: three kinds of task on one model, two ways of
# hiding, and what the heads do.

# %%
import pandas as pd

from analyses import task_recognition
from workbench.explorers import Asked, HeadExplorer, LensExplorer
from workbench.models.load import load
from workbench.statistics.curves import summarise
from workbench.views import comparison_figure, recognition_figure, recognition_table

# %% tags=["parameters"]
model_name = "mini"
tasks = ("translate-en-fr", "past-en-fr", "first-verb-en")
limit = 50

# %% [markdown]
# ## The measurement
#
# The prompts begin with an instruction ("Translate English to French:") and show five examples. `TTF` hides instructions
# and examples, `FTF` the examples alone. The three tasks share their source sentences: only the context tells them apart.

# %%
config = task_recognition.Config(
    model=model_name,
    task=tasks,
    format="instr_task",
    seeds=(0,),
    masks=("TTF", "FTF"),
    limit=limit,
)
model = load(model_name)
table = pd.concat([task_recognition.measure(config, cell, model) for cell in task_recognition.cells(config)])
summary = summarise(table)

# %% [markdown]
# ## All tasks on one axis
#
# **What the picture shows.** Each curve runs from its floor to its ceiling. **What to look for:** does every task rise at the
# same layer? A task whose answer needs a comparison of source and target (which language, *and* which form of the verb) can
# be recognised deeper than one that a single word gives away. With the instruction left visible (`FTF`), the model may not
# need the examples at all: then the curve is flat, and "none" is the right answer for its recognition layer.

# %%
comparison_figure(summary.curves, summary.recognition).show()

# %%
recognition_figure(summary.curves, summary.recognition).show()

# %%
recognition_table(summary.recognition)

# %% [markdown]
# ## Inside one prompt: the lens
#
# What would the model say if it ended after each layer? Columns are the tokens of the reference, rows the depth at which the
# residual stream is read, from the embedding (0) up to the model's own answer. Bold is the right token. **Hide the context
# from a layer on** and compare: up to that layer nothing can change; above it, what is missing had still to be read from the
# examples. Click a cell for its distribution.

# %%
lens = LensExplorer(model, Asked(tasks[0]))
lens

# %%
lens.figure().show()

# %% [markdown]
# ## Inside one prompt: the heads
#
# Every head is set to zero alone, while the answer is read and written. Vermillion heads are needed: without them the
# reference loses probability. **Click a head** for the answer without it, and for where it looks from the position of the
# answer. A head that carries the task from the examples attends to them, and lies below the recognition layer. One prompt
# proves nothing: `workbench run head-ablation` measures the same over many, with intervals.

# %%
heads = HeadExplorer(model, Asked(tasks[0]))
heads

# %%
heads.figure().show()
