# %% [markdown]
# # Quick start
#
# Show a language model a few examples of a task and ask it a new one: it answers. **From which layer on does it no longer
# need to look back at the examples?** Here is one prompt to play with, then a curve over many.
#
# `mini` is the model that comes with the project: small, trained on a grammar of five languages, quick on any laptop. Put
# any other name, Hugging Face id or checkpoint folder in its place.

# %%
import pandas as pd

from analyses import task_recognition
from workbench.explorers import Asked, MaskExplorer
from workbench.models.load import load
from workbench.statistics.curves import summarise
from workbench.views import recognition_table

# %% tags=["parameters"]
model_name = "mini"
task = "translate-en-fr"
limit = 50

# %%
model = load(model_name)
print(f"{model.name}: {model.n_layers} layers of {model.n_heads} heads")

# %% [markdown]
# ## One prompt
#
# The prompt is five English sentences with their French translations, and a sixth English sentence. The examples are hidden
# from a layer on: no later position can attend to them there or above. **Move the layer**, and watch three things:
#
# - the *completion*: tokens that differ from the unmasked completion are marked, those that are gone are struck out;
# - the *score* of this one completion against the reference;
# - the *curve*: log-probability of the reference, by the first layer hidden. A ring marks the layer chosen; full marks
#   answer word for word as the unmasked run does.
#
# Hidden from layer 0 on, the model sees a sentence and no task. At the right end nothing is hidden. Somewhere between, the
# task has been read off the examples, and hiding them costs nothing more.

# %%
explorer = MaskExplorer(model, Asked(task, sentence=0))
explorer

# %% [markdown]
# `figure()` gives the same picture to keep, and `explorer.export("prompt.html")` writes all that is on screen to one file.

# %%
explorer.figure().show()

# %% [markdown]
# ## Many prompts
#
# One prompt is an anecdote. The analysis runs the test set, and the *task-recognition layer* is the smallest layer from
# which on the score stays at or above 95 % of the way from its floor (hidden from layer 0) to its ceiling (never hidden).
# Its interval comes from a bootstrap over prompts.

# %%
config = task_recognition.Config(model=model_name, task=(task,), seeds=(0,), limit=limit)
table = pd.concat([task_recognition.measure(config, cell, model) for cell in task_recognition.cells(config)])
recognition_table(summarise(table).recognition)

# %% [markdown]
# **What to look for.** Three phases: flat at the floor, a rise, and flat again at the ceiling. The vertical mark is the
# recognition layer with its interval. The pointer over a mark shows what one sentence was answered there. If the interval is
# wide, give more prompts: change `limit` above.

# %%
task_recognition.figures(table)[f"{task}.bleu"].show()

# %% [markdown]
# The same from the command line, with a report to open:
#
#     workbench run task-recognition --model mini --task translate-en-fr --limit 50
