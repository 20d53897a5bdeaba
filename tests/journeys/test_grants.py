"""A user says yes once: the real sidecar before a certified server, which is the users' issuer and the provider."""

import asyncio
import json
from pathlib import Path

import jwt

from tests.journeys.granting import READ, stage
from tests.journeys.test_vault import command

BOOK = "travel.book"


async def test_a_user_says_yes_once_and_their_calls_go_out_in_their_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        alice, carol = await at.handle("alice"), await at.handle("carol")
        status, refused = await at.ask("GET", "/to/api/events", alice)
        assert (status, refused["code"]) == (403, "consent_required")
        assert refused["authorization_url"].startswith(f"{at.public_url}/connect/")
        session = refused["session"]
        assert await at.ask("GET", f"/v1/consents/{session}", alice) == (200, {"status": "pending"})
        assert await at.ask("GET", f"/v1/consents/{session}", carol) == (200, {"status": "expired"})

        await at.agree(refused["authorization_url"], "alice")
        assert await at.ask("GET", f"/v1/consents/{session}", alice) == (200, {"status": "granted"})
        for _ in range(2):
            assert (await at.ask("GET", "/to/api/events", alice))[0] == 200
        seen = {request.values("authorization")[0] for request in at.world.requests}
        (authorization,) = seen
        claims = jwt.decode(authorization.removeprefix("Bearer "), options={"verify_signature": False})
        assert (claims["sub"], claims["scope"], claims["client_id"]) == ("alice", READ, "calendar")
        status, token = await at.token(alice)
        assert (status, token["access_token"], token["scopes"]) == (200, authorization.removeprefix("Bearer "), [READ])

        status, refused = await at.token(carol)
        assert (status, refused["code"]) == (403, "consent_required")
        ((connection,),) = [(await at.ask("GET", "/v1/connections", alice))[1]["connections"]]
        assert (connection["provider"], connection["scopes"], connection["usable"]) == ("calendar", [READ], True)
        assert (await at.ask("GET", "/v1/connections", carol))[1] == {"connections": []}

        assert (await at.ask("DELETE", "/v1/connections/calendar", alice))[0] == 204
        assert (await at.token(alice))[1]["code"] == "consent_required"
        at.done.set()  # the agent has kept it to itself, and the users learn of it all the same
        await asyncio.gather(*at.calls)
        assert [link.partition(";")[2] for link in at.links] == [' rel="urn:identity-sidecar:consent"'] * len(at.links)
        assert {link[1:].partition("/connect/")[0] for link in at.links} == {at.public_url}
        assert len(set(at.links)) == 3  # alice's two sessions, and carol's
        names = ["identity.consent_requested", "identity.consent_granted", "identity.grant_revoked"]
        for name in names:
            event = await at.running.event(lambda event, name=name: event["name"] == name)  # type: ignore[misc]  # bound at once
            assert event["attributes"]["identity.principal.subject"] == "alice"
            assert "Bearer" not in str(event)


async def test_a_grant_outlives_the_sidecar_and_is_renewed(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        alice = await at.handle("alice")
        _, refused = await at.token(alice)
        await at.agree(refused["authorization_url"], "alice")
        first = (await at.token(alice))[1]["access_token"]
        wanted = {"provider": "calendar", "scopes": [READ], "force": True}
        status, forced = await at.ask("POST", "/v1/token", alice, json=wanted)
        assert status == 200
        assert forced["access_token"] != first
        assert (await at.token(alice))[1]["access_token"] == forced["access_token"]
        event = await at.running.event(lambda event: event["name"] == "identity.token_refreshed")
        assert event["attributes"]["identity.provider"] == "calendar"
        database = (at.running.state / "vault.db").read_bytes() if (at.running.state / "vault.db").exists() else b""
        for secret in (first, "alice", "calendar"):
            assert secret.encode() not in database

        code, out, _ = await command(at.running, "grants", "revoke", "--principal", at.id("alice"))
        assert (code, "its provider has revoked it" in out) == (0, True)
        assert (await at.token(alice))[1]["code"] == "consent_required"
        event = await at.running.event(lambda event: event["name"] == "identity.grant_revoked")
        assert event["attributes"]["identity.reason"] == "by the operator"


async def test_all_of_a_principal_is_revoked_and_their_grants_with_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        alice, carol = await at.handle("alice"), await at.handle("carol")
        for person, handle in (("alice", alice), ("carol", carol)):
            await at.agree((await at.token(handle))[1]["authorization_url"], person)
            assert (await at.token(handle))[0] == 200
        code, out, err = await command(at.running, "revoke", at.id("alice"), "--grants", "--json")
        assert code == 0, err
        done = json.loads(out)
        assert done["ended"] == {"tokens": 1, "invocations": 1, "calls": 1, "credentials": 1, "sign_ins": 1}
        assert [(one["subject"], one["scopes"], one["revoked"]) for one in done["revoked"]] == [("alice", [READ], True)]
        assert (await at.token(alice))[1]["code"] == "invocation_invalid"
        assert (await at.token(carol))[0] == 200
        again = await at.handle("alice")
        assert (await at.token(again))[1]["code"] == "consent_required"
        event = await at.running.event(lambda event: event["name"] == "identity.grant_revoked")
        said = event["attributes"]
        assert (said["identity.principal.id"], said["identity.provider"]) == (at.id("alice"), "calendar")
        assert (said["identity.reason"], said["identity.principal.issuer"]) == ("by the operator", "staff")
        assert said["identity.scopes"] == [READ]


async def test_what_nobody_has_decided_about_is_given_back_when_the_sidecar_stops(tmp_path: Path) -> None:
    both = {"who": "any", "provider": "calendar", "scopes": [READ, BOOK]}
    async with stage(tmp_path, world_revokes=True, capabilities={"both": both}) as at:
        alice = await at.handle("alice")
        await at.agree((await at.token(alice))[1]["authorization_url"], "alice")
        first = (await at.token(alice))[1]["access_token"]
        wanted = {"provider": "calendar", "scopes": [BOOK]}
        _, refused = await at.ask("POST", "/v1/token", alice, json=wanted)
        assert refused["code"] == "consent_required"
        await at.agree(refused["authorization_url"], "alice", there="carol")
        assert (await at.token(alice))[1]["access_token"] == first
        assert at.world.requests == []
        at.done.set()
        await asyncio.gather(*at.calls)
        await asyncio.to_thread(at.running.stop)
        (given_back,) = at.world.requests
        assert given_back.target == "/revoke"
        assert (b"token=" in given_back.body, first.encode() in given_back.body) == (True, False)
