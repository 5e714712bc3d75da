"""Files as people have them: their headings, numbers, encodings and delimiters."""

from decimal import Decimal

import pytest

from ops.cli import StageError
from ops.import_leads.columns import FIELDS, column_mapping, normalize
from ops.import_leads.command import mapping_lines
from ops.import_leads.file_format import detect
from ops.import_leads.values import parse_area, parse_count, parse_country, parse_integer, parse_money, parse_number
from tests.unit.lead_files import leads_of, rows_of

LIST = "Property Address,City,State,Zip,Owner Name,Owner Phone,ARV,Asking Price,Beds,Baths,Sq Ft"
PROPSTREAM = (
    "Address,Unit #,City,State,Zip,County,APN,Owner Occupied,Owner 1 First Name,Owner 1 Last Name,Owner 2 First Name,Owner 2 Last Name,"
    "Mailing Care of Name,Mailing Address,Mailing City,Mailing State,Mailing Zip,Phone 1,Phone 1 Type,Email 1,Property Type,Bedrooms,"
    "Total Bathrooms,Building Sqft,Lot Size Sqft,Effective Year Built,Total Assessed Value,Last Sale Amount,Est. Value,Est. Equity,MLS Amount"
)
DEALMACHINE = (
    "lead_id,property_id,lead_source,property_address_full,property_address_line_1,property_address_line_2,property_address_city,"
    "property_address_state,property_address_zipcode,property_lat,property_lng,building_square_feet,total_bedrooms,total_baths,year_built,"
    "effective_year_built,property_type,lot_square_feet,estimated_value,sale_price,owner_1_name,owner_1_firstname,owner_1_lastname,"
    "owner_address_line_1,owner_address_city,contact_1_name,contact_1_phone1,contact_1_phone1_type,contact_1_email1,contact_2_phone1"
)


class TestHeadings:
    COLUMNS = ("price", "zipcode", "sqft_living", "view", "notes", "phone")

    def test_usual_names_are_known(self):
        found = column_mapping(self.COLUMNS, [])
        assert found.fields == {
            "price": "asking_price", "zipcode": "postal_code", "sqft_living": "sqft", "notes": "notes", "phone": "seller_phone",
        }  # fmt: skip
        assert found.ignored == {"view": ""}

    def test_they_can_be_said_otherwise(self):
        found = column_mapping(self.COLUMNS, ["view=seller_motivation,notes=", "price = arv_estimate"])
        assert found.fields == {
            "price": "arv_estimate", "zipcode": "postal_code", "sqft_living": "sqft", "view": "seller_motivation", "phone": "seller_phone",
        }  # fmt: skip
        assert found.ignored == {"notes": "omitted by --map"}

    def test_a_field_has_one_column_and_the_other_is_named(self):
        found = column_mapping(["price", "phone", "ask"], ["ask=asking_price"])
        assert found.fields == {"ask": "asking_price", "phone": "seller_phone"}
        assert found.ignored == {"price": "asking_price is read from ask"}

    @pytest.mark.parametrize("given", ["price", "cost=asking_price", "price=cost", "phone="])
    def test_what_cant_be_mapped_is_said(self, given):
        with pytest.raises(StageError):
            column_mapping(self.COLUMNS, [given])

    def test_the_headings_of_a_list_as_people_write_them(self, file):
        (row,) = rows_of(file(f'{LIST}\n12 Main St,Seattle,OR,98103,Ada Example,(206) 555-0100,400k,"$310,000",3,2.5,"1,200 sqft"\n'))
        assert row.given == {
            "asking_price": 310_000,
            "arv_estimate": 400_000,
            "seller": {"name": "Ada Example", "phone": "(206) 555-0100"},
            "property": {
                "address": {"line1": "12 Main St", "city": "Seattle", "region": "OR", "postal_code": "98103"},
                "bedrooms": 3,
                "bathrooms": Decimal("2.5"),
                "sqft": 1200,
            },
        }

    @pytest.mark.parametrize("heading", ["ZIP", " zip ", "Zip Code", "zip_code", "Zip-Code:", "PROPERTY ZIP"])
    def test_case_spaces_and_punctuation_make_no_difference(self, heading):
        assert column_mapping([heading, "phone"], []).fields[heading] == "postal_code"

    def test_each_heading_is_of_one_field(self):
        headings = [normalize(text) for name, field in FIELDS.items() for text in (name, *field.headings.split())]
        assert sorted(headings) == sorted(set(headings))

    def test_an_export_of_propstream(self):
        found = column_mapping(PROPSTREAM.split(","), [])
        assert found.fields == {
            "Address": "line1", "Unit #": "line2", "City": "city", "State": "region", "Zip": "postal_code",
            "Owner 1 First Name": "seller_first_name", "Owner 1 Last Name": "seller_last_name", "Phone 1": "seller_phone",
            "Email 1": "seller_email", "Property Type": "type", "Bedrooms": "bedrooms", "Total Bathrooms": "bathrooms",
            "Building Sqft": "sqft", "Lot Size Sqft": "lot_sqft", "Effective Year Built": "year_built", "Est. Value": "estimated_value",
            "MLS Amount": "asking_price",
        }  # fmt: skip

    def test_an_export_of_dealmachine(self):
        found = column_mapping(DEALMACHINE.split(","), [])
        assert found.fields == {
            "property_id": "property_id", "lead_source": "lead_source", "property_address_line_1": "line1",
            "property_address_line_2": "line2", "property_address_city": "city", "property_address_state": "region",
            "property_address_zipcode": "postal_code", "property_lat": "lat", "property_lng": "lng", "building_square_feet": "sqft",
            "total_bedrooms": "bedrooms", "total_baths": "bathrooms", "year_built": "year_built", "property_type": "type",
            "lot_square_feet": "lot_sqft", "estimated_value": "estimated_value", "owner_1_name": "seller_name",
            "owner_1_firstname": "seller_first_name", "owner_1_lastname": "seller_last_name", "contact_1_phone1": "seller_phone",
            "contact_1_email1": "seller_email",
        }  # fmt: skip
        assert found.ignored["contact_1_name"] == "seller_name is read from owner_1_name"
        assert found.ignored["property_address_full"] == "line1 is read from property_address_line_1"

    def test_every_column_is_in_what_is_printed(self):
        columns = DEALMACHINE.split(",")
        printed = "\n".join(mapping_lines(column_mapping([*columns, ""], [])))
        assert [column for column in columns if column not in printed] == []
        assert printed.splitlines()[-1].startswith("ignored: lead_id, ")
        assert printed.endswith("(without a heading)")

    def test_a_heading_that_comes_twice_is_two_columns(self, file):
        leads = leads_of(file("Phone,Notes,Notes\n1,a,b\n"), "Notes (2)=seller_motivation")
        (row,) = leads.rows()
        assert (row.lead["notes"], row.lead["seller_motivation"]) == ("a", "b")


