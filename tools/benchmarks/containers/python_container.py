"""A Lambda container: reads an event from each line and writes a line with its outcome.

    python python_container.py <module.function> [--runtime]

It imports no more than Lambda's own runtime does before it imports a function. With ``--runtime``,
it first loads that runtime, awslambdaric, and writes an empty line.
"""

import json
import logging
import sys
import time

# stdout is for the outcomes. What the function prints goes to stderr.
outcomes, sys.stdout = sys.stdout, sys.stderr
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
    # The peak of this process alone. getrusage starts from the peak of the parent process.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if "--runtime" in sys.argv:
    import awslambdaric.bootstrap  # noqa: F401

    outcomes.write("\n")
    outcomes.flush()

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
    outcomes.write(json.dumps(outcome) + "\n")
    outcomes.flush()
