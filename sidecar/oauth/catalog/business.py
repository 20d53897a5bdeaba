"""Atlassian, HubSpot, Notion, Salesforce: an organisation's own records."""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.oauth.catalog import answers
from sidecar.oauth.catalog.entry import Entry, Maker, Renewal, Revocation, Whose, plain
from sidecar.oauth.provider import Provider

_DAY = 86400.0


def _atlassian(_provider: Provider) -> Entry:
    return Entry(
        type="atlassian",
        authorize_url="https://auth.atlassian.com/authorize",
        token_url="https://auth.atlassian.com/oauth/token",
        always=frozenset({"offline_access", "read:me"}),
        parameters=MappingProxyType({"audience": "api.atlassian.com", "prompt": "consent"}),
        pkce=False,
        body="json",
        reads=answers.sentences,
        whose=Whose("call", "account_id", "email|name", "https://api.atlassian.com/me"),
        renewal=Renewal(
            rotates=True,
            grace=600.0,
            idle=90 * _DAY,
            dies="Atlassian ends grants after 90 days without use, and when a refresh token is used again later than "
            "10 minutes after it was spent.",
        ),
        scopes=plain(
            {
                "read:me": "see your name and email address",
                "read:jira-user": "see the people in Jira",
                "read:jira-work": "read your projects and issues in Jira",
                "write:jira-work": "write issues and comments in Jira as you",
                "manage:jira-project": "change projects in Jira",
                "manage:jira-configuration": "change the configuration of Jira",
                "read:confluence-content.all": "read your pages in Confluence",
                "read:confluence-content.summary": "see summaries of your pages in Confluence",
                "read:confluence-space.summary": "see your spaces in Confluence",
                "read:confluence-user": "see the people in Confluence",
                "write:confluence-content": "write pages and comments in Confluence as you",
                "search:confluence": "search in Confluence",
            }
        ),
        domains=("atlassian.com", "atlassian.net"),
    )


def _hubspot(_provider: Provider) -> Entry:
    at = "https://api.hubapi.com/oauth/2026-03/token"  # v1 ends on 16 February 2027
    return Entry(
        type="hubspot",
        authorize_url="https://app.hubspot.com/oauth/authorize",
        token_url=at,
        revocation=Revocation(f"{at}/revoke", gone=frozenset({404})),
        always=frozenset({"oauth"}),
        pkce=False,
        reads=answers.hubspot,
        whose=Whose("introspection", "hub_id user_id", "user|hub_domain", f"{at}/introspect"),
        renewal=Renewal(dies="HubSpot ends grants when the app is uninstalled from the account."),
        scopes=plain(
            {
                "crm.objects.contacts.read": "see the contacts",
                "crm.objects.contacts.write": "change the contacts",
                "crm.objects.companies.read": "see the companies",
                "crm.objects.companies.write": "change the companies",
                "crm.objects.deals.read": "see the deals",
                "crm.objects.deals.write": "change the deals",
                "crm.objects.owners.read": "see who owns what",
                "crm.lists.read": "see the lists",
                "tickets": "see and change the tickets",
                "content": "see and change the website's pages",
                "sales-email-read": "read the mail with contacts",
            }
        ),
        domains=("hubapi.com", "hubspot.com"),
    )


def _notion(_provider: Provider) -> Entry:
    at = "https://api.notion.com/v1/oauth"
    return Entry(
        type="notion",
        authorize_url=f"{at}/authorize",
        token_url=f"{at}/token",
        revocation=Revocation(f"{at}/revoke", body="json", ends="access"),
        scoped=False,  # the user picks the pages
        parameters=MappingProxyType({"owner": "user"}),
        pkce=False,
        client_auth="basic",
        plain_basic=True,
        body="json",
        headers=MappingProxyType({"Notion-Version": "2022-06-28"}),
        reads=answers.notion,
        whose=Whose("answer", "workspace_id owner.user.id|bot_id", "owner.user.person.email|workspace_name"),
        renewal=Renewal(rotates=True, dies="Notion ends grants when the user removes the connection."),
        domains=("notion.com",),
    )


def _salesforce(provider: Provider) -> Entry:
    server = f"https://{provider.domain or 'login.salesforce.com'}"
    at = f"{server}/services/oauth2"
    return Entry(
        type="salesforce",
        issuer=server,
        authorize_url=f"{at}/authorize",
        token_url=f"{at}/token",
        revocation=Revocation(f"{at}/revoke", proof="none"),
        always=frozenset({"refresh_token"}),
        hint="login_hint",
        reads=answers.sentences,
        whose=Whose("answer", "id", "instance_url"),
        renewal=Renewal(
            idle=30 * _DAY,
            dies="Salesforce ends grants as the connected app's refresh token policy says, often after 30 days "
            "without use, and the oldest beyond five of one user and app.",
        ),
        names=MappingProxyType({"offline_access": "refresh_token"}),
        scopes=plain(
            {
                "api": "read and change what you can in Salesforce",
                "chatter_api": "read and write in Chatter as you",
                "id": "see who you are in Salesforce",
                "web": "use Salesforce in a browser as you",
                "wave_api": "read and change your analytics",
                "full": "do in Salesforce whatever you can",
            }
        ),
        implies=MappingProxyType({"full": frozenset({"api", "chatter_api", "id", "web", "wave_api"})}),
        domains=("salesforce.com", "force.com", *filter(None, [provider.domain])),
    )


MAKERS: Mapping[str, Maker] = {
    "atlassian": _atlassian,
    "hubspot": _hubspot,
    "notion": _notion,
    "salesforce": _salesforce,
}
