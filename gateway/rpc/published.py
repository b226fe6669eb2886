"""The handlers of JourneyService and PlaceService: look-ups in the published lists that the gateway holds.

Rules:

- Authority comes first: the purpose before the rest of the request is looked at.
- Nobody is asked, and nothing of a question is kept, counted by its content or logged.
- What was typed may be malformed: that is the caller's fault and named by field; a journey or place that no list knows
  is an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import grpc
from healthcode.interop.v1 import journey_service_pb2 as journeys_pb
from healthcode.interop.v1 import place_service_pb2 as places_pb

from gateway.callers.rights import authorise
from gateway.errors import RequestInvalid
from gateway.places.days import day_of, parse_day
from gateway.places.names import Mode, NameInvalid, journey_numbers
from gateway.rpc.callers import current_caller
from gateway.rpc.convert import fill_time
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.methods import JOURNEYS, PLACES
from gateway.rpc.validation import check, parsed
from gateway.values import Caller, DivisionCode, Instant, IssuerId

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_PAGE: Final = 100


def check_journey(
    request: journeys_pb.CheckJourneyRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> journeys_pb.CheckJourneyResponse:
    """Return whether a published list names the journey.

    Raises: CallerRefused, RulesBroken; RequestInvalid naming travel_date, number or carriage.
    """
    authorise(desk.rights_of(caller), request.purpose)
    check(request)
    day = _day(request.travel_date, "travel_date", at)
    mode = Mode(request.mode)
    try:
        journey_numbers(request.number, mode)
    except NameInvalid:
        raise RequestInvalid("number", f"is no number of a {mode.name.lower()}") from None
    try:
        found = desk.published.journeys.check(day, mode, request.number, request.carriage, at)
    except NameInvalid:
        raise RequestInvalid("carriage", "is no carriage") from None
    response = journeys_pb.CheckJourneyResponse(request_id=request.request_id)
    response.match = found.match  # type: ignore[assignment]  # an IntEnum is its number
    _tell_who(response, found.publisher, found.published)
    return response


def assess_place(
    request: places_pb.AssessPlaceRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> places_pb.AssessPlaceResponse:
    """Return how risky a place is on a day.

    Raises: CallerRefused, RulesBroken; RequestInvalid naming day or community.
    """
    authorise(desk.rights_of(caller), request.purpose)
    check(request)
    day = _day(request.day, "day", at)
    try:
        found = desk.published.risks.assess(DivisionCode(request.division), request.community, day, at)
    except NameInvalid:
        raise RequestInvalid("community", "is no name of a community") from None
    response = places_pb.AssessPlaceResponse(request_id=request.request_id)
    response.risk = found.risk  # type: ignore[assignment]
    _tell_who(response, found.publisher, found.published)
    return response


def list_affected_communities(
    request: places_pb.ListAffectedCommunitiesRequest, caller: Caller, at: Instant, desk: VerificationDesk
) -> places_pb.ListAffectedCommunitiesResponse:
    """Return one page of the communities above low risk.

    Raises: CallerRefused, RulesBroken; RequestInvalid naming day or page_token.
    """
    authorise(desk.rights_of(caller), request.purpose)
    check(request)
    division, day = DivisionCode(request.division), _day(request.day, "day", at)
    page = desk.published.risks.affected(
        division, day, at, begin=_offset(request.page_token), most=request.page_size or DEFAULT_PAGE
    )
    response = places_pb.ListAffectedCommunitiesResponse(
        covered=desk.published.risks.covered(division, day, at),
        next_page_token="" if page.next is None else str(page.next),
    )
    for place in page.places:
        response.communities.add(division=place.division, name=place.name).risk = place.risk  # type: ignore[assignment]
    return response


def _day(text: str, field: str, at: Instant) -> date:
    try:
        return parse_day(text) if text else day_of(at)
    except ValueError:
        raise RequestInvalid(field, "must be a day of the calendar, as in 2020-02-17") from None


def _offset(token: str) -> int:
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 9:
        raise RequestInvalid("page_token", "is none of this service's")
    return int(token)


def _tell_who(
    response: journeys_pb.CheckJourneyResponse | places_pb.AssessPlaceResponse,
    publisher: IssuerId | None,
    published: Instant | None,
) -> None:
    response.publisher = publisher or ""
    if published is not None:
        fill_time(response.published_time, published)


class PublishedServicer:
    """Answers the RPCs of both services. `desk` is asked once per request."""

    def __init__(self, desk: Callable[[], VerificationDesk]) -> None:
        self._desk = desk

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Return the tables that a server is given."""
        journeys: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "CheckJourney": grpc.unary_unary_rpc_method_handler(self.check_journey)
        }
        places: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "AssessPlace": grpc.unary_unary_rpc_method_handler(self.assess_place),
            "ListAffectedCommunities": grpc.unary_unary_rpc_method_handler(self.list_affected_communities),
        }
        return (
            grpc.method_handlers_generic_handler(JOURNEYS, journeys),
            grpc.method_handlers_generic_handler(PLACES, places),
        )

    async def check_journey(self, raw: bytes, _context: Context) -> bytes:
        """Answer CheckJourney."""
        caller, desk = current_caller(), self._desk()
        request = parsed(journeys_pb.CheckJourneyRequest, raw)
        return check_journey(request, caller, desk.clock(), desk).SerializeToString()

    async def assess_place(self, raw: bytes, _context: Context) -> bytes:
        """Answer AssessPlace."""
        caller, desk = current_caller(), self._desk()
        request = parsed(places_pb.AssessPlaceRequest, raw)
        return assess_place(request, caller, desk.clock(), desk).SerializeToString()

    async def list_affected_communities(self, raw: bytes, _context: Context) -> bytes:
        """Answer ListAffectedCommunities."""
        caller, desk = current_caller(), self._desk()
        request = parsed(places_pb.ListAffectedCommunitiesRequest, raw)
        return list_affected_communities(request, caller, desk.clock(), desk).SerializeToString()
