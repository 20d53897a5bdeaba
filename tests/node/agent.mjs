// An agent on Node's own http server (and `ws` for WebSockets), with the same paths as the FastAPI one, and trailers and 103 besides.
// `node agent.mjs` prints {"ready": {"agent": "http://127.0.0.1:PORT"}}.

import { createHash } from 'node:crypto';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { WebSocketServer } from 'ws';

const BLOCK = Buffer.alloc(256 * 1024, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
const started = [];
const gone = {};
const monotonic = () => Number(process.hrtime.bigint()) / 1e9;
const pairs = (raw) => Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i].toLowerCase(), raw[2 * i + 1]]);
const json = (response, body) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const drained = (response) => new Promise((resolve) => {
  response.once('drain', resolve);
  response.once('close', resolve);
});
async function whole(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function echo(request, response, url) {
  const body = await whole(request);
  json(response, {
    method: request.method, path: request.url.split('?')[0], query: url.search.slice(1), headers: pairs(request.rawHeaders),
    trailers: pairs(request.rawTrailers), body: body.toString('latin1'),
  });
}

async function events(request, response, url) {
  const wait = Number(url.searchParams.get('pause') ?? 0) * 1000;
  const filling = 'x'.repeat(Number(url.searchParams.get('size') ?? 0));
  response.on('close', () => { if (!response.writableFinished) gone[url.searchParams.get('name')] = monotonic(); });
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (let i = 0; i < Number(url.searchParams.get('n')) && !response.closed; i += 1) {
    if (!response.write(`id: ${i}\ndata: ${i} ${filling}\n\n`)) await drained(response);
    if (wait) await pause(wait);
  }
  response.end();
}

async function sink(request, response, url) {
  await pause(Number(url.searchParams.get('pause') ?? 0) * 1000);
  const digest = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    digest.update(chunk);
  }
  json(response, { bytes, sha256: digest.digest('hex') });
}

async function download(request, response, url) {
  let left = Number(url.searchParams.get('n'));
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': left });
  while (left > 0 && !response.closed) {
    const chunk = left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
    left -= chunk.length;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

async function slow(request, response, url) {
  started.push(url.searchParams.get('name'));
  await pause(Number(url.searchParams.get('seconds')) * 1000);
  json(response, { seconds: Number(url.searchParams.get('seconds')) });
}

function wait(request, response, url) {
  const name = url.searchParams.get('name');
  started.push(name);
  request.resume();
  response.on('close', () => { gone[name] = monotonic(); });
}

function trailers(request, response) {
  response.writeHead(200, { trailer: 'x-checksum, x-identity-subject', 'content-type': 'text/plain' });
  response.write('body');
  response.addTrailers({ 'x-checksum': 'abc', 'x-identity-subject': 'mallory' });
  response.end();
}

async function hints(request, response) {
  response.writeEarlyHints({ link: '</style.css>; rel=preload' });
  await pause(20);
  response.end('after the hints');
}

function early(request, response) {
  response.writeHead(413, { connection: 'close' });
  response.end('too much');
}

async function say(request, response) {
  const told = JSON.parse(await whole(request));
  response.writeHead(told.status ?? 200, (told.headers ?? []).flat());
  response.end(told.body ?? '');
}

const paths = {
  '/echo': echo, '/events': events, '/sink': sink, '/download': download, '/slow': slow, '/wait': wait, '/trailers': trailers, '/hints': hints,
  '/early': early, '/say': say,
  '/seen': (request, response) => json(response, { started, gone }),
  '/page': (request, response) => { response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 5, etag: '"1"' }); response.end('hello'); },
  '/status': (request, response, url) => { response.writeHead(Number(url.pathname.split('/')[2])); response.end(); },
};

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://agent');
  const serve = paths[`/${url.pathname.split('/')[1]}`];
  if (!serve) return response.writeHead(404).end();
  return Promise.resolve(serve(request, response, url)).catch(() => response.destroy()); // a body that broke off
});
const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, (opened) => {
  opened.send(JSON.stringify(request.headers));
  opened.on('message', (data, binary) => opened.send(data, { binary }));
}));
process.on('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ ready: { agent: `http://127.0.0.1:${server.address().port}` } })}\n`));
