# %% [markdown]
# # What would the model say if it ended after each layer?
#
# A lens reads the residual stream between the layers as if it were the last one: final normalisation, unembedding, softmax.
# The *logit lens* does only that; a *tuned lens* first applies an affine map that was trained for each depth (Belrose et al.
# 2023). Read at the position of the answer they show at which depth its language or word class appears, at which depth the
# answer itself, and, with the context hidden, which of the two comes from the examples.
#
# Depth counts what enters a layer: depth 0 is the embedding, the last depth the model's own answer.

# %%
import tempfile
from pathlib import Path

import pandas as pd

from analyses import logit_lens, tuned_lens
from workbench.explorers import Asked, LensExplorer
from workbench.lenses import TunedLens
from workbench.models.load import load

# %% tags=["parameters"]
model_name = "mini"
tasks = ("translate-en-fr", "first-verb-en")
limit = 30
steps = 150

# %%
model = load(model_name)
config = logit_lens.Config(model=model_name, task=tasks, limit=limit)
table = pd.concat([logit_lens.measure(config, cell, model) for cell in logit_lens.cells(config)])
figures = logit_lens.figures(table)

# %% [markdown]
# ## First the kind of answer, then the answer
#
# **What to look for.** The green curve is the probability of all French words together, the blue one that of the right word,
# the vermillion one that of all English words. Does the right language come before the right word? Where does the language of
# the source give way?

# %%
figures["translate-en-fr.answer"].show()

# %% [markdown]
# **On `mini`** French words together have half of the probability from depth 2 on, the right one from depth 6 on: first the
# language, then the word.
#
# The tokens themselves, one column for each prompt: what the model would say, bold where it is right.

# %%
figures["translate-en-fr.tokens"].show()

# %% [markdown]
# ## What hiding the context takes away
#
# One column for each layer from which instructions and examples are hidden, one row for each depth. Below the line nothing is
# hidden yet. **What to look for:** from which column on does the top row look like that of "never"? That is the
# task-recognition layer, seen from inside. To its left something is missing at the end: the first picture asks whether the
# answer is still French, the second whether it is right.

# %%
figures["translate-en-fr.TTF.group"].show()

# %%
figures["translate-en-fr.TTF.reference"].show()

# %% [markdown]
# **On `mini`** the answer is as French and as right as it gets if the context is hidden from layer 6 on (97 % from layer 5, 87 %
# from layer 4), and hardly more than a third of it is French if it is hidden from layer 0.
#
# ## The same in sentences
#
# The second task answers in the language of its sentences: which word is wanted, and not which language, must be read from the
# examples. **On `mini`** all of that happens between two neighbouring layers: hidden from layer 3 on the model is never right,
# from layer 4 on nearly always.

# %%
for sentence in logit_lens.page(table, pd.DataFrame()).summary:
    print(sentence, end="\n\n")

# %% [markdown]
# ## One prompt
#
# **Click a cell** for the ten most probable tokens there; press **hide the context** and move the layer. Up to the layer from
# which it is hidden no cell can change.

# %%
lens = LensExplorer(model, Asked(tasks[0]))
lens

# %%
lens.from_layer.value = 4
lens.figure().show()

# %% [markdown]
# ## A tuned lens
#
# The logit lens assumes that every layer speaks the last one's language. A tuned lens learns a translation for each depth, by
# making what it reads as close as possible to the model's own answer. **What to look for:** where the two curves are apart,
# the logit lens understates what is already there. A tuned lens also reads what the model does not use yet, so it comes early
# rather than late. `workbench run tuned-lens` trains longer and keeps the lens for `--lens`.

# %%
folder = Path(tempfile.mkdtemp())
config = tuned_lens.Config(model=model_name, task=tasks[:1], limit=limit, steps=steps, lens=folder / "lens")
compared = pd.concat([tuned_lens.measure(config, cell, model) for cell in tuned_lens.cells(config)])
print(tuned_lens.page(compared, pd.DataFrame()).summary[0])

# %%
next(iter(tuned_lens.figures(compared).values())).show()

# %% [markdown]
# **On `mini`** 150 steps of training bring what is read in the layers between from 4.4 to 2.3 nats of the model's own answer.
#
# The explorer reads through it too.

# %%
tuned = LensExplorer(model, Asked(tasks[0]), lens=TunedLens.load(folder / "lens", model))
tuned

# %%
tuned.figure().show()
