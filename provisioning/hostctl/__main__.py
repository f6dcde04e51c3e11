"""Entry point of the packed hostctl; also lets `python3 provisioning/hostctl` run it from the sources."""

import sys

from hostctl.cli import main

sys.exit(main(sys.argv[1:]))
