// The same travel desk by the official TypeScript SDK: node server.mjs PORT. Both eras, the older one without sessions, at /mcp.
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer, ResourceTemplate, createMcpHandler } from "@modelcontextprotocol/server";
import { z } from "zod";

const PAUSE = 100; // milliseconds
const COUNT = 5;
const PLAIN = ["book_trip", "Book_trip", "book_trip_now", "list_trips", "list_hotels", "look_up"];
const text = (words) => ({ content: [{ type: "text", text: words }] });

function desk() {
  const server = new McpServer({ name: "typescript", version: "1.0.0" });
  for (const name of PLAIN) {
    server.registerTool(name, { description: `Says that it is ${name}.` }, () => text(`this is ${name}`));
  }
  server.registerTool("find_trips", { description: "Trips to a city.", inputSchema: z.object({ city: z.string() }) },
    ({ city }) => text(`trips to ${city}`));
  server.registerTool(
    "pay",
    { description: "Pay for a trip.", inputSchema: z.object({ amount: z.number() }), outputSchema: z.object({ paid: z.number() }) },
    ({ amount }) => ({ ...text(JSON.stringify({ paid: amount })), structuredContent: { paid: amount } }),
  );
  server.registerTool("count", { description: "Count, in public." }, async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (let progress = 1; progress <= COUNT; progress++) {
      if (progressToken !== undefined) {
        await context.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: COUNT } });
      }
      await pause(PAUSE);
    }
    return text("counted");
  });
  server.registerPrompt("welcome", { description: "How to welcome somebody." }, () => ({
    messages: [{ role: "user", content: { type: "text", text: "welcome!" } }],
  }));
  server.registerResource("trips", "trip://all", { description: "Every trip." }, (uri) => ({
    contents: [{ uri: uri.href, text: "Oxford, Wonderland" }],
  }));
  server.registerResource("trip", new ResourceTemplate("trip://{city}", { list: undefined }), {}, (uri, { city }) => ({
    contents: [{ uri: uri.href, text: `a trip to ${city}` }],
  }));
  return server;
}

const handle = toNodeHandler(createMcpHandler(desk));
createServer((request, response) => handle(request, response)).listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.log("ready");
});
