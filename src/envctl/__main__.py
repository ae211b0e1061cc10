"""``python -m envctl`` is ``envctl``."""

from __future__ import annotations

import sys

from envctl.cli.main import entry

if __name__ == "__main__":
    sys.exit(entry())
