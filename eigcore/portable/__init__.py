"""The portable form of a model: its description, its arithmetic, and its file."""
