"""What a publisher is told of a batch that was not taken."""

from __future__ import annotations

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from gateway.changes import BatchRefusal, BatchRefused, StoreDegraded
from gateway.errors import NotReady, RequestInvalid
from gateway.rpc.client import AskingFailed
from gateway.rpc.status import status_of
from gateway.rpc.status_client import _failure


def failed(failure: Exception) -> AioRpcError:
    """Return what a client gets of a failure of the server's."""
    status = status_of(failure)
    code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
    details = Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return AioRpcError(code, Metadata(), details, status.message)


@pytest.mark.parametrize("refusal", BatchRefusal)
def test_a_refusal_comes_as_it_was_made(refusal: BatchRefusal) -> None:
    told = _failure(failed(BatchRefused(refusal, "groups[3].indices", held=17)))
    assert isinstance(told, BatchRefused)
    assert (told.refusal, told.field, told.held) == (refusal, "groups[3].indices", 17)


def test_a_store_that_fails_is_told_as_that() -> None:
    assert isinstance(_failure(failed(StoreDegraded())), StoreDegraded)


@pytest.mark.parametrize(
    ("failure", "code"), [(NotReady(), "UNAVAILABLE"), (RequestInvalid("", ""), "INVALID_ARGUMENT")]
)
def test_any_other_failure_keeps_its_code(failure: Exception, code: str) -> None:
    told = _failure(failed(failure))
    assert isinstance(told, AskingFailed)
    assert told.code == code


@pytest.mark.parametrize(
    "trailers",
    [
        Metadata(),
        Metadata(("grpc-status-details-bin", b"\xff\xff no status")),
        Metadata(("grpc-status-details-bin", status_of(StoreDegraded()).SerializeToString())),
    ],
    ids=["none", "garbage", "those of another status"],
)
def test_details_that_say_nothing_are_left_unread(trailers: Metadata) -> None:
    told = _failure(AioRpcError(grpc.StatusCode.INTERNAL, Metadata(), trailers, "no"))
    assert isinstance(told, AskingFailed)
    assert told.code == "INTERNAL"
