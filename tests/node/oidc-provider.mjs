// The certified provider as a counterpart: one plain issuer on loopback http, and the vendors' forms over TLS by host name.
//
//   node oidc-provider.mjs '{"shapes": ["plain", "okta"], "tls": {"host": "127.0.0.1", "port": 0, "cert": FILE, "key": FILE}, "ttl": 600}'
//
// "clients" may hold more of the plain issuer's: id -> {"alg", "grants", "auth", "secret", "jwks", "redirects"}; "actors" is the JWKS of
// the agents that may act for others: with it the plain issuer exchanges tokens (exchange.mjs). With "rotates" every refresh
// gives a new refresh token; one that comes back ends its grant. It prints one line {"ready": {"plain": "http://127.0.0.1:PORT", "tls": PORT}} and serves until SIGTERM. Beside what the provider serves:
//   POST /__rotate?shape=plain        new keys sign from now on, the old ones stay published
//   POST /__rotate?shape=plain&drop   the same, and only the new ones are published
// both on the plain listener, which is there in any case.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import { Provider } from 'oidc-provider';

import { exchanges } from './exchange.mjs';
import { PEOPLE } from './people.mjs';
import { SHAPES, TENANTS, entraMetadata } from './shapes.mjs';

const SECRET = 'a client secret for tests, known to everyone';
const SCOPES = 'travel.book calendar.read';
const options = JSON.parse(process.argv[2]);
const issuers = {};

function keysFor(algorithms, jwkAlg) {
  const pairs = {
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  };
  return algorithms.map((alg) => ({
    ...pairs[alg]().privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', ...(jwkAlg ? { alg } : {}),
  }));
}

function client(id, { alg, grants, auth = 'client_secret_post', secret = SECRET, jwks, redirects = ['https://app.example/callback'] }) {
  const web = grants.includes('authorization_code');
  return {
    client_id: id, token_endpoint_auth_method: auth, grant_types: grants, ...(jwks ? { jwks } : { client_secret: secret }),
    response_types: web ? ['code'] : [], redirect_uris: web ? redirects : [], id_token_signed_response_alg: alg,
  };
}

function configuration(shape, keys) {
  return {
    jwks: { keys },
    cookies: { keys: ['of the tests'] },
    clients: Object.entries(shape.clients).map(([id, how]) => client(id, how)),
    routes: shape.routes,
    scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    ...(options.rotates ? { rotateRefreshToken: true } : {}),
    ttl: { AccessToken: options.ttl ?? 600, ClientCredentials: options.ttl ?? 600, IdToken: 600, Session: 600, Grant: 600, Interaction: 600 },
    findAccount: (ctx, id) => (PEOPLE[id] ? { accountId: id, claims: () => PEOPLE[id] } : undefined),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => shape.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, requester) => ({
          scope: SCOPES, audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: options.ttl ?? 600,
          jwt: { sign: { alg: shape.clients[requester.clientId].alg } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt: (ctx, token, structured) => {
          Object.assign(structured, shape.token(structured.payload, PEOPLE[token.accountId], token.clientId));
          if (token.claims?.act) structured.payload.act = token.claims.act;
        },
      },
    },
  };
}

function build(name) {
  const { shape, issuer, keys } = issuers[name];
  const provider = new Provider(issuer, configuration(shape, keys));
  provider.on('server_error', (ctx, error) => console.error(name, error));
  if (name === 'plain' && options.actors) exchanges(provider, shape, keys, options.actors);
  issuers[name].serve = provider.callback();
}

// The keys that Entra signs v1 and v2 tokens with are the same ones.
function add(name, issuer) {
  const shape = SHAPES[name];
  const shared = name.startsWith('entra') ? Object.keys(issuers).find((other) => other.startsWith('entra')) : undefined;
  issuers[name] = { shape, issuer, keys: shared ? issuers[shared].keys : keysFor(shape.algorithms, shape.jwkAlg) };
  build(name);
}

function rotate(name, drop) {
  const { shape, keys } = issuers[name];
  const fresh = keysFor(shape.algorithms, shape.jwkAlg);
  for (const other of Object.keys(issuers)) {
    if (issuers[other].keys === keys) {
      issuers[other].next = drop ? fresh : [...fresh, ...keys];
    }
  }
  for (const other of Object.values(issuers).filter((each) => each.next)) {
    other.keys = other.next;
    delete other.next;
  }
  Object.keys(issuers).forEach(build);
}

function pass(name, request, response, path, prefix) {
  request.baseUrl = prefix;
  request.url = path;
  issuers[name].serve(request, response);
}

function entra(request, response) {
  const [path] = request.url.split('?');
  const metadata = entraMetadata(path);
  if (metadata) return answer(response, 200, metadata);
  if (/^\/[^/]+\/discovery\/v2\.0\/keys$/.test(path)) return pass('entra', request, response, '/discovery/v2.0/keys', `/${TENANTS[0]}`);
  if (/^\/[^/]+\/discovery\/keys$/.test(path)) return pass('entra-v1', request, response, '/discovery/keys', `/${TENANTS[0]}`);
  return byPrefix('entra', request, response);
}

function byPrefix(name, request, response) {
  const { prefix } = issuers[name].shape;
  if (!request.url.startsWith(`${prefix}/`)) return answer(response, 404, { error: 'not here' });
  return pass(name, request, response, request.url.slice(prefix.length), prefix);
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function overTls(request, response) {
  const host = (request.headers.host ?? '').split(':')[0];
  const name = Object.keys(issuers).find((each) => issuers[each].shape.host === host);
  if (!name) return answer(response, 421, { error: 'no such host' });
  if (host === 'sts.windows.net' && entraMetadata(request.url)) return answer(response, 200, entraMetadata(request.url));
  return name === 'entra' ? entra(request, response) : byPrefix(name, request, response);
}

function overHttp(request, response) {
  const url = new URL(request.url, 'http://localhost');
  if (request.method === 'POST' && url.pathname === '/__rotate') {
    rotate(url.searchParams.get('shape'), url.searchParams.has('drop'));
    return answer(response, 200, {});
  }
  return issuers.plain ? pass('plain', request, response, request.url, '') : answer(response, 404, { error: 'no plain issuer' });
}

const listening = (server, port, host) => new Promise((resolve, reject) => {
  server.once('error', reject);
  server.listen(port, host, () => resolve(server.address().port));
});

const plainServer = http.createServer(overHttp);
const ready = { plain: `http://127.0.0.1:${await listening(plainServer, 0, '127.0.0.1')}` };
Object.assign(SHAPES.plain.clients, options.clients);
for (const name of options.shapes) add(name, name === 'plain' ? ready.plain : SHAPES[name].issuer);
if (options.tls) {
  const server = https.createServer({ cert: readFileSync(options.tls.cert), key: readFileSync(options.tls.key) }, overTls);
  ready.tls = await listening(server, options.tls.port ?? 0, options.tls.host ?? '127.0.0.1');
}
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ ready })}\n`);
