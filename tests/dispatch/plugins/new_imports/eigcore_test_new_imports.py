from eigcore.plugin import Tensors as Tensors  # what a later eigcore may have
