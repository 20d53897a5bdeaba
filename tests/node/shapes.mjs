// The forms that real issuers give to their tokens, as data: where things are, and what an access token holds.
// `token(payload, person, client)` gets what oidc-provider would have signed and returns what that vendor signs.

import { createHash } from 'node:crypto';

export const TENANTS = ['7e0a0000-0000-4000-8000-00000000000a', '7e0a0000-0000-4000-8000-00000000000b'];
const pairwise = (person, client) => createHash('sha256').update(`${person.sub} ${client}`).digest('base64url');
const without = (payload, ...names) => Object.fromEntries(Object.entries(payload).filter(([k, v]) => !names.includes(k) && v !== undefined));
const scopes = (payload) => (payload.scope ? payload.scope.split(' ') : []);

const plain = {
  audience: 'https://travel.example/',
  algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  jwkAlg: true,
  clients: Object.fromEntries(['RS256', 'PS256', 'ES256', 'EdDSA'].flatMap((alg) => [
    [`service-${alg}`, { alg, grants: ['client_credentials'] }],
    [`web-${alg}`, { alg, grants: ['authorization_code', 'refresh_token'] }],
  ])),
  routes: {},
  token: (payload, person) => ({
    payload: person
      ? { ...payload, name: person.name, email: person.email, email_verified: person.email_verified, groups: person.groups ?? undefined }
      : payload,
  }),
};

const okta = {
  host: 'dev-1.okta.com',
  prefix: '/oauth2/default',
  issuer: 'https://dev-1.okta.com/oauth2/default',
  audience: 'api://travel',
  algorithms: ['RS256'],
  jwkAlg: true,
  clients: {
    '0oaservice': { alg: 'RS256', grants: ['client_credentials'] },
    '0oaweb': { alg: 'RS256', grants: ['authorization_code', 'refresh_token'] },
  },
  routes: { authorization: '/v1/authorize', token: '/v1/token', jwks: '/v1/keys', userinfo: '/v1/userinfo' },
  token: (payload, person, client) => ({
    header: { typ: 'JWT' },
    payload: {
      ver: 1, ...without(payload, 'client_id', 'scope', 'sub'), cid: client, scp: scopes(payload),
      ...(person ? { uid: `00u${person.sub}`, sub: person.email, groups: person.groups ?? undefined } : { sub: client }),
    },
  }),
};

const auth0 = {
  host: 'tenant.eu.auth0.com',
  prefix: '',
  issuer: 'https://tenant.eu.auth0.com/',
  audience: 'https://travel.example/',
  algorithms: ['RS256'],
  jwkAlg: true,
  clients: {
    aUtH0service: { alg: 'RS256', grants: ['client_credentials'] },
    aUtH0service9068: { alg: 'RS256', grants: ['client_credentials'] },
    aUtH0web: { alg: 'RS256', grants: ['authorization_code', 'refresh_token'] },
  },
  routes: { authorization: '/authorize', token: '/oauth/token', jwks: '/.well-known/jwks.json', userinfo: '/userinfo' },
  // Two dialects: Auth0's own (azp, typ JWT) and RFC 9068's (client_id, jti, typ at+jwt).
  token: (payload, person, client) => {
    const rfc9068 = client.endsWith('9068');
    return {
      header: { typ: rfc9068 ? 'at+jwt' : 'JWT' },
      payload: {
        ...(rfc9068 ? payload : { ...without(payload, 'client_id', 'jti'), azp: client }),
        permissions: person ? ['read:calendar', 'book:travel'] : ['read:calendar'],
        ...(person
          ? {
            sub: `auth0|${person.sub}`,
            aud: [payload.aud, 'https://tenant.eu.auth0.com/userinfo'],
            scope: `openid ${payload.scope ?? ''}`.trim(),
            'https://travel.example/roles': ['traveller'],
            'https://travel.example/groups': person.groups ?? undefined,
          }
          : { sub: `${client}@clients`, gty: 'client-credentials' }),
      },
    };
  },
};

const ENTRA_CLIENTS = {
  '5e2c1ce0-0000-4000-8000-000000000001': { alg: 'RS256', grants: ['client_credentials'] },
  '0eb00000-0000-4000-8000-000000000002': { alg: 'RS256', grants: ['authorization_code', 'refresh_token'] },
};

