# %% [markdown]
# # Code, and a task taught to one layer
#
# Two questions. The same description of a function can be answered in Python, in Lisp or in postfix notation: where does the
# model recognise which one is wanted? And in which layers can a task be *taught*, by an adapter (LoRA) on one layer alone,
# instead of shown in the context? Sia, Mueller and Duh (2024) find that the layers which can be taught best lie before the
# task-recognition layer.

# %%
import pandas as pd

from analyses import single_layer_lora, task_recognition
from workbench.explorers import Asked, MaskExplorer
from workbench.models.load import load
from workbench.statistics.curves import summarise
from workbench.views import comparison_figure, recognition_table

# %% tags=["parameters"]
model_name = "mini"
limit = 30
notations = ("code-python", "code-lisp", "code-postfix")
taught = "future-en-fr"
layers = (1, 3, 5, 7)
training_items = 200
epochs = 2
together = True

# %% [markdown]
# ## Three notations
#
# The query describes a function in words ("the larger of 8 and y"); five examples show the notation. The score is the share of
# expressions that have the same value as the reference, whatever they look like: they are computed by the project's own small
# interpreter, nothing is executed.

# %%
model = load(model_name)
config = task_recognition.Config(model=model_name, task=notations, seeds=(0,), limit=limit)
table = pd.concat([task_recognition.measure(config, cell, model) for cell in task_recognition.cells(config)])
summary = summarise(table)
recognition_table(summary.recognition)

# %% [markdown]
# **What to look for.** Do the three notations rise at the same layer? What happens when the context is hidden from layer 0, with
# nothing to say which notation is meant: does the model have one that it falls back on?
#
# **On `mini`** all three are recognised early, Lisp and postfix at layer 1, Python at layer 2. Without context a third of the
# answers are right in postfix, a fifth in Lisp, none in Python.

# %%
comparison_figure(summary.curves, summary.recognition).show()

# %% [markdown]
# One prompt to play with: move the layer and read the completion. Which notation does it change from?

# %%
explorer = MaskExplorer(model, Asked("code-lisp"))
explorer

# %%
explorer.figure().show()

# %% [markdown]
# ## Teaching one layer
#
# `mini` never saw the future tense. Now it is shown pairs of an English sentence and its French translation in the future,
# without examples or instruction, and only an adapter of one layer may learn: rank 8, on the output projection of its
# attention. Then it is asked without examples. For the picture a few layers, few pairs and little training are enough;
# `workbench run single-layer-lora` takes all layers.

# %%
config = single_layer_lora.Config(
    model=model_name,
    task=(taught,),
    layers=layers,
    together=together,
    training_items=training_items,
    epochs=epochs,
    limit=limit,
)
adapted = pd.concat([single_layer_lora.measure(config, cell, model) for cell in single_layer_lora.cells(config)])

# %%
for sentence in single_layer_lora.page(adapted, pd.DataFrame()).summary:
    print(sentence, end="\n\n")

# %% [markdown]
# **What to look for.** The height at each layer is the score after teaching that layer alone; the lines are all layers together
# and no teaching at all. Log-probability of the reference moves before the score does. A layer that cannot be taught is as low
# as the untrained line.

# %%
for figure in single_layer_lora.figures(adapted).values():
    figure.show()

# %% [markdown]
# **On `mini`** the last of the four layers is taught best (BLEU 40, where no teaching gives 11 and all layers together 25); its
# interval, from 30 prompts, is wide. The paper finds for its models that late layers give little. Two hundred pairs and four
# layers are few: `workbench run single-layer-lora` is the fair measurement.
