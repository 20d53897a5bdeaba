"""GitHub, GitLab, Linear, Figma: where things are made."""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.oauth.catalog import answers
from sidecar.oauth.catalog.entry import Entry, Maker, Renewal, Revocation, Whose, plain
from sidecar.oauth.provider import Provider


def _includes(**wider: str) -> Mapping[str, frozenset[str]]:
    return MappingProxyType({name.replace("__", ":"): frozenset(each.split()) for name, each in wider.items()})


_GITHUB = plain(
    {
        "repo": "read and change your repositories, the private ones included",
        "public_repo": "read and change your public repositories",
        "repo:status": "see and set the status of commits",
        "security_events": "see and change security alerts",
        "read:user": "see your profile",
        "user:email": "see your email addresses",
        "user": "see and change your profile",
        "read:org": "see the organisations and teams you are in",
        "write:org": "see and change membership of your organisations",
        "gist": "write gists as you",
        "notifications": "see and change your notifications",
        "workflow": "change the workflows of your repositories",
        "read:packages": "download your packages",
        "write:packages": "publish packages as you",
        "read:project": "see your projects",
        "project": "see and change your projects",
        "read:discussion": "read your teams' discussions",
        "write:discussion": "read and write in your teams' discussions",
        "read:repo_hook": "see the webhooks of your repositories",
        "delete_repo": "delete your repositories",
    }
)
_GITHUB_IMPLIES = _includes(
    repo="public_repo repo:status repo_deployment repo:invite security_events",
    user="read:user user:email user:follow",
    admin__org="write:org",
    write__org="read:org",
    admin__repo_hook="write:repo_hook",
    write__repo_hook="read:repo_hook",
    admin__public_key="write:public_key",
    write__public_key="read:public_key",
    admin__gpg_key="write:gpg_key",
    write__gpg_key="read:gpg_key",
    write__packages="read:packages",
    project="read:project",
    write__discussion="read:discussion",
)


def _github(provider: Provider) -> Entry:
    server = f"https://{provider.domain or 'github.com'}"
    api = "https://api.github.com" if provider.domain is None else f"{server}/api/v3"
    # The ids of GitHub Apps begin so, those of OAuth apps don't. What a GitHub App may is its own, and no scopes'.
    app = (provider.client_id or "").startswith("Iv")
    return Entry(
        type="github",
        authorize_url=f"{server}/login/oauth/authorize",
        token_url=f"{server}/login/oauth/access_token",
        revocation=Revocation(
            f"{api}/applications/{{client_id}}/grant",
            method="DELETE",
            proof="basic",
            parameter="access_token",
            body="json",
            ends="access",
            gone=frozenset({404, 422}),
        ),
        scoped=not app,
        hint="login",
        reads=answers.github,
        whose=Whose("call", "id", "login", f"{api}/user"),
        renewal=Renewal(
            rotates=app,
            idle=15_897_600.0 if app else None,
            dies="GitHub ends grants when the user revokes the app, after a year without use, 6 months after the last "
            "renewal, and the oldest beyond ten of one user, app and scopes.",
        ),
        scopes=_GITHUB,
        implies=_GITHUB_IMPLIES,
        domains=("github.com", "githubusercontent.com", "githubcopilot.com")
        if provider.domain is None
        else (provider.domain,),
    )


def _gitlab(provider: Provider) -> Entry:
    server = f"https://{provider.domain or 'gitlab.com'}"
    at = f"{server}/oauth"
    return Entry(
        type="gitlab",
        issuer=server,
        authorize_url=f"{at}/authorize",
        token_url=f"{at}/token",
        revocation=Revocation(f"{at}/revoke"),
        # Any token may ask this; the user's own page takes a scope that the application may lack.
        whose=Whose("call", "resource_owner_id", "", f"{at}/token/info"),
        renewal=Renewal(rotates=True, dies="GitLab ends grants when a spent refresh token is used again."),
        scopes=plain(
            {
                "api": "read and change what you can in GitLab",
                "read_api": "read what you can in GitLab",
                "read_user": "see your profile",
                "read_repository": "read your repositories",
                "write_repository": "read and change your repositories",
                "read_registry": "download your container images",
                "write_registry": "publish container images as you",
                "openid": "know which GitLab account is yours",
                "profile": "see your name and picture",
                "email": "see your email address",
            }
        ),
        implies=_includes(
            api="read_api read_user read_repository write_repository read_registry write_registry",
            read_api="read_user",
            write_repository="read_repository",
            write_registry="read_registry",
        ),
        domains=(provider.domain or "gitlab.com",),
    )


def _linear(provider: Provider) -> Entry:
    return Entry(
        type="linear",
        authorize_url="https://linear.app/oauth/authorize",
        token_url="https://api.linear.app/oauth/token",
        revocation=Revocation("https://api.linear.app/oauth/revoke", gone=frozenset({400, 401})),
        separator=",",
        parameters=MappingProxyType({"actor": "app" if provider.as_app else "user", "prompt": "consent"}),
        always=frozenset({"read"}),
        reads=answers.commas,
        whose=Whose(
            "call",
            "data.viewer.organization.id data.viewer.id",
            "data.viewer.email|data.viewer.name",
            "https://api.linear.app/graphql",
            "POST",
            '{"query": "{ viewer { id email name organization { id } } }"}',
        ),
        renewal=Renewal(rotates=True, dies="Linear ends grants when the user or an administrator revokes the app."),
        scopes=plain(
            {
                "read": "read your issues, projects and teams in Linear",
                "write": "change your issues and projects in Linear",
                "issues:create": "make issues in Linear",
                "comments:create": "write comments in Linear",
                "timeSchedule:write": "change time schedules in Linear",
                "admin": "do in Linear whatever an administrator can",
            }
        ),
        implies=_includes(write="read issues:create comments:create", admin="write timeSchedule:write"),
        domains=("linear.app",),
    )


def _figma(_provider: Provider) -> Entry:
    return Entry(
        type="figma",
        authorize_url="https://www.figma.com/oauth",
        token_url="https://api.figma.com/v1/oauth/token",
        refresh_url="https://api.figma.com/v1/oauth/refresh",
        separator=",",
        always=frozenset({"current_user:read"}),
        client_auth="basic",
        reads=answers.commas,
        whose=Whose("call", "id", "email|handle", "https://api.figma.com/v1/me"),
        renewal=Renewal(dies="Figma ends grants when the user removes the app."),
        scopes=plain(
            {
                "current_user:read": "see your name and email address",
                "file_content:read": "read your files",
                "file_metadata:read": "see the names of your files",
                "file_comments:read": "read the comments in your files",
                "file_comments:write": "write comments in your files as you",
                "file_dev_resources:read": "see the links that developers put in your files",
                "file_dev_resources:write": "change the links that developers put in your files",
                "file_versions:read": "see the history of your files",
                "library_assets:read": "see the styles and components of your libraries",
                "projects:read": "see your projects",
                "webhooks:write": "be told when your files change",
            }
        ),
        domains=("figma.com",),
    )


MAKERS: Mapping[str, Maker] = {"github": _github, "gitlab": _gitlab, "linear": _linear, "figma": _figma}
