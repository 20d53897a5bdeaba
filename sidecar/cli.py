"""The command ``sidecar``: reads its arguments, hands on, prints what comes back.

Each command imports what it needs when it is called: none waits for what another needs.
Exit codes: 0 well, 1 failed, 2 wrong usage or a configuration with problems, 130 interrupted.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sidecar import __version__

if TYPE_CHECKING:
    from sidecar.assembly.judge import Said
    from sidecar.settings import Problem, Settings
    from sidecar.wire.endpoint import Endpoint

CONFIG = Path("config/sidecar.yaml")
FAILED, PROBLEMS, INTERRUPTED = 1, 2, 130
_BOLD, _DIM = "1", "2"
_PROGRESS_SECONDS = 0.5

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    chosen = _chosen(arguments)
    gc.disable()  # nothing that is imported goes again; who stays turns it on once that is done
    from sidecar.settings import Problems  # not before --version and --help have been answered

    command: Command = chosen.command
    try:
        code = command(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read us has gone (`sidecar schema | head`); what is still in the buffer must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Problems as problems:
        _show(problems.problems, sys.stderr)
        return PROBLEMS
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        gc.enable()
    return code


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Grants are named before and behind options: of several, argparse takes only those that stand together."""
    top = parser()
    chosen, more = top.parse_known_args(arguments)
    if more and ("grant" not in chosen or any(one.startswith("-") for one in more)):
        top.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        chosen.grant += more
    return chosen


def parser() -> argparse.ArgumentParser:
    """Every command and option there is; docs/reference/commands.md is checked against it."""
    top = argparse.ArgumentParser(
        prog="sidecar", description="The identity layer beside an AI agent: who asked, and what may they do."
    )
    top.add_argument("--version", action="version", version=f"sidecar {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Command, says: str, *, config: bool = True, json: bool = False
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
        one.set_defaults(command=command)
        if config:
            one.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"default: {CONFIG}")
        if json:
            one.add_argument("--json", action="store_true", help="print JSON")
        return one

    add("serve", _serve, "run the sidecar until it is told to stop")
    run = add("run", _run, "run the sidecar, and the agent as its child with every variable that it needs")
    run.add_argument("--user", metavar="USER", help="as whom the agent runs: a name or number, or USER:GROUP")
    run.add_argument("agent", nargs="+", metavar="COMMAND", help="the agent, behind --")
    check = add("check", _check, "show every problem of the configuration, or that there is none", json=True)
    check.add_argument("--strict", action="store_true", help="what this machine lacks of it is a problem, not a note")
    env = add("env", _env, "print the variables by which the agent finds the sidecar and trusts it")
    env.add_argument("--format", choices=("shell", "dotenv", "json", "kubernetes"), default="shell", help="for whom")
    add("schema", _schema, "print the configuration's JSON Schema, for editors", config=False)
    demo = add("demo", _demo, "show it working: an issuer, an agent and the sidecar, all on this machine", config=False)
    demo.add_argument("--once", action="store_true", help="exit when the story is told: 0 only if every step held")
    for name, command, says in (
        ("status", _status, "how the running sidecar is, and why it isn't ready"),
        ("reload", _reload, "let the running sidecar read its configuration again"),
    ):
        running = add(name, command, says, json=True)
        _reached(running)
    policy = add(
        "policy", _policy, "print the Cedar policies that capabilities compile to; or test, or propose", json=True
    )
    _policies(policy)
    _explained(add("explain", _explain, "why somebody may do something or not; or everything that they may", json=True))
    grants = _reached(add("grants", _grants, "list what users granted, or revoke some of it", json=True))
    grants.add_argument("what", choices=("list", "revoke"))
    grants.add_argument("grant", nargs="*", metavar="GRANT", help="the ids of those meant, as listed")
    grants.add_argument("--principal", metavar="ID", help="everything of that principal (p_…)")
    revoke = _reached(add("revoke", _revoke, "end everything of one principal: tokens, handles, calls", json=True))
    revoke.add_argument("principal", type=_principal, metavar="PRINCIPAL", help="p_…, or h_… as the record has it")
    revoke.add_argument("--grants", action="store_true", help="revoke what they granted, too, at the providers")
    for_a_while = revoke.add_mutually_exclusive_group()
    for_a_while.add_argument("--block", type=_duration, metavar="TIME", help="keep them out for that long, e.g. 1h")
    for_a_while.add_argument("--unblock", action="store_true", help="let them in again, and end nothing")
    keys = _reached(add("keys", _keys, "give the vault a new data key, or let another state key open it", json=True))
    keys.add_argument("what", choices=("rotate",))
    keys.add_argument("--admit", type=Path, metavar="KEYFILE", help="let the state key in that file open it, too")
    return top


