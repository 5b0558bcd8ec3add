"""`python -m videopose`: the same as the command `videopose`."""

import sys

from videopose.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
