"""One configuration with something of everything, for what policy commands say of it."""

from pathlib import Path

from sidecar.settings import Settings, load

TEXT = """\
agent: {name: travel, url: "http://127.0.0.1:8000"}
issuers:
  okta: {type: okta, domain: acme.okta.com, audience: travel}
  nightly: {type: oidc, issuer: "https://id.example", audience: travel, kind: workflow}
inbound: {who: {not: {groups: [guests]}}}
providers:
  google: {type: google, client_id: c, client_secret: {env: S}, hand_out: true}
  key: {type: api_key, key: {env: S}}
  cloud: {type: aws, source: ambient, hand_out: true}
egress:
  routes:
    calendar: {url: "https://www.googleapis.com/calendar", provider: google, scopes: [calendar.readonly]}
    model: {url: "https://model.example", provider: key, methods: POST, unattended: true}
    travel: {url: "https://travel.example/mcp", mcp: true}
tools: {desk: [book_room, open_door]}
capabilities:
  read: {who: {groups: [sales]}, provider: google, scopes: [calendar.readonly], routes: [calendar], methods: GET}
  token: {who: {groups: [sales]}, provider: google, scopes: [calendar.readonly]}
  think: {who: agent, routes: [model]}
  cloud: {who: agent, provider: cloud}
  travel: {who: {groups: [sales]}, tools: [travel/list_*, desk/book_room], arguments: {floor: ["1", "2"]}}
  night: {who: any, tools: [desk/open_door], hours: "00:00-06:00"}
"""
NOON, NIGHT = 1_790_000_000.0, 1_790_000_000.0 + 11 * 3600
"""14:13 and 01:13, UTC."""


def configured(folder: Path, text: str = TEXT) -> Settings:
    file = folder / "sidecar.yaml"
    file.write_text(text)
    return load(file, {"S": "s"})
