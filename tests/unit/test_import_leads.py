"""Bringing leads from a file into the pipeline: columns, estimates, repetition, refusals."""

import csv
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from ops.cli import StageError
from ops.import_leads.api import Api
from ops.import_leads.command import warning_lines
from ops.import_leads.estimates import ArvEstimator
from ops.import_leads.reading import Row
from ops.import_leads.sending import BATCH, Importer, Report
from tests.conftest import send
from tests.unit.lead_files import leads_of, rows_of

HOMES = Path(__file__).parents[2] / "examples" / "king_county_sales.csv"


@pytest.fixture
def client(app: Any, client_as: Any) -> Any:
    """An HTTP client whose other end is the app in this process."""
    caller = client_as("operator")
    calls: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        headers = {"Content-Type": request.headers["content-type"], "Authorization": f"Bearer {caller.token()}"}
        response = send(app, request.method, request.url.path, request.content.decode(), dict(request.url.params), headers)
        return httpx.Response(response.status, headers=response.headers, text=response.text)

    with httpx.Client(base_url="http://api", transport=httpx.MockTransport(serve)) as found:
        found.calls = calls  # type: ignore[attr-defined]
        yield found


def with_estimates(path: Path) -> list[Row]:
    leads = leads_of(path)
    return list(leads.rows(leads.scan()[1]))


def bring(client: Any, path: Path, *map_: str, **options: Any) -> Report:
    report, leads = Report(path.with_suffix(".refused.csv"), path.with_suffix(".warnings.csv")), leads_of(path, *map_)
    Importer(Api(client), report, parallel=1, **{"tag": "import-x", **options}).send(leads.rows(leads.scan()[1]))
    return report


def listed(client_as: Any) -> list[dict[str, Any]]:
    return client_as("operator")("GET", "/wholesale", query={"limit": "200"}).json()["items"]


def postal_code(lead: dict[str, Any]) -> str:
    return lead["property"]["address"]["postal_code"]


def refusals(report: Report) -> list[tuple[str, str]]:
    with report.file.open(newline="") as file:
        return [(row["line"], row["reason"]) for row in csv.DictReader(file)]


class TestTheRealFile:
    def test_every_home_is_a_lead_that_the_api_takes(self, client, tmp_path):
        report, leads = Report(tmp_path / "refused.csv", tmp_path / "warnings.csv"), leads_of(HOMES)
        total, estimates = leads.scan()
        told: list[int] = []
        Importer(Api(client), report, tag="import-x", dry_run=True, parallel=1).send(leads.rows(estimates), told.append)
        assert (total, report.created, report.known, report.refused, sum(told)) == (3000, 3000, 0, 0, 3000)
        assert len(client.calls) == 3000 / BATCH
        assert not report.file.exists()

    def test_a_home_becomes_a_lead(self, client, client_as, file):
        some = file("".join(HOMES.read_text().splitlines(keepends=True)[:31]))
        assert bring(client, some).created == 30
        body = client_as("operator")("GET", f"/wholesale/{listed(client_as)[-1]['id']}").json()
        (cells,) = [row.cells for row in rows_of(some) if row.lead["external_ref"] == body["external_ref"]]
        home = body["property"]
        assert body["asking_price"] == Decimal(cells["price"])
        assert home["address"] == {"region": "WA", "country": "US", "postal_code": cells["zipcode"]}
        numbers = {name: home[name] for name in ("sqft", "lot_sqft", "year_built", "bedrooms", "bathrooms", "lat", "lng")}
        columns = ("sqft_living", "sqft_lot", "yr_built", "bedrooms", "bathrooms", "lat", "long")
        assert list(numbers.values()) == [Decimal(cells[column]) for column in columns]
        assert (body["stage"], body["lead_source"], body["currency"]) == ("lead", "import", "USD")

    def test_an_estimate_is_marked_as_one(self):
        rows = with_estimates(HOMES)
        assert all(row.lead["arv_confidence"] == "low" for row in rows)
        first = rows[0].lead
        assert first["tags"] == ["arv-estimated"]
        assert "98028" in first["notes"]

    def test_an_estimate_is_rounded_once_from_the_median_of_its_postal_code(self):
        leads = [row.lead for row in with_estimates(HOMES)]
        prices: dict[str, list[Fraction]] = {}
        for lead in leads:
            prices.setdefault(postal_code(lead), []).append(Fraction(lead["asking_price"]) / lead["property"]["sqft"])
        for lead in leads:
            exact = median(prices[postal_code(lead)]) * lead["property"]["sqft"]
            assert lead["arv_estimate"] % 1000 == 0
            assert -500 <= exact - Fraction(lead["arv_estimate"]) < 500  # half up

    def test_twice_brings_no_duplicate_and_a_broken_run_is_resumed(self, client, client_as, file):
        lines = HOMES.read_text().splitlines(keepends=True)
        assert bring(client, file("".join(lines[:21]))).created == 20
        again = bring(client, file("".join(lines[:31])))
        assert (again.created, again.known, again.refused) == (10, 20, 0)
        assert len(listed(client_as)) == 30


