"""CovidPyLib 0.1.4 as a rival; runs with its own interpreter and imports nothing of ours.

Measured is its shortest way from the text to the signature: what `CovidPy.verify` does less the picture and the list of
revoked codes, which it would fetch from the network.
"""

import json
import sys
import types
import zlib
from time import process_time

# It wants a barcode reader on import, which reading texts does not need.
_pyzbar = types.ModuleType("pyzbar")
_pyzbar.pyzbar = types.ModuleType("pyzbar.pyzbar")  # type: ignore[attr-defined]
sys.modules.update({"pyzbar": _pyzbar, "pyzbar.pyzbar": _pyzbar.pyzbar})

from base45 import b45decode  # type: ignore[import-not-found]  # noqa: E402
from covidpy.verifier import DCCVerifier  # type: ignore[import-not-found]  # noqa: E402


def main() -> None:
    """Answer the bench until it closes the pipe."""
    codes = json.loads(sys.stdin.readline())["codes"]
    verifier = DCCVerifier(True, True)
    for item in codes:
        verifier.append_kid(item["kid"], item["spki"])

    def verify(text: str) -> bool:
        return bool(verifier.is_valid(zlib.decompress(b45decode(text.replace("HC1:", "")))))

    accepted = []
    for at, item in enumerate(codes):
        try:
            if verify(item["code"]):
                accepted.append(at)
        except Exception as error:  # noqa: BLE001 - a rival's refusal may be any exception
            sys.stderr.write(f"{type(error).__name__}\n")
    answer({"accepted": accepted})
    for line in sys.stdin:
        texts = [codes[at]["code"] for at in json.loads(line)["round"]]
        start = process_time()
        for text in texts:
            verify(text)
        answer({"cpu": process_time() - start})


def answer(value: dict[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


main()