class TestSellersAndHouses:
    @pytest.mark.parametrize(
        ("cells", "name"),
        [
            ("Ada,Example,", "Ada Example"), (",Example LLC,", "Example LLC"), ("Ada,,", "Ada"), ("Ada,Null,", "Ada Null"),
            ("Ada,Example,The Example Trust", "The Example Trust"),
        ],
    )  # fmt: skip
    def test_first_and_last_name_are_joined(self, file, cells, name):
        (row,) = rows_of(file(f"First Name,Last Name,Owner Name\n{cells}\n"))
        assert row.lead["seller"] == {"name": name}

    @pytest.mark.parametrize("cells", ["12 Main St,,,,", ",47.6,-122.3,,", ",,,Ada,", ",,,,a@example.com"])
    def test_a_row_says_which_house_or_who_sells(self, file, cells):
        (row,) = rows_of(file(f"address,lat,lng,owner,email,price,city\n{cells},5,Seattle\n"))
        assert row.error == ""

    @pytest.mark.parametrize("cells", [",,,,", ",47.6,,,", "N/A,,,-,"])
    def test_a_row_that_says_neither_is_refused(self, file, cells):
        (row,) = rows_of(file(f"address,lat,lng,owner,email,price,city\n{cells},5,Seattle\n"))
        assert row.error == "it has neither an address nor a seller"

    def test_a_file_that_says_neither_is_refused_before_its_rows(self, file):
        with pytest.raises(StageError, match="name them by --map"):
            leads_of(file("City,Zip\nSeattle,98103\n"))

    def test_a_value_of_the_house_as_it_is_stands_in_for_the_arv_and_says_so(self, file):
        (row,) = rows_of(file("Address,Est. Value,Notes\n12 Main St,400k,Roof\n"))
        assert (row.lead["arv_estimate"], row.lead["arv_confidence"], row.lead["tags"]) == (400_000, "low", ["arv-estimated"])
        assert row.lead["notes"].startswith("Roof\nARV estimated at import")
        (row,) = rows_of(file("Address,Est. Value,ARV\n12 Main St,400k,500k\n"))
        assert row.lead["arv_estimate"] == 500_000
        assert "arv_confidence" not in row.lead


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "amount"),
        [
            ("400k", 400_000), ("$1.2M", 1_200_000), ("$ 1.25 mm", 1_250_000), ("400K", 400_000), ("$400,000", 400_000), ("-$5", -5),
            ("1,250.50", Decimal("1250.50")), ("US$ 400,000.00", 400_000), ("400000 USD", 400_000), ("180000.00", 180_000),
        ],
    )  # fmt: skip
    def test_amounts(self, text, amount):
        assert parse_money(text) == amount

    @pytest.mark.parametrize(
        ("text", "area"), [("1,200 sqft", 1200), ("1200 Sq. Ft.", 1200), ("1200sf", 1200), ("0.25 acres", 10_890), ("950", 950)]
    )
    def test_areas(self, text, area):
        assert parse_area(text) == area

    def test_rooms(self):
        assert (parse_integer("3 beds"), parse_integer("4.0"), parse_count("2.5 ba")) == (3, 4, Decimal("2.5"))

    @pytest.mark.parametrize(
        "text", ["400x", "k", "$", "12,5", "1,20,000", "250.000,00", "€400", "1 200", "", "400-450k", "1.2.3k", "e5", "."]
    )
    def test_what_is_no_amount(self, text):
        with pytest.raises(ValueError, match="is not a number"):
            parse_money(text)

    @pytest.mark.parametrize("parse", [parse_money, parse_integer])
    def test_a_point_that_may_separate_thousands(self, parse):
        with pytest.raises(ValueError, match="two ways"):
            parse("250.000")

    def test_a_coordinate_has_any_decimals(self):
        assert parse_number("-122.233") == Decimal("-122.233")

    @pytest.mark.parametrize("text", ["n/a", "N/A", "-", "none", "NULL"])
    def test_a_number_that_is_not_known_is_left_out(self, file, text):
        (row,) = rows_of(file(f"phone,price\n1,{text}\n"))
        assert (row.error, row.given) == ("", {"seller": {"phone": "1"}})

    @pytest.mark.parametrize(("text", "code"), [("USA", "US"), ("us", "US"), ("United States", "US"), ("CA", "CA")])
    def test_countries(self, text, code):
        assert parse_country(text) == code


