"""Low-rank adapters (LoRA) on chosen layers: trained by peft on Hugging Face's own model, merged, measured as any model.

Paper A (Sia, Mueller and Duh 2024, section on single-layer fine-tuning). Not in `workbench.training`, since measured numbers go
through it.
"""
