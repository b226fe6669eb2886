"""panzi-json-logic 1.0.1 as a rival; runs with its own interpreter and imports nothing of ours.

Measured is one call for each test, as its users call it: it has no way to compile a rule beforehand.
"""

import json
import sys
from time import process_time

from json_logic.cert_logic import certLogic  # type: ignore[import-not-found]


def main() -> None:
    """Answer the bench until it closes the pipe."""
    work = []
    for rule in json.loads(sys.stdin.readline())["rules"]:
        work += [(rule["logic"], data, expected) for data, expected in rule["tests"]]
    right = []
    for at, (logic, data, expected) in enumerate(work):
        try:
            if certLogic(logic, data) is expected:
                right.append(at)
        except Exception as error:  # noqa: BLE001 - a rival's refusal may be any exception
            sys.stderr.write(f"{type(error).__name__}\n")
    answer({"right": right})
    for line in sys.stdin:
        asked = json.loads(line)
        chosen = [work[at] for at in asked["round"]]
        start = process_time()
        for _ in range(asked["times"]):
            for logic, data, _expected in chosen:
                certLogic(logic, data)
        answer({"cpu": process_time() - start})


def answer(value: dict[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


main()