class TestFormats:
    TEXT = "Owner Name,City,Price\nJosé Muñoz,Peñasco,5\n"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_encodings_and_delimiters_are_recognised(self, file, encoding, delimiter):
        path = file(self.TEXT.replace(",", delimiter).encode(encoding))
        (row,) = rows_of(path)
        assert row.lead["seller"]["name"] == "José Muñoz"
        assert row.lead["property"]["address"]["city"] == "Peñasco"
        assert row.lead["external_ref"] == rows_of(file(self.TEXT))[0].lead["external_ref"]

    def test_an_encoding_that_is_known_is_taken(self, file):
        (row,) = leads_of(file(self.TEXT.encode("mac_roman")), encoding="mac_roman").rows()
        assert row.lead["seller"]["name"] == "José Muñoz"

    def test_a_delimiter_inside_quotes_is_none(self, file):
        assert detect(file('"Owner; first; last; and; so",Phone\nAda,1\n')).columns == ("Owner; first; last; and; so", "Phone")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"PK\x03\x04\x14\x00", "Excel workbook"), (b"\xd0\xcf\x11\xe0\xa1", "Excel workbook"), (b"", "headings"), (b"\n\n", "headings"),
            (b"Owner Name\nJos\x81\n", "--encoding"), (b"\xff\xfeP\x00h\x00o\x00n\x00e\x00\n\x00\x41", "--encoding"),
        ],
    )  # fmt: skip
    def test_what_cant_be_read_is_said_in_one_line(self, file, content, message):
        with pytest.raises(StageError, match=message):
            rows_of(file(content))

    def test_an_unknown_encoding_is_said_in_one_line(self, file):
        with pytest.raises(StageError, match="no encoding 'klingon'"):
            leads_of(file(self.TEXT), encoding="klingon")

    def test_the_format_is_told(self, file):
        assert str(detect(file(self.TEXT.replace(",", ";").encode("cp1252")))).endswith("3 columns separated by semicolons, Windows-1252")
