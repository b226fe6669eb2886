"""What a refused stream leaves behind: nothing that its connection would have to pay for."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import grpc
import pytest
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.methods import VERIFICATION
from tests.integration.gateway_process import PATIENCE_S, Site, question, running

STREAMS_OF_A_CONNECTION = 200


@pytest.mark.parametrize(
    ("path", "receipts"),
    [(f"/{VERIFICATION}/StreamVerifications", 0), (f"/{VERIFICATION}/StreamVerifications", 3), ("/a.Stranger/Asks", 0)],
)
def test_refused_streams_do_not_use_up_their_connection(tmp_path: Path, path: str, receipts: int) -> None:
    """Each was held by its own exception; after 200 of them the connection was refused everything, a good code too."""
    site = Site(tmp_path)
    # On a quiet gateway no collection comes: here none ever does.
    (tmp_path / "sitecustomize.py").write_text("import gc\ngc.disable()\n")
    asked = question(site.code()).SerializeToString()
    sound = pb.StreamVerificationsRequest(
        context=question(b"x").context, item=pb.CodeItem(code=b"x"), receipt_requested=True
    ).SerializeToString()
    with running(site, PYTHONPATH=str(tmp_path)) as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        stream: Any = channel.stream_stream(path)
        for number in range(STREAMS_OF_A_CONNECTION + 60):
            with pytest.raises(grpc.RpcError) as refused:
                list(stream(iter([sound] * receipts + [b"\xff"] * 4), timeout=PATIENCE_S))
            assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED), number
            if number % 20 == 0:
                del refused
                gc.collect()  # the client's side of it
        ask: Any = channel.unary_unary(f"/{VERIFICATION}/VerifyCode")
        answer = pb.VerifyCodeResponse.FromString(ask(asked, timeout=PATIENCE_S))
        assert answer.verdict.core.measure
