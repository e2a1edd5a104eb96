"""Settings that must be in place before a framework is imported."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
