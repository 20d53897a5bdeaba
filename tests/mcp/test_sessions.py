from sidecar.mcp.sessions import Sessions


def test_a_session_is_whoever_it_was_given_to() -> None:
    sessions = Sessions()
    assert sessions.owner("travel", b"s") is None
    assert sessions.bind("travel", b"s", "alice")
    assert sessions.bind("travel", b"s", "alice")
    assert sessions.owner("travel", b"s") == "alice"


def test_nobody_takes_anothers() -> None:
    sessions = Sessions()
    sessions.bind("travel", b"s", "alice")
    assert not sessions.bind("travel", b"s", "bob")
    assert sessions.owner("travel", b"s") == "alice"


def test_another_servers_session_of_the_same_id_is_another() -> None:
    sessions = Sessions()
    sessions.bind("travel", b"s", "alice")
    assert sessions.owner("desk", b"s") is None
    assert sessions.bind("desk", b"s", "bob")


def test_one_that_has_ended_is_forgotten() -> None:
    sessions = Sessions()
    sessions.bind("travel", b"s", "alice")
    sessions.forget("travel", b"s")
    sessions.forget("travel", b"never")
    assert sessions.owner("travel", b"s") is None


def test_what_is_remembered_is_bounded_and_the_least_used_goes_first() -> None:
    sessions = Sessions(most=2)
    sessions.bind("travel", b"1", "alice")
    sessions.bind("travel", b"2", "bob")
    sessions.owner("travel", b"1")
    sessions.bind("travel", b"3", "carol")
    assert [sessions.owner("travel", each) for each in (b"1", b"2", b"3")] == ["alice", None, "carol"]


def test_no_id_is_kept() -> None:
    sessions = Sessions()
    sessions.bind("travel", b"very-secret", "alice")
    assert b"very-secret" not in repr(vars(sessions)).encode()