def _reached(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """*command* is answered by a running sidecar."""
    command.add_argument("--socket", type=Path, metavar="PATH", help="default: control.sock in state.dir")
    return command


def _policies(policy: argparse.ArgumentParser) -> None:
    """What ``sidecar policy`` does besides."""
    policy.set_defaults(what=None)
    kinds = policy.add_subparsers(title="besides", metavar="test|propose", dest="what")
    test = kinds.add_parser("test", help="hold a team's expectations against the configuration")
    test.add_argument("file", type=Path, metavar="FILE", help="the expectations, YAML")
    propose = kinds.add_parser("propose", help="print the fewest capabilities for what the audit log shows")
    propose.add_argument("--from", dest="log", type=Path, metavar="LOG", help="another log than that in state.dir")
    for one in (test, propose):  # where they aren't given here, they may have been before
        one.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=f"default: {CONFIG}")
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


def _explained(command: argparse.ArgumentParser) -> None:
    who = command.add_mutually_exclusive_group()
    who.add_argument("--claims", metavar="FILE", help="who: a token's claims as JSON; - reads standard input")
    who.add_argument("--token", metavar="FILE", help="who: a token, whose signature isn't looked at; - likewise")
    who.add_argument("--agent", action="store_true", help="who: the agent, for itself")
    who.add_argument("--table", action="store_true", help="nobody: who can do what")
    command.add_argument("--issuer", metavar="NAME", help="whose claims they are, where iss doesn't say")
    what = command.add_mutually_exclusive_group()
    what.add_argument("--route", metavar="NAME", help="what: a call on that route")
    what.add_argument("--provider", metavar="NAME", help="what: that provider's token or key")
    what.add_argument("--tool", metavar="ROUTE/TOOL", help="what: that tool")
    command.add_argument("--method", metavar="M", help="of the call; default: GET")
    command.add_argument("--path", metavar="P", help="of the call, below the route's url; default: /")
    command.add_argument("--scope", action="append", metavar="S", help="of the token; several are given one by one")
    command.add_argument("--arguments", metavar="JSON", help="of the tool; without them: whether it may be seen")
    command.add_argument("--at", metavar="TIME", help="when, as in 2026-11-24T22:00:00+01:00; default: now")


def _serve(chosen: argparse.Namespace) -> int:
    from sidecar import assembly

    return assembly.serve(chosen.config, os.environ)


def _run(chosen: argparse.Namespace) -> int:
    from sidecar.assembly.run import run

    return run(chosen.config, os.environ, chosen.agent, chosen.user)


def _check(chosen: argparse.Namespace) -> int:
    from sidecar import settings

    try:
        read = settings.load(chosen.config, os.environ, strict=chosen.strict)
    except settings.Problems as problems:
        if chosen.json:
            _print_json({"problems": [problem.as_json() for problem in problems.problems], "notes": problems.notes})
        else:
            _show(problems.problems, sys.stdout)
            _print_notes(problems.notes)
        return PROBLEMS
    if chosen.json:
        _print_json({"problems": [], "notes": read.notes, "digest": read.digest})
    else:
        print(f"{chosen.config}: nothing is wrong with it")
        _print_notes(read.notes)
    return 0


def _env(chosen: argparse.Namespace) -> int:
    from sidecar import settings
    from sidecar.agent import environment, files, formats, told
    from sidecar.ops import client

    read = settings.load(chosen.config, os.environ, strict=False)
    token = read.agent.token
    try:
        known = told.Known(
            listen=_egress(read),
            run=read.run.dir,
            token=token,
            shared=token not in (None, "off") or "agent.token" in read.lacking,
            aws=environment.hands_out_aws(read.providers.values()),
            signs=environment.signs_aws(read.providers.values()),
            one=read.agent.concurrency == "one",
            consent=read.consent.public_url,
            left=files.token(read.run.dir),
        )
        answer = told.told(known, chosen.format)
    except client.Unanswered as error:
        _say(f"egress.listen leaves the port open, which only the running sidecar knows: {error}")
        return FAILED
    except formats.Unwritable as error:
        _say(f"{error}: use another format, or a simpler run.dir")
        return FAILED
    for note in answer.notes:
        _say(note)
    print(answer.text, end="")
    return 0


