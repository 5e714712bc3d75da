"""A program of a client's: `python python_program.py URL TOKEN`. `valhalla_client` is generated from the OpenAPI document."""

import sys
from http import HTTPStatus

from valhalla_client import AuthenticatedClient
from valhalla_client.api.disposition_engine import dispositions_create_buyer
from valhalla_client.api.global_holdings_engine import holdings_create_holding
from valhalla_client.api.wholesaling_engine import (
    wholesale_create_many,
    wholesale_create_pipeline,
    wholesale_edit_pipeline,
    wholesale_get_pipeline,
    wholesale_list_pipelines,
)
from valhalla_client.models import (
    BuyBox,
    BuyerCreate,
    BuyerView,
    ExitStrategy,
    HoldingCreate,
    HoldingView,
    NextAction,
    PipelineBulkCreate,
    PipelineBulkView,
    PipelineCreate,
    PipelinePage,
    PipelinePatch,
    PipelineStage,
    PipelineView,
    PipelineWithActivitiesView,
    PostalAddress,
    Problem,
    Property,
    Seller,
)
from valhalla_client.types import UNSET, Unset


def create(client: AuthenticatedClient, number: int) -> PipelineView:
    """A pipeline; money is a number or a text."""
    body = PipelineCreate(
        external_ref=f"python-{number}",
        seller=Seller(name="Ada Byron", phone="+1 206 555 0100"),
        property_=Property(address=PostalAddress(line1=f"{number} Pine St", city="Seattle", region="WA", postal_code="98103"), bedrooms=3),
        arv_estimate=400000,
        repair_estimate="60000.50",
        exit_strategy=ExitStrategy.ASSIGNMENT,
        next_action=NextAction(what="Call"),
    )
    view = wholesale_create_pipeline.sync(client=client, body=body)
    assert isinstance(view, PipelineView), view
    return view


def edit(client: AuthenticatedClient, id: str) -> None:
    """An edit of what was read, and one of what has changed since."""
    read = wholesale_get_pipeline.sync_detailed(id, client=client)
    assert isinstance(read.parsed, PipelineWithActivitiesView), read
    etag = read.headers["ETag"]
    seller = read.parsed.seller
    assert seller is not None
    assert seller.name == "Ada Byron"
    body = PipelinePatch(repair_estimate=61000, notes=f"{seller.name} called.", exit_strategy=read.parsed.exit_strategy)
    edited = wholesale_edit_pipeline.sync_detailed(id, client=client, body=body, if_match=etag)
    assert isinstance(edited.parsed, PipelineView), edited
    assert edited.parsed.repair_estimate == 61000
    assert edited.parsed.revision == read.parsed.revision + 1
    late = wholesale_edit_pipeline.sync_detailed(id, client=client, body=PipelinePatch(notes=None), if_match=etag)
    assert late.status_code == HTTPStatus.PRECONDITION_FAILED
    assert isinstance(late.parsed, Problem)
    assert late.parsed.type_ == "/problems/precondition-failed"


def list_ids(client: AuthenticatedClient) -> list[str]:
    """The ids of all leads, two a page."""
    ids: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        page = wholesale_list_pipelines.sync(client=client, stage=PipelineStage.LEAD, limit=2, cursor=cursor)
        assert isinstance(page, PipelinePage), page
        ids += [summary.id for summary in page.items]
        if page.next_cursor is None:
            return ids
        cursor = page.next_cursor


def main(url: str, token: str) -> None:
    """Create, edit, list."""
    client = AuthenticatedClient(base_url=url, token=token)
    created = [create(client, number).id for number in range(5)]
    edit(client, created[0])
    assert set(created) <= set(list_ids(client))

    bulk = wholesale_create_many.sync(client=client, body=PipelineBulkCreate(items=[PipelineCreate(external_ref="python-bulk")]))
    assert isinstance(bulk, PipelineBulkView), bulk
    assert [result.status for result in bulk.results] == [201]

    buyer = dispositions_create_buyer.sync(client=client, body=BuyerCreate(name="Grace Hopper", buy_box=BuyBox(markets=["981*"])))
    assert isinstance(buyer, BuyerView), buyer
    assert buyer.buy_box is not None
    assert buyer.buy_box.markets == ["981*"]

    holding = holdings_create_holding.sync(client=client, body=HoldingCreate(asset_type="property", value_estimate="250000"))
    assert isinstance(holding, HoldingView), holding
    assert holding.owned_value == 250000
    print("ok")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
