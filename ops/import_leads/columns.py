"""Which column of a file is which field of a lead."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from ops.cli import StageError
from ops.import_leads.values import parse_area, parse_count, parse_country, parse_integer, parse_money, parse_number


class Field(NamedTuple):
    """A field by the name that --map accepts: its path in the request body, how a cell is parsed, and its usual headings.

    Headings are normalised and separated by spaces. The best comes first: of two columns for one field the one with the earlier
    heading is taken. A field without a path is no field of the API: `reading` makes one of it.
    """

    path: str | None
    parse: Callable[[str], object]
    headings: str = ""


_ADDRESS = "property.address"
# The usual headings include those of exports from PropStream ("Est. Value"), DealMachine ("property_address_line_1") and Propwire.
FIELDS: dict[str, Field] = {
    "asking_price": Field("asking_price", parse_money, "asking listprice listingprice price mlsamount"),
    "arv_estimate": Field("arv_estimate", parse_money, "arv estimatedarv afterrepairvalue"),
    # What the house is worth as it is; stands in for an ARV.
    "estimated_value": Field(None, parse_money, "estvalue estimatedmarketvalue marketvalue avm zestimate"),
    "repair_estimate": Field("repair_estimate", parse_money, "repairs repaircost repaircosts estimatedrepairs rehab rehabcost"),
    "assignment_fee_target": Field("assignment_fee_target", parse_money, "assignmentfee targetfee"),
    "property_id": Field("property_id", str),
    "external_ref": Field("external_ref", str, "externalreference externalid"),
    "lead_source": Field("lead_source", str, "source"),
    "seller_motivation": Field("seller_motivation", str, "motivation reasonforselling"),
    "notes": Field("notes", str, "note comments comment recentnote"),
    "seller_name": Field(
        "seller.name", str, "owner ownername owner1name ownerfullname owner1fullname seller contactname contact1name fullname name"
    ),
    "seller_first_name": Field(None, str, "owner1firstname ownerfirstname firstname"),
    "seller_last_name": Field(None, str, "owner1lastname ownerlastname lastname"),
    "seller_phone": Field(
        "seller.phone", str, "ownerphone ownerphonenumber owner1phone phone phonenumber phone1 contactphone contact1phone1 mobile cell"
    ),
    "seller_email": Field(
        "seller.email", str, "owneremail owneremailaddress owner1email email emailaddress email1 contactemail contact1email1"
    ),
    "line1": Field(
        f"{_ADDRESS}.line1",
        str,
        "propertyaddress propertyaddressline1 propertystreet propertystreetaddress siteaddress situsaddress address addressline1 address1 "
        "streetaddress street propertyaddressfull propertyfulladdress fulladdress",
    ),
    "line2": Field(f"{_ADDRESS}.line2", str, "propertyunit propertyaddressline2 addressline2 address2 unit unitnumber apt suite"),
    "city": Field(f"{_ADDRESS}.city", str, "propertycity propertyaddresscity situscity town"),
    "region": Field(f"{_ADDRESS}.region", str, "propertystate propertyaddressstate situsstate state province"),
    "postal_code": Field(
        f"{_ADDRESS}.postal_code",
        str,
        "propertyzip propertyzipcode propertypostalcode propertyaddresszipcode propertyaddresszip situszip zip zipcode",
    ),
    "country": Field(f"{_ADDRESS}.country", parse_country, "propertycountry propertyaddresscountry"),
    "type": Field("property.type", str, "propertytype"),
    "bedrooms": Field("property.bedrooms", parse_integer, "beds bed br bd totalbedrooms numberofbedrooms"),
    "bathrooms": Field("property.bathrooms", parse_count, "totalbathrooms totalbaths baths bath ba numberofbathrooms"),
    "sqft": Field(
        "property.sqft",
        parse_area,
        "buildingsqft buildingsquarefeet livingsqft livingsquarefeet livingarea sqftliving squarefeet squarefootage sf",
    ),
    "lot_sqft": Field("property.lot_sqft", parse_area, "lotsizesqft lotsquarefeet lotsizesquarefeet lotsize lotarea sqftlot"),
    "year_built": Field("property.year_built", parse_integer, "yrbuilt builtyear effectiveyearbuilt"),
    "lat": Field("property.lat", parse_number, "latitude propertylat"),
    "lng": Field("property.lng", parse_number, "longitude propertylng long lon"),
}

_SELLER = {"seller_name", "seller_first_name", "seller_last_name", "seller_phone", "seller_email"}


def normalize(heading: str) -> str:
    """A heading without case, spaces and punctuation: "Est. Value" and "est_value" are the same."""
    return "".join(character for character in heading.casefold() if character.isalnum())


# Normalised heading: its field, and its place among that field's headings.
_RANKS = {normalize(text): (name, rank) for name, field in FIELDS.items() for rank, text in enumerate((name, *field.headings.split()))}


@dataclass(frozen=True)
class Columns:
    """The field of each column that is read, and the reason why each of the others is not ("" where it is no field)."""

    fields: dict[str, str]
    ignored: dict[str, str]


def column_mapping(columns: Sequence[str], options: Sequence[str]) -> Columns:
    """What each column is: by its heading, or by `options` ("column=field", or "column=" to omit it). Raises StageError."""
    chosen = _options(columns, options)
    fields = {column: field for column, field in chosen.items() if field}
    ignored = {column: "omitted by --map" for column, field in chosen.items() if not field}
    by_rank = sorted((_RANKS[normalize(column)][1], column) for column in columns if column not in chosen and normalize(column) in _RANKS)
    for _, column in by_rank:
        name = _RANKS[normalize(column)][0]
        taken = next((other for other, field in fields.items() if field == name), None)
        if taken is None:
            fields[column] = name
        else:
            ignored[column] = f"{name} is read from {taken}"
    _check_identifies(fields)
    in_order = dict.fromkeys(columns)
    return Columns(
        {column: fields[column] for column in in_order if column in fields},
        {column: ignored.get(column, "") for column in in_order if column not in fields},
    )


def is_identified(names: Set[str]) -> bool:
    """Whether these fields say which house it is (an address, or where it is on the map) or who sells it."""
    return "line1" in names or {"lat", "lng"} <= names or not names.isdisjoint(_SELLER)


def _options(columns: Sequence[str], options: Sequence[str]) -> dict[str, str]:
    """Field by column as given by --map, "" to omit it. A heading may be written in any form that is the same once normalised."""
    chosen: dict[str, str] = {}
    for pair in (part for option in options for part in option.split(",") if part.strip()):
        heading, equals, field = (part.strip() for part in pair.partition("="))
        if not equals:
            raise StageError(f"--map {pair}: write column=field, e.g. price=asking_price.")
        named = [column for column in columns if column.strip() == heading] or [c for c in columns if normalize(c) == normalize(heading)]
        if not named:
            raise StageError(f"--map {pair}: the file has no column {heading!r}; it has {', '.join(columns)}.")
        if field and field not in FIELDS:
            raise StageError(f"--map {pair}: there is no field {field!r}; there are {', '.join(FIELDS)}.")
        chosen = {column: name for column, name in chosen.items() if not field or name != field} | {named[0]: field}
    return chosen


def _check_identifies(fields: dict[str, str]) -> None:
    if not is_identified(set(fields.values())):
        raise StageError(
            "No column of the file is an address (line1, or lat and lng) or a seller (seller_name, seller_phone, seller_email): "
            "name them by --map column=field."
        )
