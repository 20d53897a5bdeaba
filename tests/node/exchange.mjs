// What the certified provider leaves to whoever runs it: token exchange (RFC 8693), the identity assertion that is one
// of its results (id-jag), and the grant of such an assertion (RFC 7523). Signatures are checked and made by jose,
// tokens by the provider.

import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from 'jose';
import { errors } from 'oidc-provider';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const ID_JAG = `${TYPE}id-jag`;

const publicHalf = ({ d, p, q, dp, dq, qi, ...rest }) => rest;

async function proved(token, keys, options, what) {
  try {
    return await jwtVerify(token ?? '', keys, { algorithms: ['ES256'], ...options });
  } catch (error) {
    throw new errors.InvalidGrant(`${what}: ${error.code}`);
  }
}

// `keys` are the provider's own private JWKs, `actors` the JWKS of the agents that may act, by their name in `sub`.
export function exchanges(provider, shape, keys, actors) {
  const own = createLocalJWKSet({ keys: keys.map(publicHalf) });
  const agents = createLocalJWKSet(actors ?? { keys: [] });

  async function token(ctx, accountId, resource, scope, act) {
    const { client } = ctx.oidc;
    const access = new provider.AccessToken({ accountId, client, gty: 'exchange', scope, claims: act ? { act } : undefined });
    access.resourceServer = new provider.ResourceServer(resource, {
      scope: 'travel.book calendar.read', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } },
    });
    ctx.oidc.entity('AccessToken', access);
    const value = await access.save();
    return { access_token: value, token_type: 'Bearer', expires_in: access.expiration, scope };
  }

  async function exchange(ctx) {
    const { params, client } = ctx.oidc;
    if (![`${TYPE}access_token`, `${TYPE}id_token`, `${TYPE}jwt`].includes(params.subject_token_type)) throw new errors.InvalidRequest('subject_token_type');
    const { payload: subject } = await proved(params.subject_token, own, { issuer: provider.issuer }, 'subject_token');
    let act;
    if (params.actor_token !== undefined) {
      if (params.actor_token_type !== `${TYPE}jwt`) throw new errors.InvalidRequest('actor_token_type');
      const { payload } = await proved(params.actor_token, agents, { audience: provider.issuer, maxTokenAge: 120 }, 'actor_token');
      act = { sub: payload.sub, iss: payload.iss };
    }
    if (params.requested_token_type === ID_JAG) {
      const key = keys.find((each) => each.alg === 'ES256');
      const claims = { client_id: client.clientId, scope: params.scope, resource: params.resource };
      const jag = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'oauth-id-jag+jwt' })
        .setIssuer(provider.issuer).setSubject(subject.sub).setAudience(params.audience).setJti(crypto.randomUUID())
        .setIssuedAt().setExpirationTime('5m').sign(await importJWK(key, 'ES256'));
      ctx.body = { access_token: jag, issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300, scope: params.scope };
      return;
    }
    const said = await token(ctx, subject.sub, params.resource ?? shape.audience, params.scope, act);
    ctx.body = { ...said, issued_token_type: `${TYPE}access_token` };
  }

  async function bearer(ctx) {
    const { params, client } = ctx.oidc;
    const { payload, protectedHeader } = await proved(params.assertion, own, { issuer: provider.issuer }, 'assertion');
    if (protectedHeader.typ === 'oauth-id-jag+jwt') {
      if (payload.aud !== provider.issuer || payload.client_id !== client.clientId) throw new errors.InvalidGrant('not for here');
      ctx.body = await token(ctx, payload.sub, payload.resource, payload.scope);
      return;
    }
    ctx.body = await token(ctx, payload.sub, params.resource ?? shape.audience, params.scope);
  }

  provider.registerGrantType(EXCHANGE, exchange, [
    'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'audience', 'resource', 'scope', 'requested_token_type',
  ]);
  provider.registerGrantType(BEARER, bearer, ['assertion', 'audience', 'resource', 'scope']);
}
