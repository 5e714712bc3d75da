"""Request and response schemas of professionals and their scorecards."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.packs.scorecards.rules import professionals

Role = Annotated[str, t.OneOf(professionals.ROLES, "ProfessionalRole")]
Jurisdictions = Annotated[list[t.Tag], Field(max_length=professionals.MAX_JURISDICTIONS, examples=[["WA", "OR"]]), t.UNIQUE_FOLDED]
Specializations = Annotated[list[t.Tag], Field(max_length=professionals.MAX_SPECIALIZATIONS, examples=[["tax"]]), t.UNIQUE_FOLDED]


# -- professionals


class License(t.RequestBody):
    """A licence to practise."""

    kind: t.Tag
    number: t.ExternalText
    jurisdiction: t.Tag
    expires_on: t.BusinessDate = Field(description="Its last day.")


class ProfessionalBase(t.RequestBody):
    """The optional fields of a professional."""

    organization: t.Name | None = None
    external_ref: t.Name | None = Field(None, description="Unique: a second professional with it is refused.")
    public_urls: Annotated[list[t.Url], Field(max_length=professionals.MAX_URLS), t.UNIQUE_ITEMS] | None = None
    email: t.Email | None = None
    phone: t.InternationalPhone | None = None
    jurisdictions: Jurisdictions | None = None
    specializations: Specializations | None = None
    hourly_rate: t.NonNegativeMoney | None = None
    licenses: Annotated[list[License], Field(max_length=professionals.MAX_LICENSES)] | None = None
    notes: t.Notes | None = None


class ProfessionalCreate(ProfessionalBase):
    """A new professional."""

    model_config = t.body_example({"name": "Grace Hopper", "role": "lawyer", "jurisdictions": ["WA"], "specializations": ["real estate"]})

    name: t.Name
    role: Role
    currency: t.Currency | None = Field(None, description="Of the hourly rate. Default: the default currency.")
    is_active: t.StrictBool = True


class ProfessionalPatch(ProfessionalBase, t.PatchBody):
    """A change of a professional. A list is replaced as a whole."""

    model_config = t.body_example({"notes": "Answers on the same day."})

    name: t.Name = Field(default_factory=t.omitted)
    role: Role = Field(default_factory=t.omitted)
    currency: t.Currency = Field(default_factory=t.omitted)
    is_active: t.StrictBool = Field(default_factory=t.omitted)


class ProfessionalQuery(t.PageParams):
    """Filters of a list of professionals; all must match. Texts are compared without regard to case, width and spaces."""

    role: Role | None = None
    organization: t.Name | None = None
    jurisdiction: t.Tag | None = None
    specialization: t.Tag | None = None
    active: t.QueryFlag | None = Field(None, description="Only active ones, or only inactive ones. Default: both.")


class LicenseView(TypedDict):
    """A licence to practise."""

    kind: str
    number: str | None
    jurisdiction: str
    expires_on: t.DateText


class ProfessionalView(t.ResourceView):
    """A professional. Email, phone and licence numbers are masked for callers who may not see contacts."""

    name: str
    role: Role
    organization: str | None
    external_ref: str | None
    public_urls: list[str]
    email: str | None
    phone: str | None
    jurisdictions: list[str]
    specializations: list[str]
    hourly_rate: t.MoneyNumber | None
    currency: str
    licenses: list[LicenseView]
    is_active: bool
    notes: str | None


class ProfessionalSummary(TypedDict):
    """A professional in a list."""

    id: str
    name: str
    role: Role
    organization: str | None
    jurisdictions: list[str]
    specializations: list[str]
    is_active: bool
    created_at: t.TimestampText
