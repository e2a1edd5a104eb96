"""What a model is, and how it differentiates: the only calculus in the project."""
