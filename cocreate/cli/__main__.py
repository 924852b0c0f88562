"""``python -m cocreate.cli``, where the ``cocreate`` command is not on the path."""

import sys

from cocreate.cli import main

sys.exit(main())