def _egress(read: "Settings") -> "Endpoint":
    """Where egress listens: as configured, or as the running sidecar says. Raise ``ops.client.Unanswered``."""
    from sidecar.wire.endpoint import Tcp

    listen = read.egress.listen
    if not isinstance(listen, Tcp) or listen.port:
        return listen
    from urllib.parse import urlsplit

    from sidecar.ops import client

    where = urlsplit(client.ask(read.state.dir / client.NAME, "GET", "/status")["listeners"]["egress"])
    return Tcp(str(where.hostname), where.port or 0)


def _schema(_chosen: argparse.Namespace) -> int:
    from sidecar import settings

    _print_json(settings.schema())
    return 0


def _demo(chosen: argparse.Namespace) -> int:
    from sidecar import demo

    gc.enable()
    return demo.run(once=chosen.once)


def _status(chosen: argparse.Namespace) -> int:
    from sidecar.ops import report

    answer = _asked(chosen, "GET", "/status")
    if answer is None:
        return FAILED
    if chosen.json:
        _print_json(answer)
    else:
        _print_lines(report.status(answer))
    return 0 if answer["ready"] else FAILED


def _reload(chosen: argparse.Namespace) -> int:
    from sidecar.ops import report

    answer = _asked(chosen, "POST", "/reload")
    if answer is None:
        return FAILED
    if chosen.json:
        _print_json(answer)
    elif answer["taken"]:
        _print_lines(report.reloaded(answer))
    else:
        _print_problems(answer["problems"], sys.stderr)
        print("The configuration that was in force stays in force.", file=sys.stderr)
    return 0 if answer["taken"] else PROBLEMS


def _policy(chosen: argparse.Namespace) -> int:
    import time

    from sidecar import settings
    from sidecar.assembly import policing

    read = settings.load(chosen.config, os.environ, strict=False)
    if chosen.what != "propose" and _undecided(read):
        return PROBLEMS
    try:
        if chosen.what == "test":
            said = policing.tested(read, chosen.file, time.time())  # noqa: TID251 - a command's own clock
        else:
            said = policing.printed(read) if chosen.what is None else policing.proposed(read, chosen.log)
    except OSError as error:
        _say(f"{error.filename} can't be read: {error.strerror}")
        return FAILED
    return _told(chosen, said)


def _undecided(read: "Settings") -> bool:
    """Whether policies are lacking, which might forbid what the others allow; say which."""
    if not any(path.startswith("policy.files[") for path in read.lacking):
        return False
    for note in read.notes:
        if note.startswith("policy.files["):
            _say(f"{note}: without it nobody knows what is decided")
    return True


def _told(chosen: argparse.Namespace, said: "Said") -> int:
    if chosen.json:
        _print_json(said.json)
    else:
        _print_lines(said.lines)
    return 0 if said.well else FAILED


def _explain(chosen: argparse.Namespace) -> int:
    import time

    from sidecar import settings
    from sidecar.assembly import questions

    read = settings.load(chosen.config, os.environ, strict=False)
    if _undecided(read):
        return PROBLEMS
    try:
        said = questions.answer(read, vars(chosen), sys.stdin.buffer, time.time())  # noqa: TID251 - a command's own clock
    except questions.Unusable as error:
        _say(str(error))
        return PROBLEMS
    return _told(chosen, said)


def _grants(chosen: argparse.Namespace) -> int:
    import time

    from sidecar.ops import report

    if chosen.what == "list":
        answer = _listed(chosen)
        if answer is not None and not chosen.json:
            _print_lines(report.grants(answer, time.time()))  # noqa: TID251 - a command's own clock
    else:
        answer = _revoked(chosen)
        if answer is not None and not chosen.json:
            _print_lines(report.revoked(answer))
    if answer is not None and chosen.json:
        _print_json(answer)
    return FAILED if answer is None else 0


def _listed(chosen: argparse.Namespace) -> dict[str, Any] | None:
    """All, or those that are named by their id or their principal."""
    answer = _well(_asked(chosen, "GET", "/grants"))
    named = {*chosen.grant, *([chosen.principal] if chosen.principal else ())}
    if answer is None or not named:
        return answer
    return {"grants": [one for one in answer["grants"] if one["id"] in named or one["principal"] in named]}


def _revoked(chosen: argparse.Namespace) -> dict[str, Any] | None:
    from urllib.parse import urlencode

    wanted = [("grant", one) for one in chosen.grant] + ([("principal", chosen.principal)] if chosen.principal else [])
    if not wanted:
        _say("name the grants to revoke, as  sidecar grants list  shows them, or  --principal ID")
        return None
    revoked: list[Any] = []
    for one in wanted:
        answer = _well(_asked(chosen, "DELETE", "/grants?" + urlencode([one])))
        if answer is None:
            return None
        if not answer["revoked"]:
            _say(f"there is no grant {'of ' if one[0] == 'principal' else ''}{one[1]}")
        revoked += answer["revoked"]
    return {"revoked": revoked}


