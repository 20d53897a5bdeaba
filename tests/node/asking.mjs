// An agent that knows of no handle: `GET /CLIENT?url=…` asks the API at that URL with a client of clients/.
// `esm-agent.mjs PORT` and `cjs-agent.cjs PORT` are it, in the two kinds of modules, which are instrumented in different ways.

async function ask(request, response) {
  const url = new URL(request.url, 'http://agent');
  try {
    const { default: call } = await import(`./clients${url.pathname}.mjs`);
    const name = await call(url.searchParams.get('url'), 'a-placeholder');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ name }));
  } catch (error) {
    response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error.cause ?? error) }));
  }
}

export function serve(http) {
  const server = http.createServer(ask);
  server.listen(Number(process.argv[2]), '127.0.0.1', () => {
    console.log(JSON.stringify({ ready: { agent: `http://127.0.0.1:${server.address().port}` } }));
  });
  process.on('SIGTERM', () => process.exit()); // the instrumentation's own handler doesn't end the process
}
