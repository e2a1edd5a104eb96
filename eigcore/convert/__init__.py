"""A trained model as a program of another world: C, frameworks' own formats, ONNX."""
