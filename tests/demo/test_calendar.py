"""The demo's calendar: it answers who shows its key."""

import aiohttp

from sidecar.demo.calendar import EVENTS, KEY_HEADER, Calendar
from sidecar.demo.server import serving


async def test_it_answers_who_shows_its_key_and_nobody_else() -> None:
    calendar = Calendar()
    async with serving(calendar.application()) as url, aiohttp.ClientSession(url) as client:
        async with client.get("/events", headers={KEY_HEADER: calendar.key}) as answer:
            assert await answer.json() == {"events": list(EVENTS)}
        for headers in ({}, {KEY_HEADER: "guessed"}, {"Authorization": f"Bearer {calendar.key}"}):
            async with client.get("/events", headers=headers) as answer:
                assert answer.status == 401
    assert len(calendar.asked) == 4
    assert calendar.asked[0][KEY_HEADER.lower()] == calendar.key


def test_its_key_is_new_each_time_and_is_not_shown() -> None:
    one, other = Calendar(), Calendar()
    assert one.key != other.key
    assert one.key not in repr(one)
