// A program of a client's: `node program.js URL TOKEN`. `valhalla.ts` is generated from the OpenAPI document. It has no cast.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./valhalla";

declare const process: { argv: string[] };

type PipelineCreate = components["schemas"]["PipelineCreate"];
type PipelineView = components["schemas"]["PipelineView"];
type Api = Client<paths>;

function check(holds: boolean, about: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(about));
}

// Money is a number or a text; what may be left out is left out.
async function create(api: Api, number: number): Promise<PipelineView> {
  const body: PipelineCreate = {
    external_ref: `typescript-${number}`,
    seller: { name: "Ada Byron", phone: "+1 206 555 0100" },
    property: { address: { line1: `${number} Pine St`, city: "Seattle", region: "WA", postal_code: "98103" }, bedrooms: 3 },
    arv_estimate: 400000,
    repair_estimate: "60000.50",
    exit_strategy: "assignment",
    next_action: { what: "Call" },
  };
  const { data, error } = await api.POST("/wholesale", { body });
  check(data !== undefined, error);
  return data;
}

// An edit of what was read, and one of what has changed since.
async function edit(api: Api, id: string): Promise<void> {
  const read = await api.GET("/wholesale/{id}", { params: { path: { id } } });
  const etag = read.response.headers.get("ETag");
  check(read.data !== undefined && etag !== null, read.error);
  const { seller, exit_strategy, revision } = read.data;
  check(seller?.name === "Ada Byron", read.data);
  const edited = await api.PATCH("/wholesale/{id}", {
    params: { path: { id }, header: { "If-Match": etag } },
    body: { repair_estimate: 61000, notes: `${seller.name} called.`, exit_strategy },
  });
  check(edited.data?.repair_estimate === 61000 && edited.data.revision === revision + 1, edited.error);
  const late = await api.PATCH("/wholesale/{id}", { params: { path: { id }, header: { "If-Match": etag } }, body: { notes: null } });
  check(late.response.status === 412 && late.error?.type === "/problems/precondition-failed", late.error);
}

// The ids of all leads, two a page.
async function listIds(api: Api): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const query: NonNullable<paths["/wholesale"]["get"]["parameters"]["query"]> = { stage: "lead", limit: 2 };
    if (cursor !== null) query.cursor = cursor;
    const { data, error } = await api.GET("/wholesale", { params: { query } });
    check(data !== undefined, error);
    ids.push(...data.items.map((summary) => summary.id));
    cursor = data.next_cursor;
  } while (cursor !== null);
  return ids;
}

async function main(url: string, token: string): Promise<void> {
  const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
  const created: string[] = [];
  for (const number of [1, 2, 3, 4, 5]) created.push((await create(api, number)).id);
  const [first] = created;
  check(first !== undefined, created);
  await edit(api, first);
  const ids = await listIds(api);
  check(created.every((id) => ids.includes(id)), ids);

  const bulk = await api.POST("/wholesale/bulk", { body: { items: [{ external_ref: "typescript-bulk" }] } });
  check(bulk.data?.results[0]?.status === 201, bulk);

  const buyer = await api.POST("/dispo/buyers", { body: { name: "Grace Hopper", buy_box: { markets: ["981*"] } } });
  check(buyer.data?.buy_box?.markets?.[0] === "981*", buyer);

  const holding = await api.POST("/holdings", { body: { asset_type: "property", value_estimate: "250000" } });
  check(holding.data?.owned_value === 250000, holding);
  console.log("ok");
}

const [, , url, token] = process.argv;
check(url !== undefined && token !== undefined, "URL TOKEN");
await main(url, token);
