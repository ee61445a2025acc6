"""How the tests of the console script synthesise."""

from __future__ import annotations

import os

# As in the tests of the synthesis: no word on the age of Node.js, and no validation that takes
# seconds for each template.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
os.environ.setdefault("CDK_VALIDATION", "false")
