"""``python -m eigcore``: the same as the command ``eigcore``."""

import sys

from eigcore.cli import main

sys.exit(main())
