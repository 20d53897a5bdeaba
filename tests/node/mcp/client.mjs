// Visits to MCP servers by the official TypeScript SDK: node client.mjs PLAN. As tests/clients/mcp/visit.py has it.
import { performance } from "node:perf_hooks";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const MOST_PAGES = 30;
const URIS = ["trip://all", "trip://Oxford"];
const LISTS = {
  tools: ["listTools", "tools"],
  prompts: ["listPrompts", "prompts"],
  resources: ["listResources", "resources"],
  resource_templates: ["listResourceTemplates", "resourceTemplates"],
};
const told = (result) => {
  const text = result.content.filter((block) => block.type === "text").map((block) => block.text).join(" ");
  return result.isError ? `error: ${text}` : text;
};

async function outcome(doing) {
  try {
    return await doing();
  } catch (error) {
    if (typeof error.code === "number") return `refused ${error.code}`;
    if (error.status !== undefined) return `refused HTTP ${error.status}`;
    throw error;
  }
}

async function pages(client, what) {
  const [listing, member] = LISTS[what];
  const found = [];
  let cursor;
  do {
    const page = await client[listing](cursor === undefined ? {} : { cursor });
    found.push(page[member].map((each) => each.uri ?? each.uriTemplate ?? each.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined && found.length < MOST_PAGES);
  return found;
}

async function count(client) {
  const begun = performance.now();
  const notes = [];
  const onprogress = () => notes.push((performance.now() - begun) / 1000);
  const result = await client.callTool({ name: "count", arguments: {} }, { onprogress });
  return [told(result), notes];
}

async function visit({ url, headers, mode, calls = [] }) {
  const client = new Client({ name: "visitor", version: "1.0.0" }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  try {
    const seen = { version: client.getNegotiatedProtocolVersion() };
    for (const what of Object.keys(LISTS)) seen[what] = await outcome(() => pages(client, what));
    seen.calls = [];
    for (const [name, args] of calls) {
      seen.calls.push(await outcome(async () => told(await client.callTool({ name, arguments: args }))));
    }
    seen.count = await outcome(() => count(client));
    seen.prompt = await outcome(async () => (await client.getPrompt({ name: "welcome" })).messages[0].content.text);
    seen.read = [];
    for (const uri of URIS) seen.read.push(await outcome(async () => (await client.readResource({ uri })).contents[0].text));
    return seen;
  } finally {
    await client.close();
  }
}

const visited = (plan) => visit(plan).catch((error) => ({ failed: `${error.name}: ${error.message}` }));
process.stdout.write(`${JSON.stringify(await Promise.all(JSON.parse(process.argv[2]).map(visited)))}\n`);
