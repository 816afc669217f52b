"""``python -m carprice_serving``."""

from __future__ import annotations

import sys

from carprice_serving.server import main

sys.exit(main())
