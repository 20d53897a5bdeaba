// Who can sign in at the counterpart issuers. The password is whatever is typed: devInteractions asks for any.

export const PEOPLE = {
  alice: {
    sub: 'alice', name: 'Alice Liddell', email: 'alice@example.com', email_verified: true,
    groups: ['sales', 'Domain Admins'], oid: 'a11ce000-0000-4000-8000-000000000001', tenant: 0,
  },
  zoe: {
    sub: 'zoe', name: 'Zoë, "Ω" 100%', email: 'zoe@example.com', email_verified: false,
    groups: ['a,b', 'Verkäufer'], oid: '20e00000-0000-4000-8000-000000000002', tenant: 0,
  },
  carol: {
    sub: 'carol', name: 'Carol', email: 'carol@example.com', email_verified: true,
    groups: null, oid: 'ca201000-0000-4000-8000-000000000003', tenant: 0,
  },
  dora: {
    sub: 'dora', name: 'Dora', email: 'dora@other.example', email_verified: true,
    groups: ['sales'], oid: 'd02a0000-0000-4000-8000-000000000004', tenant: 1,
  },
};