def _revoke(chosen: argparse.Namespace) -> int:
    from urllib.parse import urlencode

    from sidecar.ops import report

    wanted = {"principal": chosen.principal}
    if chosen.block is not None:
        wanted["block"] = chosen.block
    if chosen.grants:
        wanted["grants"] = "yes"
    answer = _asked(chosen, "DELETE" if chosen.unblock else "POST", f"/revocation?{urlencode(wanted)}")
    if answer is None:
        return FAILED
    if chosen.json:
        _print_json(answer)
    elif chosen.unblock:
        print(f"{chosen.principal} may come in again")
    else:
        _print_lines(report.ended(answer))
    return 0 if _well(answer) is not None else FAILED


def _principal(text: str) -> str:
    import re

    if not re.fullmatch("[ph]_[a-z2-7]{32}", text):
        raise argparse.ArgumentTypeError(
            f"{text} is no principal's id: that begins with p_ (X-Identity-Principal, `sidecar grants list`),"
            " or with h_ in the record"
        )
    return text


def _duration(text: str) -> float:
    """Seconds."""
    from sidecar.settings import measures
    from sidecar.settings.problem import Misfit

    try:
        return measures.positive(text)
    except Misfit as misfit:
        raise argparse.ArgumentTypeError(f"{text} {misfit.what}: {misfit.mend}") from None


def _keys(chosen: argparse.Namespace) -> int:
    from urllib.parse import urlencode

    if chosen.admit is not None:
        answer = _well(_asked(chosen, "POST", "/keys/admission?" + urlencode({"file": chosen.admit.absolute()})))
        if answer is None:
            return FAILED
        if chosen.json:
            _print_json(answer)
        else:
            print(f"the state key {answer['admitted']} opens the vault, too: set it, restart, then rotate")
        return 0
    return _rotated(chosen)


def _rotated(chosen: argparse.Namespace) -> int:
    """Begin, and tell how far it is until it ends; it goes on when this is interrupted."""
    import time

    from sidecar.ops import report

    answer, said = _well(_asked(chosen, "POST", "/keys/rotation")), ""
    while answer is not None and not (answer["finished"] or answer["failure"]):
        if not chosen.json and (line := report.rotation(answer)) != said:
            print(line, flush=True)
            said = line
        time.sleep(_PROGRESS_SECONDS)
        answer = _asked(chosen, "GET", "/keys/rotation")
    if answer is None:
        return FAILED
    if chosen.json:
        _print_json(answer)
    else:
        print(report.rotation(answer))
    return 0 if answer["finished"] else FAILED


def _well(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    """*answer*, unless it says a failure, which is printed."""
    if answer is not None and answer.get("failure"):
        _say(answer["failure"])
        return None
    return answer


def _asked(chosen: argparse.Namespace, method: str, target: str) -> dict[str, Any] | None:
    """What the running sidecar answers; ``None``, and why is printed, when none does."""
    from sidecar import settings
    from sidecar.ops import client

    problems: settings.Problems | None = None
    path = chosen.socket
    if path is None:
        state, problems = settings.state_dir(chosen.config, os.environ)
        path = state / client.NAME
    try:
        return client.ask(path, method, target)
    except client.Unanswered as error:
        if problems is not None:  # of which one may be why it isn't found
            raise problems from None
        _say(str(error))
        return None


def _say(text: str) -> None:
    print(f"sidecar: {text}", file=sys.stderr)


def _show(problems: "Sequence[Problem]", to: TextIO) -> None:
    _print_problems([str(problem) for problem in problems], to)


def _print_problems(problems: Sequence[str], to: TextIO) -> None:
    for problem in problems:
        first, _, rest = problem.partition("\n")
        print(_styled(first, _BOLD, to) + ("\n" + rest if rest else ""), file=to)
    print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}", file=to)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_notes(notes: Iterable[str]) -> None:
    _print_lines(_styled(f"note: {note}", _DIM, sys.stdout) for note in notes)


def _print_json(document: object) -> None:
    import json

    print(json.dumps(document, indent=2, ensure_ascii=False))


def _styled(text: str, style: str, to: TextIO) -> str:
    """*text* in bold or dim on a terminal; as it is elsewhere and where NO_COLOR is set (https://no-color.org)."""
    return f"\033[{style}m{text}\033[0m" if to.isatty() and not os.environ.get("NO_COLOR") else text


if __name__ == "__main__":
    sys.exit(main())
