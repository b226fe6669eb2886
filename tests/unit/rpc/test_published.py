"""Journeys and places over the edge's handlers: authority first, what was typed is named by field, never quoted."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from healthcode.interop.v1 import journey_service_pb2 as journeys_pb
from healthcode.interop.v1 import place_service_pb2 as places_pb
from healthcode.interop.v1 import verdict_pb2

from gateway.callers.rights import Rights, everyone_may, up_to
from gateway.errors import CallerRefused, RefusalReason, RequestInvalid
from gateway.places.journeys import JourneyMatch, Journeys
from gateway.places.list_store import PublishedLists
from gateway.places.names import Mode
from gateway.places.published_list import read_list
from gateway.places.risks import Risks
from gateway.rpc.callers import DEV_LOOPBACK
from gateway.rpc.desk import VerificationDesk
from gateway.rpc.published import assess_place, check_journey, list_affected_communities
from gateway.values import Profile, Purpose, RiskLevel
from tests.unit.places.lists import AT, ISSUER, Trust, journeys, places, signed

ARRIVAL = verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL


class AsksNobody:
    """A pipeline that no look-up may touch."""

    def verify(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("a look-up judged a code")

    ask_issuer = assess = verify


def desk(**rights: Any) -> VerificationDesk:
    communities = [
        {"division": "330106", "community": f"第{number}社区", "risk": "high", "since": "2020-02-10"}
        for number in range(1, 8)
    ]
    lists = tuple(
        read_list(signed(document), Trust().snapshot(), AT) for document in (journeys(), places(*communities))
    )
    return VerificationDesk(
        pipeline=AsksNobody(),
        receipts=None,
        rights_of=everyone_may(Rights(up_to(Profile.GATE), **rights)),
        published=PublishedLists(lists, Journeys(lists), Risks(lists)),
    )


def journey(**changes: Any) -> journeys_pb.CheckJourneyRequest:
    good: dict[str, Any] = {
        "purpose": ARRIVAL,
        "travel_date": "2020-02-15",
        "mode": journeys_pb.TRANSPORT_MODE_TRAIN,
        "number": "g1234次",
        "request_id": "r-1",
    }
    return journeys_pb.CheckJourneyRequest(**(good | changes))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({}, JourneyMatch.AFFECTED),
        ({"carriage": "03车"}, JourneyMatch.AFFECTED),
        ({"carriage": "4"}, JourneyMatch.OTHER_CARRIAGE),
        ({"number": "G1"}, JourneyMatch.NOT_LISTED),
        ({"travel_date": "2020-03-15"}, JourneyMatch.UNKNOWN),
        ({"mode": journeys_pb.TRANSPORT_MODE_SHIP, "number": "长江2号"}, JourneyMatch.UNKNOWN),
    ],
)
def test_a_journey_is_looked_up(changes: dict[str, Any], match: JourneyMatch) -> None:
    answer = check_journey(journey(**changes), DEV_LOOPBACK, AT, desk())
    assert int(answer.match) == match.value
    assert answer.request_id == "r-1"
    assert answer.publisher == (ISSUER if match <= JourneyMatch.OTHER_CARRIAGE else "")
    assert answer.HasField("published_time") is (match is not JourneyMatch.UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purpose": 0}, "purpose"),
        ({"travel_date": ""}, "travel_date"),
        ({"travel_date": "2020-02-30"}, "travel_date"),
        ({"mode": 0}, "mode"),
        ({"mode": 9}, "mode"),
        ({"number": ""}, "number"),
        ({"number": "张三"}, "number"),
        ({"carriage": "张三"}, "carriage"),
        ({"request_id": "张 三"}, "request_id"),
    ],
)
def test_a_malformed_question_is_named_and_not_quoted(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        check_journey(journey(**changes), DEV_LOOPBACK, AT, desk())
    assert refused.value.field == field
    assert "张" not in str(refused.value)


def test_the_purpose_comes_before_the_question() -> None:
    nothing = desk(purposes=frozenset({Purpose.SELF_CHECK}))
    asked = (
        lambda: check_journey(journey(number=""), DEV_LOOPBACK, AT, nothing),
        lambda: assess_place(places_pb.AssessPlaceRequest(purpose=ARRIVAL), DEV_LOOPBACK, AT, nothing),
        lambda: list_affected_communities(
            places_pb.ListAffectedCommunitiesRequest(purpose=ARRIVAL), DEV_LOOPBACK, AT, nothing
        ),
    )
    for ask in asked:
        with pytest.raises(CallerRefused) as refused:
            ask()
        assert refused.value.reason is RefusalReason.PURPOSE_NOT_ALLOWED


@pytest.mark.parametrize(
    ("division", "community", "day", "risk"),
    [
        ("330106", "第1社区", "2020-02-15", RiskLevel.HIGH),
        ("330106", "第1社区", "", RiskLevel.HIGH),
        ("330106", "", "2020-02-15", RiskLevel.LOW),
        ("440000", "", "2020-02-15", RiskLevel.UNKNOWN),
    ],
)
def test_a_place_is_looked_up(division: str, community: str, day: str, risk: RiskLevel) -> None:
    request = places_pb.AssessPlaceRequest(purpose=ARRIVAL, division=division, community=community, day=day)
    answer = assess_place(request, DEV_LOOPBACK, AT, desk())
    assert int(answer.risk) == risk.value
    assert bool(answer.publisher) is (risk is not RiskLevel.UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"division": "33"}, "division"), ({"community": "<b>"}, "community"), ({"day": "2020-02-31"}, "day")],
)
def test_a_malformed_place_is_named(changes: dict[str, Any], field: str) -> None:
    good: dict[str, Any] = {"purpose": ARRIVAL, "division": "330106"}
    request = places_pb.AssessPlaceRequest(**(good | changes))
    with pytest.raises(RequestInvalid) as refused:
        assess_place(request, DEV_LOOPBACK, AT, desk())
    assert refused.value.field == field


def test_affected_communities_come_page_by_page() -> None:
    names: list[str] = []
    token = ""
    for _ in range(3):
        request = places_pb.ListAffectedCommunitiesRequest(
            purpose=ARRIVAL, division="330000", day="2020-02-15", page_size=3, page_token=token
        )
        page = list_affected_communities(request, DEV_LOOPBACK, AT, desk())
        assert page.covered
        names += [community.name for community in page.communities]
        token = page.next_page_token
    assert token == ""
    assert names == [f"第{number}社区" for number in range(1, 8)]
    for wrong in ("x", "-1", "1" * 10):
        request.page_token = wrong
        with pytest.raises(RequestInvalid) as refused:
            list_affected_communities(request, DEV_LOOPBACK, AT, desk())
        assert refused.value.field == "page_token"


def test_numbers_of_the_wire_are_those_of_the_process() -> None:
    assert {mode.name: mode.value for mode in Mode} == {
        name.removeprefix("TRANSPORT_MODE_"): number for name, number in journeys_pb.TransportMode.items() if number
    }
    assert {match.name: match.value for match in JourneyMatch} == {
        name.removeprefix("JOURNEY_MATCH_"): number for name, number in journeys_pb.JourneyMatch.items() if number
    }
