"""The definition of models and their derivatives: the only calculus in the project."""
