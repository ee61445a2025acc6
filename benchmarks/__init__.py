"""Every figure of docs/performance.md: ``make bench``.

- ``events``: one event, cold and warm, of our handler and of what people would use instead.
- ``growth``: what each further connector adds to a stack.
- ``deploys``: 200 connectors while AppFlow throttles.
- ``memory``: the handler at the processor time of each memory size.

``contenders`` lays out everybody's code, ``world`` answers everybody at once, ``processes`` lives
one container's life, ``report`` writes tables, plots and JSON. ``containers/`` is what runs there.
"""

import sys
from pathlib import Path

# The handler is an asset and no installed package.
sys.path.append(str(Path(__file__).parents[1] / "handler"))