// More than 200 groups and the claim is gone: `_claim_names` says that there are some.
const entraGroups = (person) => (person.groups
  ? { groups: person.groups }
  : {
    _claim_names: { groups: 'src1' },
    _claim_sources: { src1: { endpoint: `https://graph.windows.net/x/users/${person.oid}/getMemberObjects` } },
  });

const entraPerson = (payload, person, client, tid) => ({
  name: person.name, oid: person.oid, sub: pairwise(person, client), tid, scp: payload.scope, ...entraGroups(person),
});
const entraApp = (client, tid) => ({
  oid: 'a9900000-0000-4000-8000-000000000005', sub: 'a9900000-0000-4000-8000-000000000005', tid, roles: ['Travel.Read.All'], idtyp: 'app',
});

const entra = {
  host: 'login.microsoftonline.com',
  prefix: `/${TENANTS[0]}`,
  issuer: `https://login.microsoftonline.com/${TENANTS[0]}/v2.0`,
  audience: 'api://travel',
  algorithms: ['RS256'],
  jwkAlg: false,
  clients: ENTRA_CLIENTS,
  routes: { authorization: '/oauth2/v2.0/authorize', token: '/oauth2/v2.0/token', jwks: '/discovery/v2.0/keys', userinfo: '/oidc/userinfo' },
  token: (payload, person, client) => {
    const tid = TENANTS[person?.tenant ?? 0];
    return {
      header: { typ: 'JWT' },
      payload: {
        ...without(payload, 'client_id', 'scope', 'jti', 'sub'),
        iss: `https://login.microsoftonline.com/${tid}/v2.0`,
        aud: '7247e100-0000-4000-8000-000000000003', // v2 names the API by its client id, whatever was asked for
        nbf: payload.iat, azp: client, azpacr: '1', ver: '2.0', uti: payload.jti,
        ...(person
          ? { ...entraPerson(payload, person, client, tid), preferred_username: person.email }
          : entraApp(client, tid)),
      },
    };
  },
};

const entraV1 = {
  host: 'sts.windows.net',
  prefix: `/${TENANTS[0]}`,
  issuer: `https://sts.windows.net/${TENANTS[0]}/`,
  audience: 'api://travel',
  algorithms: ['RS256'],
  jwkAlg: false,
  clients: ENTRA_CLIENTS,
  routes: { authorization: '/oauth2/authorize', token: '/oauth2/token', jwks: '/discovery/keys', userinfo: '/openid/userinfo' },
  token: (payload, person, client) => {
    const tid = TENANTS[0];
    return {
      header: { typ: 'JWT' },
      payload: {
        ...without(payload, 'client_id', 'scope', 'jti', 'sub'),
        nbf: payload.iat, appid: client, appidacr: '1', ver: '1.0', uti: payload.jti,
        ...(person
          ? { ...entraPerson(payload, person, client, tid), unique_name: person.email, upn: person.email }
          : entraApp(client, tid)),
      },
    };
  },
};

export const SHAPES = { plain, okta, auth0, entra, 'entra-v1': entraV1 };

// Entra publishes its metadata and keys under several paths, none of them where oidc-provider would: path -> answer.
export function entraMetadata(path) {
  const found = /^\/([^/]+)(\/v2\.0)?\/\.well-known\/openid-configuration$/.exec(path);
  if (!found) return undefined;
  const [, tenant, v2] = found;
  const base = 'https://login.microsoftonline.com';
  const literal = ['common', 'organizations'].includes(tenant) ? '{tenantid}' : tenant;
  return {
    issuer: v2 ? `${base}/${literal}/v2.0` : `https://sts.windows.net/${literal}/`,
    jwks_uri: v2 ? `${base}/${tenant}/discovery/v2.0/keys` : `${base}/common/discovery/keys`,
    authorization_endpoint: `${base}/${tenant}/oauth2${v2 ?? ''}/authorize`,
    token_endpoint: `${base}/${tenant}/oauth2${v2 ?? ''}/token`,
    response_types_supported: ['code'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
}
