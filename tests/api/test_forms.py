"""Links of people without an account: pages for browsers, forms of HTML beside JSON, refusals as pages, and no token in an answer."""

from html.parser import HTMLParser

import pytest
from jsonschema import Draft202012Validator

from chalicelib.foundation.http.app import ValhallaApp
from tests.api.letters import PACK
from tests.conftest import ApiClient
from tests.openapi_contract import OpenApiContract

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ANSWER = "/letters/good/answer"
GOOD = "name=Ann+B%C3%A9a&consent=true"


@pytest.fixture
def caller(runtime):
    app = ValhallaApp("letters", runtime=lambda: runtime)
    app.register([PACK])
    return ApiClient(app)


def post(caller, text, headers=FORM, path=ANSWER):
    return caller("POST", path, raw=text, headers=headers)


class Reader(HTMLParser):
    """What a page loads, and the texts and attributes that it shows."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


# -- forms


def test_a_form_is_a_body_like_any_other(caller):
    as_form = post(caller, GOOD + "&note=a%0Ab&copy_wanted=true")
    as_json = caller("POST", ANSWER, {"name": "Ann Béa", "consent": True, "note": "a\nb", "copy_wanted": True})
    assert (as_form.status, as_form.json()) == (as_json.status, as_json.json())
    assert as_form.json()["name"] == "Ann Béa"


def test_what_is_left_empty_is_absent_and_a_text_stays_a_text(caller):
    found = post(caller, "name=true&consent=true&note=&copy_wanted=+", {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"})
    assert found.json() == {"title": "Dear <you>", "name": "true", "copy_wanted": False, "note": None}


@pytest.mark.parametrize(
    ("text", "fields"),
    [("name=A", {"consent"}), ("consent=true", {"name"}), ("name=A&consent=false", {"consent"}), ("name=A&consent=on", {"consent"}),
     (f"{GOOD}&other=1", {"other"}), (f"{GOOD}&name=B", {"name"}), (f"{GOOD}&copy_wanted=yes", {"copy_wanted"}), ("", {"name", "consent"})],
)  # fmt: skip
def test_a_wrong_field_is_named(caller, text, fields):
    found = post(caller, text)
    assert found.status == 422, found.text
    assert {error["loc"][0] for error in found.json()["errors"]} == fields


@pytest.mark.parametrize("text", ["name=%FF&consent=true", "name=é", "&".join(f"f{n}=1" for n in range(300))])
def test_what_is_no_form_is_a_bad_request(caller, text):
    assert post(caller, text).json()["type"] == "/problems/bad-request"


def test_a_form_has_the_limit_of_any_body(caller):
    assert post(caller, "note=" + "x" * 1_000_000).json()["type"] == "/problems/too-large"


def test_only_an_endpoint_that_takes_forms_takes_them(caller):
    assert post(caller, GOOD, path="/letters/good/plain").status == 415
    assert post(caller, GOOD, {"Content-Type": "multipart/form-data; boundary=x"}).status == 415
    assert post(caller, GOOD, {"Content-Type": ""}).status == 415


# -- pages


def test_a_browser_gets_the_page_and_a_program_the_json(caller):
    page = caller("GET", "/letters/good", headers=BROWSER)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert caller("GET", "/letters/good").json()["title"] == "Dear <you>"
    assert "Ann B answered" in post(caller, "name=Ann+B&consent=true", {**FORM, **BROWSER}).text


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [("", False), ("*/*", False), ("application/json", False), ("text/html", True), ("TEXT/HTML;q=0.9, application/json;q=0.8", True),
     ("text/html;q=0.5, application/json", False), ("text/html;q=0, */*", False), ("text/html;q=x", False), ("text/html, */*", True),
     ("text/plain", False), ("text/html;q=0.5,application/*;q=0.6", False)],
)  # fmt: skip
def test_what_is_preferred_is_answered(caller, accept, is_page):
    found = caller("GET", "/letters/good", headers={"Accept": accept})
    assert found.headers["content-type"].startswith("text/html") is is_page


def test_a_page_is_whole_without_scripts_and_without_anything_from_elsewhere(caller):
    page = caller("GET", "/letters/good", headers=BROWSER)
    read = Reader(page.text)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "img", "iframe", "object", "base"})
    assert [one["href"] for tag, one in read.tags if tag == "link"] == ["data:,"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "script-src" not in policy
    assert {"Dear <you>", "A & letter", "Your <name>", "<b>", "A & B"} <= set(read.texts)
    assert [one["href"] for tag, one in read.tags if tag == "a"] == ["https://x.example/?a=1&b=2"]


def test_a_form_sends_what_its_endpoint_takes(caller):
    read = Reader(caller("GET", "/letters/good", headers=BROWSER).text)
    fields = {one["name"]: one for tag, one in read.tags if tag in ("input", "textarea", "select")}
    assert fields["consent"] == {"type": "checkbox", "name": "consent", "value": "true", "required": None}
    assert fields["name"]["maxlength"] == "200"
    assert "required" not in fields["note"]
    assert fields["hash"]["value"] == 'a"b'
    assert fields["on"]["value"] == '"2026'
    assert [one["value"] for tag, one in read.tags if tag == "option" and "selected" in one] == ["c"]
    (button,) = [one for tag, one in read.tags if tag == "button"]
    assert button["formaction"] == "good/answer"  # beside the page's own address


@pytest.mark.parametrize(
    ("method", "path", "text", "status", "says"),
    [
        ("GET", "/letters/bad", None, 404, "No such link."),
        ("POST", ANSWER, "name=A", 422, "consent"),
        ("POST", ANSWER, "name=Nobody&consent=true", 409, "Somebody else <answered>."),
        ("POST", ANSWER, "name=Broken&consent=true", 500, "our side"),
    ],
)
def test_a_refusal_is_a_page_too(caller, method, path, text, status, says):
    found = caller(method, path, raw=text, headers={**FORM, **BROWSER})
    assert (found.status, found.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert any(says in one for one in Reader(found.text).texts)
    assert found.headers["x-request-id"] in found.text
    assert "secret" not in found.text
    assert found.headers["cache-control"] == "no-store"
    assert caller(method, path, raw=text, headers=FORM).headers["content-type"] == "application/problem+json"


# -- tokens


def test_no_answer_and_no_log_line_repeats_a_token(caller, capsys):
    for headers in (FORM, {**FORM, **BROWSER}):
        for method, path in (("GET", "/letters/s3cret"), ("POST", "/letters/s3cret/answer"), ("DELETE", "/letters/s3cret")):
            assert "s3cret" not in caller(method, path, raw="name=A&consent=true", headers=headers).text
    assert caller("GET", "/letters/s3cret").json()["instance"] == "/letters/{token}"
    for path, template in (("/s3cret/nothing", "/{token}"), ("/s3cret/answer/more", "/{token}/answer"), ("/s3cret%20", "/{token}")):
        found = caller("GET", f"/letters{path}").json()
        assert (found["status"], found["instance"]) == (404, f"/letters{template}")
    assert caller("POST", "/letters/s3cret", raw="", query={"to": "nothing"}, headers=FORM).json()["instance"] == "/letters/{token}"
    assert "s3cret" not in capsys.readouterr().out


# -- the document


def test_the_document_names_both_types_and_the_pages(caller):
    contract = OpenApiContract([PACK])
    operation = contract.document["paths"]["/letters/{token}/answer"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", "application/x-www-form-urlencoded"}
    form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
    assert form["example"] == {"name": "Ann", "consent": "true"}
    Draft202012Validator(form["schema"]).validate(form["example"])
    assert "$ref" not in form["schema"]  # a client generator would send the JSON body's class as a form
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/html"}
    assert set(contract.resolved(operation["responses"]["404"])["content"]) == {"application/problem+json", "text/html"}
    plain = contract.document["paths"]["/letters/{token}/plain"]["post"]
    assert set(plain["requestBody"]["content"]) == {"application/json"}
    assert set(contract.resolved(plain["responses"]["404"])["content"]) == {"application/problem+json"}


def test_a_form_says_which_endpoint_below_the_links_own_address_it_is_for(caller):
    """The page of a link can't name the token, so its forms lead to the page's own address."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    answer = caller("POST", "/letters/good", raw="name=Ann&consent=true", query={"to": "answer"}, headers=form)
    assert (answer.status, "Ann answered" in answer.text) == (200, True)
    assert caller("POST", "/letters/good", raw="name=Ann&consent=true", query={"to": "nowhere"}, headers=form).status == 404
    assert caller("POST", "/letters/good", {"name": "Ann", "consent": True}, query={"to": "answer"}).status == 405
