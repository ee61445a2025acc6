"""How long the handler takes, beside what people would write or use instead: ``make bench``.

- ``world``: AppFlow, Lambda and the response URL, answering at once.
- ``contenders``: the handlers, each in the folder and on the interpreter that it is deployed with.
- ``processes``: one container's life: a cold event, warm events, peak memory.
- ``report``: ratios, a table, a plot, JSON.

``contenders/`` holds the code of those contenders that come in no package.
"""
