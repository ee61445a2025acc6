"""A Lambda container: a line of JSON in is an event, a line out says how it went.

    python python_container.py <module.function>

Imports no more than Lambda's own runtime has loaded before it imports a function.
"""

import json
import logging
import sys
import time

# stdout is for the outcomes; whatever the function prints goes to stderr.
answers, sys.stdout = sys.stdout, sys.stderr
logging.getLogger().addHandler(logging.StreamHandler())
sys.path.insert(0, "")


class Context:
    aws_request_id = "6e525b1d-7b82-43bc-84ec-869d81a41d4a"
    log_group_name = log_stream_name = "bench"
    function_name = "bench"
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:bench"

    def get_remaining_time_in_millis(self):
        return 240_000


def load(name):
    module, _, function = name.rpartition(".")
    return getattr(__import__(module, fromlist=[function]), function)


def peak_kib():
    # Of this process alone; what getrusage says begins with the size of the one that started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


handle = None
for line in sys.stdin:
    event = json.loads(line)
    started = time.perf_counter()
    handle = handle or load(sys.argv[1])
    returned = handle(event, Context())
    outcome = {
        "seconds": time.perf_counter() - started,
        "peak_kib": peak_kib(),
        "returned": returned,
    }
    answers.write(json.dumps(outcome) + "\n")
    answers.flush()
