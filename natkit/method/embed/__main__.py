"""What torchrun starts: ``python -m natkit.method.embed --config run.json``."""

import sys

from natkit.method.torchrun import embed, main

if __name__ == "__main__":
    sys.exit(main(embed))
