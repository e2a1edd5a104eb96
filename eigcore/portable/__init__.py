"""What is saved: the description of a model, its arithmetic, and its file."""
