"""Train from the parts of a pack where nothing is installed: see `command`."""

import sys

from videopose.training.packed.command import main

sys.exit(main())