class TestRows:
    def test_what_cant_be_read_is_refused_by_line(self, client, client_as, file):
        path = file(
            "price,bedrooms,phone,email\n"
            '100000,2,206-555-0100,"a@example.com"\n'
            "much,2,206-555-0100,\n"
            "100000,2.5,206-555-0100,\n"
            "-5,2,206-555-0100,\n"
            "100000,2,206-555-0100,nobody\n"
            "100000,2\n"
            "100000,2,206-555-0100,,,\n"
            "NaN,2,206-555-0100,\n"
            '"$1,250.50",,206-555-0100,\n'
            "100000,2,,\n"
        )
        report = bring(client, path)
        assert (report.created, report.refused) == (2, 8)
        assert sorted(int(line) for line, _ in refusals(report)) == [3, 4, 5, 6, 7, 8, 9, 11]
        reasons = dict(refusals(report))
        assert reasons["3"] == "asking_price: 'much' is not a number"
        assert reasons["4"] == "bedrooms: 2.5 is not a whole number"
        assert "asking_price: must not be negative" in reasons["5"]
        assert "seller.email" in reasons["6"]
        assert reasons["11"] == "it has neither an address nor a seller"
        assert reasons["7"] == "it has fewer than 4 columns"
        assert sorted(item["asking_price"] for item in listed(client_as)) == [Decimal("1250.50"), 100000]

    def test_a_line_is_where_its_row_ends(self, file):
        rows = rows_of(file('notes,phone\n"two\nlines",1\n\n,\nx,2\n'))
        assert [row.line for row in rows] == [3, 6]  # blank ones are none
        assert rows[0].lead["notes"] == "two\nlines"

    def test_a_reference_of_its_own_is_taken(self, file):
        (row,) = rows_of(file("external_ref,phone\nmls-1,5\n"))
        assert row.lead["external_ref"] == "mls-1"

    def test_a_row_is_known_by_what_it_says(self, file):
        first, second, third = rows_of(file("phone,id\n5,a\n5,a\n5,b\n"))
        assert first.lead["external_ref"] == second.lead["external_ref"] != third.lead["external_ref"]

    @pytest.mark.parametrize("content", [b"price\n\xff\xfe1\n", b"", b"view\n1\n"])
    def test_another_file_is_refused_in_one_line(self, file, content):
        with pytest.raises(StageError):
            rows_of(file(content))

    def test_no_file_is_refused_in_one_line(self, tmp_path):
        with pytest.raises(StageError, match="can't be read"):
            rows_of(tmp_path / "none.csv")


class TestEstimates:
    def lead(self, price: int, sqft: int, code: str = "98101") -> dict[str, Any]:
        return {"asking_price": Decimal(price), "property": {"sqft": sqft, "address": {"postal_code": code}}}

    def test_the_median_price_of_the_same_postal_code(self):
        estimates = ArvEstimator()
        for price in (100, 200, 300, 400, 9000):
            estimates.add(self.lead(price * 1000, 1000))
        estimates.add(self.lead(1, 1, "98102"))
        assert estimates.estimate(self.lead(0, 1510)) == 453000
        assert estimates.estimate(self.lead(0, 1510, "98102")) is None
        assert estimates.estimate({}) is None

    @pytest.mark.parametrize(
        ("prices", "sqft", "estimate"),
        [
            ((100, 200, 300, 400, 500, 600), 1000, 350_000),  # of an even number, the middle two averaged
            ((100, 100, 100.4, 200, 200), 5000, 502_000),  # 100.40 a square foot, not 100
            ((100.5,) * 5, 1000, 101_000),  # 100,500 to the nearest thousand, half up
            ((102.5,) * 5, 1000, 103_000),
            ((0.4,) * 5, 1000, None),  # 400: nothing that one would call an estimate
        ],
    )
    def test_it_is_rounded_once_half_up(self, prices, sqft, estimate):
        estimates = ArvEstimator()
        for price in prices:
            estimates.add(self.lead(int(price * 10_000), 10_000))
        assert estimates.estimate(self.lead(0, sqft)) == (0 if estimate is None else estimate)
        assert ("arv_estimate" in estimates.complete(self.lead(0, sqft))) is (estimate is not None)

    def test_a_price_that_is_no_finite_fraction_is_exact(self):
        estimates = ArvEstimator()
        for _ in range(5):
            estimates.add(self.lead(100_500, 1999))
        assert estimates.estimate(self.lead(0, 1999)) == 101_000

    def test_too_few_houses_tell_nothing(self):
        estimates = ArvEstimator()
        for _ in range(4):
            estimates.add(self.lead(100000, 1000))
        assert estimates.complete(self.lead(100000, 1000)) == self.lead(100000, 1000)

    def test_a_given_value_is_kept(self):
        estimates = ArvEstimator()
        for _ in range(5):
            estimates.add(self.lead(100000, 1000))
        given = {**self.lead(100000, 1000), "arv_estimate": Decimal(1)}
        assert estimates.complete(given) == given


