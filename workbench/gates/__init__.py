"""Gates on attention heads: learned under a penalty for every head that is open, the model frozen (paper A, L0 gating).

Sia, Mueller and Duh 2024, after Voita et al. 2019 ("Analyzing Multi-Head Self-Attention") and Louizos, Welling and Kingma 2018
("Learning Sparse Neural Networks through L0 Regularization").
"""
