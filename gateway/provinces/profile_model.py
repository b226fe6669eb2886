"""The form of a profile's file, as the JSON Schema tells it (`hcgw provinces schema`).

Rules:

- Strict: no member that is not here, no value of another type, no number for a text.
- Every section and every row says where it is from.
- Only what one member shows is judged here; what members say together is judged by `profile_file.py`.

docs/provinces.md tells all of it at length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.values import CodeState, ReasonClass

from .profile import DialectName
from .toml_file import LINE_PATTERN

T = TypeVar("T")

MOST_ROWS: Final = 500
NAME_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
"""Of a credential or a parameter."""

SOURCE_OF_DIALECT: Final = "source_"
"""How a dialect's own `source` is written: in every section `source` says where the values are from."""


def written(name: str) -> str:
    """Return how a profile writes the dialect's name of a credential or parameter."""
    return SOURCE_OF_DIALECT if name == "source" else name


def _word_for(known: Mapping[str, T]) -> Callable[[object], T]:
    def read(value: object) -> T:
        if not isinstance(value, str) or value not in known:
            raise ValueError("one of " + ", ".join(known) + " is required")
        return known[value]

    return read


def _words(known: Mapping[str, object]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(known)})


_STATES: Final = {state.name: state for state in CodeState if state is not CodeState.UNKNOWN}
_CLASSES: Final = {one.name: one for one in ReasonClass}
_DIALECTS: Final = {one.value: one for one in DialectName}

State = Annotated[CodeState, BeforeValidator(_word_for(_STATES)), _words(_STATES)]
Class = Annotated[ReasonClass, BeforeValidator(_word_for(_CLASSES)), _words(_CLASSES)]
Dialect = Annotated[DialectName, BeforeValidator(_word_for(_DIALECTS)), _words(_DIALECTS)]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Word = Annotated[str, Field(max_length=64, pattern=LINE_PATTERN)]
Line = Annotated[str, Field(max_length=300, pattern=LINE_PATTERN)]
LongLine = Annotated[str, Field(max_length=512, pattern=LINE_PATTERN)]
Source = Annotated[
    str,
    Field(
        max_length=500, pattern=LINE_PATTERN, description="Where the values are from, or `assumed`, or `assumed: why`."
    ),
]


class Strict(BaseModel):
    """A table: nothing unknown in it, nothing converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    source: Source


class NamedTexts(Strict):
    """A table whose other members the dialect names."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"propertyNames": {"pattern": NAME_PATTERN}})
    __pydantic_extra__: dict[str, LongLine]

    @property
    def texts(self) -> Mapping[str, str]:
        """The members that the dialect names, by its own names."""
        return {"source" if name == SOURCE_OF_DIALECT else name: text for name, text in self.__pydantic_extra__.items()}


class Endpoint(Strict):
    """Where the province is asked."""

    url: Annotated[LongLine, Field(description="https URL of host and path; of the native dialect host:port.")]
    ca_file: LongLine | None = Field(default=None, description="PEM authorities; paths start at the profile's folder.")
    insecure_http_to_loopback: bool = Field(default=False, description="Plaintext, to this machine only.")


class BudgetSection(Strict):
    """How long, how many, how often."""

    fresh_for_s: float = Field(gt=0, le=86_400, allow_inf_nan=False, description="Seconds that an answer is relied on.")
    deadline_s: float = Field(
        ge=0.05, le=30, allow_inf_nan=False, description="Seconds that one question may take, all attempts together."
    )
    in_flight: int = Field(ge=1, le=256, description="Questions at one time.")
    attempts: int = Field(ge=1, le=4, description="How often one question is put at most.")
    breaker_failures: int = Field(ge=1, le=100, description="Failures in a row until the province is left alone.")
    breaker_rest_s: float = Field(ge=0.1, le=600, allow_inf_nan=False, description="Seconds that it is left alone.")
    falls_back: bool = Field(default=False, description="Whether the national platform is asked in its place.")


class StatesSection(Strict):
    """Which words the issuer uses, beside the rows of this file."""

    encoding: Name = Field(description="A named encoding of gateway/provinces/encodings.toml.")


class StateRow(Strict):
    """One word of the issuer."""

    said: Word = Field(description="The word or number, as text.")
    state: State
    meaning: Line = Field(description="The issuer's own rule, in one public sentence.")
    reason_class: Class | None = None


class ReasonRow(Strict):
    """One reason code of the issuer."""

    code: Word
    reason_class: Class = Field(alias="class")


class DisplayedRow(Strict):
    """One thing that a checker may see on a screen."""

    word: Word
    state: State


class PageRow(Strict):
    """How codes look that are the URL of a page."""

    kind: Literal["url"]
    page: LongLine = Field(description="Host and path, as in code.example/qr.")
    parameter: Word = Field(description="The parameter that holds the id.")
    national_parameter: Word | None = Field(default=None, description="The one with the national platform's id.")
    template: LongLine = Field(description="Of the parameter's value.")


class TextRow(Strict):
    """How codes look that are a text of any kind."""

    kind: Literal["text"]
    template: LongLine = Field(description="Of the whole text.")


Rows: Any = Field(default_factory=list, max_length=MOST_ROWS)


class ProfileFile(Strict):
    """One province's system: whose codes they are, how to ask, what the answers mean."""

    model_config = ConfigDict(title="Province profile")

    name: Name = Field(description="As the file is called.")
    title: Line
    division: Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$", description="GB/T 2260; 100000: the national platform.")]
    issuer: Annotated[str, Field(max_length=256, pattern=r"^[!-~]+$", description="As verdicts name it.")]
    dialect: Dialect
    endpoint: Endpoint
    credentials: NamedTexts | None = Field(
        default=None, description="The dialect's credentials: files, never values. Paths start at the profile's folder."
    )
    registered_as: NamedTexts | None = Field(
        default=None, description="The gateway's own registered names; never a checkpoint's or an officer's."
    )
    parameters: NamedTexts | None = Field(default=None, description="What else the dialect lets a province choose.")
    budget: BudgetSection
    dynamic_s: float | None = Field(
        default=None,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        description="Its codes are made for one showing, and good for so many seconds; left out: they are static.",
    )
    states: StatesSection | None = None
    state: list[StateRow] = Rows
    reason: list[ReasonRow] = Rows
    displayed: list[DisplayedRow] = Rows
    recognise: list[Annotated[PageRow | TextRow, Field(discriminator="kind")]] = Rows


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile's file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ProfileFile.model_json_schema()}