class TestTrouble:
    def importer(self, tmp_path: Path, answers: list[Any], waits: list[float]) -> Importer:
        def serve(request: httpx.Request) -> httpx.Response:
            response = answers.pop(0)
            if isinstance(response, Exception):
                raise response
            return response

        client = httpx.Client(base_url="http://api", transport=httpx.MockTransport(serve))
        return Importer(Api(client, waits.append), Report(tmp_path / "refused.csv", tmp_path / "warnings.csv"), tag="import-x", parallel=1)

    def test_a_busy_api_is_asked_again(self, tmp_path, file):
        waits: list[float] = []
        landed = httpx.Response(200, json={"results": [{"index": 0, "status": 201, "id": "pipe_1"}]})
        answers = [
            httpx.ConnectError("refused"),
            httpx.Response(503, headers={"Retry-After": "3"}),
            httpx.Response(429),
            httpx.Response(500),
            landed,
        ]
        importer = self.importer(tmp_path, answers, waits)
        importer.send(leads_of(file("phone\n5\n")).rows())
        assert waits == [0.5, 3.0, 2.0, 4.0]
        assert importer._report.created == 1

    def test_one_that_stays_away_ends_it_in_one_line(self, tmp_path, file):
        waits: list[float] = []
        importer = self.importer(tmp_path, [httpx.ConnectError("refused") for _ in range(9)], waits)
        with pytest.raises(StageError, match="unreachable"):
            importer.send(leads_of(file("phone\n5\n")).rows())
        assert len(waits) == 6

    @pytest.mark.parametrize("status", [401, 403, 501])
    def test_a_refusal_is_not_repeated(self, tmp_path, file, status):
        importer = self.importer(tmp_path, [httpx.Response(status, json={"detail": "No."})], [])
        with pytest.raises(StageError, match=f"{status}: No."):
            importer.send(leads_of(file("phone\n5\n")).rows())


class TestHostileFiles:
    @pytest.mark.parametrize("text", ["1e999999", "1e-999999", "-1e30", "9" * 40])
    @pytest.mark.parametrize("column", ["price", "sqft_living", "lat"])
    def test_a_number_out_of_range_is_refused_at_once(self, file, column, text):
        (row,) = rows_of(file(f"phone,{column}\n1,{text}\n"))
        assert row.error.endswith("is out of range")

    @pytest.mark.parametrize("text", ["1_000", "١٢", "0x10", "sNaN"])
    def test_digits_are_plain(self, file, text):
        (row,) = rows_of(file(f"phone,price\n1,{text}\n"))
        assert row.error.endswith("is not a number")

    def test_the_largest_numbers_make_an_estimate_all_the_same(self, file):
        path = file("phone,price,zipcode,sqft_living\n" + f"1,{'9' * 15},98101,1\n" * 5 + f"1,,98101,{'9' * 15}\n")
        assert len(with_estimates(path)) == 6

    def test_a_column_without_a_name_is_left_alone(self, file):
        path = file("price,phone,\n100,98101,\n200,98102,x\n300,98103,x,y\n300\n")
        rows = rows_of(path)
        assert [row.error for row in rows] == ["", "", "it has more than 3 columns", "it has fewer than 3 columns"]
        assert rows[0].lead["asking_price"] == 100


class TestWarnings:
    ROWS = (
        "Property Address,City,State,Zip,Owner Name,Owner Phone\n"
        "77 Pine St,Seattle,WA,98101,Ada,(206) 555-0100\n"
        "77 PINE ST.,Seattle,WA,98101,Bea,soon\n"
        "5 Oak Ave,Seattle,WA,98101,Cid,206-555-0142\n"
    )

    def test_rows_of_one_house_and_phones_that_cannot_be_read_are_imported_and_written_down(self, client, client_as, file):
        report = bring(client, file(self.ROWS))
        assert (report.created, report.refused, report.warned) == (3, 0, 1)
        assert report.by_warning == {"duplicate": 1, "phone_unreadable": 1}
        with report.warnings_file.open(newline="") as warnings:
            (row,) = csv.DictReader(warnings)
        first = next(item["id"] for item in listed(client_as) if item["address"] == "77 Pine St")
        assert (row["line"], row["warnings"], row["duplicate_of"]) == ("3", "phone_unreadable duplicate", first)
        assert row["Owner Name"] == "Bea"
        assert warning_lines(report) == [
            "Warnings: 1 row has the house or the phone of another lead; 1 row has a phone that can't be read, kept as it is. "
            f"They are in {report.warnings_file}."
        ]

    def test_a_dry_run_warns_too(self, client, file):
        assert bring(client, file(self.ROWS), dry_run=True).by_warning == {"duplicate": 1, "phone_unreadable": 1}

    def test_without_warnings_nothing_is_said_or_written(self, client, file):
        report = bring(client, file("".join(self.ROWS.splitlines(keepends=True)[:2])))
        assert warning_lines(report) == []
        assert not report.warnings_file.exists()
