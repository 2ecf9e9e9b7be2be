# %% [markdown]
# # Which heads carry the task?
#
# Four ways to ask it of the same prompts. *Ablation* switches a head off and looks at the answer. *Attention* says where a head
# looks from the position of the answer. *Direct logit attribution* says what it writes into the answer's logit. *Activation
# patching* carries its output from a prompt with the right examples into one with examples of another task. They measure
# different things, and a head need not stand out in all of them: one that is read by later heads adds nothing to the logit
# itself, and one that looks at the examples need not be needed.

# %%
import pandas as pd

from analyses import activation_patching, attention_mass, direct_logit_attribution, head_ablation, induction_scores
from workbench.explorers import Asked, HeadExplorer
from workbench.models.load import load

# %% tags=["parameters"]
model_name = "mini"
task = "translate-en-fr"
other = "translate-en-de"
limit = 8
parts = ("residual", "head")
sequences = 20

# %%
model = load(model_name)


def measured(analysis, **settings):
    """The rows of an analysis on the model, and what its report says of them."""
    config = analysis.Config(model=model_name, task=(task,), limit=limit, **settings)
    table = pd.concat([analysis.measure(config, cell, model) for cell in analysis.cells(config)])
    return analysis.figures(table), analysis.page(table, pd.DataFrame()).summary


# %% [markdown]
# ## Switched off
#
# Every head alone is set to zero where the answer is read and written. **What to look for:** a few dark cells among pale ones:
# heads without which the reference loses probability. The sentences name those whose effect is more than chance, corrected for
# all heads being tried.

# %%
figures, said = measured(head_ablation, positions="answering", scores=("log_probability",), max_new_tokens=1)
for figure in figures.values():
    figure.show()
print(*said, sep="\n\n")

# %% [markdown]
# **On `mini`** two of the 64 heads are needed by more than chance: 5.4 (2.1 nats lost) and 0.1 (0.5).
#
# ## Where they look
#
# The attention of each head from the position of the answer, summed over the examples' sources, their targets, the query.
# **What to look for:** heads that look at the examples' targets, and the layers in which they are. Above the task-recognition
# layer a head may still look there; it is no longer needed.

# %%
figures, said = measured(attention_mass)
for figure in list(figures.values())[:2]:
    figure.show()
print(*said, sep="\n\n")

# %% [markdown]
# **On `mini`** several heads look at nothing but the targets of the examples: 3.0, 3.3, 4.5, 5.1 and 5.2.
#
# ## What they write
#
# The logit of the answer's first token, less the mean over the vocabulary, is a sum of what every part wrote. **What to look
# for:** in which layers the sum rises, and whether a head or a feed-forward writes it.

# %%
figures, said = measured(direct_logit_attribution)
for figure in figures.values():
    figure.show()
print(*said, sep="\n\n")

# %% [markdown]
# **On `mini`** the feed-forwards write most of it, 16 of 24, that of layer 7 alone 5.3. The heads that write most, 5.5, 5.6 and
# 5.0, write 1 each, and are not those that are needed most: what a head adds itself is not what it is worth.
#
# ## What brings the task back
#
# The corrupted prompt shows German instead of French translations. The output of one head (or the whole residual stream) of the
# prompt with French ones is written into it. **What to look for:** the share of the way back, 0 as corrupted, 1 as clean. At
# the examples' targets the stream brings the task back in early layers only, at the answer in late ones only: between them it
# was carried over.

# %%
figures, said = measured(activation_patching, other=other, parts=parts, places=("examples.target", "answer"))
for figure in figures.values():
    figure.show()
print(*said, sep="\n\n")

# %% [markdown]
# **On `mini`** the targets bring the task back entering layers 0 to 5, the answer's position entering layers 4 to 7: it is handed
# over in layers 3 to 5, below the layer from which the context can be hidden. One head alone brings back more than half at the
# answer: 5.2, one of those that look only at the targets; then come 4.5 and 5.1, which do so too. Head 5.4, without which most is
# lost, is not among them: it does not carry which language is wanted.
#
# ## Continuing patterns
#
# Induction heads look, at a repeated token, to what followed it the first time, and raise its probability. They are found on
# repeated random tokens, without any task. **What to look for:** heads far above what even attention would give. Are they those
# that the task needs?

# %%
config = induction_scores.Config(model=model_name, sequences=sequences)
table = pd.concat([induction_scores.measure(config, cell, model) for cell in induction_scores.cells(config)])
next(iter(induction_scores.figures(table).values())).show()
print(*induction_scores.page(table, pd.DataFrame()).summary, sep="\n\n")

# %% [markdown]
# **On `mini`** there are none: the best head gives 0.05 of its attention to the token that followed, where even attention gives
# 0.03. Its examples repeat no source, so that it never had a pattern to continue.
#
# ## One prompt
#
# **Click a head** for the answer without it, and for the tokens that it looks at.

# %%
heads = HeadExplorer(model, Asked(task), head=(5, 4))
heads

# %%
heads.figure().show()
