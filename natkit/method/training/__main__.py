"""What torchrun starts: ``python -m natkit.method.training --config run.json``."""

import sys

from natkit.method.torchrun import main, train

if __name__ == "__main__":
    sys.exit(main(train))
