"""The settings' reference page, made of the table of keys.

``python -m sidecar.settings.reference > docs/reference/settings.md`` writes it.
"""

import sys
from collections.abc import Iterator, Mapping

from sidecar.settings import issuers, outward, providers
from sidecar.settings.issuers import COMMON
from sidecar.settings.sections import REQUIRED, Key, Section
from sidecar.settings.shapes import Either, Off, Shape, Word, written
from sidecar.settings.table import CONFIGURATION
from sidecar.settings.who import CONDITIONS, NESTED

_HEAD = """\
# Settings

One YAML file, `config/sidecar.yaml` unless `--config` names another. `sidecar check` reads it and says everything that
is wrong with it at once: the key, the line, what is wrong, how to mend it. `sidecar schema` prints its JSON Schema, for
editors.

## How values are written

| value | is |
|---|---|
| text | A string. YAML takes `no`, `on`, `12` and `1.5` for something else: text that looks like that goes in quotes. |
| `{env: NAME}` | For any text: the value of a variable of the environment. |
| `{file: PATH}` | For any text: what the file holds, without the line break at its end. |
| path | Of a file or a socket. If it isn't absolute, it begins at the configuration's own folder. |
| duration | A whole number and `ms`, `s`, `m`, `h` or `d`: `250ms`, `30s`, `1h`. |
| size | A whole number and `B`, `KiB`, `MiB` or `GiB`: `32KiB`. |
| address to listen on | `host:port`, `"[::1]:port"` (in quotes) or `unix:/path`. Port 0 is any that is free. |
| request path | Compared as it is sent, exactly, or as a prefix where it ends with `/`. |

Unknown keys are problems, as are keys that stand twice and keys without a value. The configuration and every file that
it names must not be writable for everybody. Anchors, aliases and `<<` may be used.

`sidecar serve` refuses a configuration that names a variable or a file which isn't there. `sidecar check` notes it,
since a configuration is often checked elsewhere than where it runs; with `--strict` it is a problem there, too. What
rests on an absent value isn't judged.

Keys marked ○ are read and checked, and have no effect yet.

The configuration is read again on SIGHUP, and on change with `reload: watch`, the files that it names included. A bad
one keeps the old one running, and says why. Listeners, `agent.token`, `agent.concurrency`, `state`, `run`, `audit`,
`telemetry`, `vault.url` and `reload` need a restart; `sidecar status` says which wait for one.

## The keys
"""
_COLUMNS = "\n| key | value | default | meaning |\n|---|---|---|---|\n"
_EVERYWHERE = {"type", *COMMON, *providers.PROVIDER_COMMON}
_WHO = """
## Who

`inbound.who`, `admin.who` and each capability's `who` are `any` (every valid principal), in capabilities also `agent`
(the agent itself, whoever it is working for), or a table of these conditions. All that are given must hold; of a list,
one member will do. An issuer may say that a user has groups without saying which (Entra does beyond 200): then `groups`
doesn't hold, and neither does its `not`.

| key | value | meaning |
|---|---|---|
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield from (_HEAD, _COLUMNS, *_rows("", CONFIGURATION.keys))
    yield "\n## Issuers\n\nEach has a name of your own, which conditions use and `X-Identity-Issuer` holds. All take:\n"
    yield from (_COLUMNS, *_rows("issuers.*.", {"type": Key(Word(*issuers.TYPES), REQUIRED, "Which it is."), **COMMON}))
    yield from _types("issuers.*.", issuers.TYPES)
    yield "\n## Providers\n\nEach has a name of your own, which routes and capabilities use. All take:\n"
    yield from (
        _COLUMNS,
        *_rows("providers.*.", {"type": Key(Word(*providers.PROVIDER_TYPES), REQUIRED, "Which it is.")}),
    )
    yield from _rows("providers.*.", providers.PROVIDER_COMMON)
    yield from _types("providers.*.", providers.PROVIDER_TYPES)
    yield "\n## Routes\n\nEach has a name of your own, under which the agent reaches it: `/to/<name>/…`.\n"
    yield from (_COLUMNS, *_rows("egress.routes.*.", outward.ROUTE_SECTION.keys))
    yield "\n## Capabilities\n\nEach has a name of your own. Nothing declared, nothing allowed outward.\n"
    yield from (_COLUMNS, *_rows("capabilities.*.", outward.CAPABILITY_SECTION.keys))
    yield from (_WHO, *_conditions())


def _rows(path: str, keys: Mapping[str, Key]) -> Iterator[str]:
    """A row for each key, and below each section its own keys."""
    for name, key in keys.items():
        later = "" if key.now else " ○"
        yield f"| `{path}{name}`{later} | {_words(key.shape)} | {_default(key)} | {key.says} |\n"
        for shape in key.shape.shapes if isinstance(key.shape, Either) else (key.shape,):
            if isinstance(shape, Section):
                yield from _rows(f"{path}{name}.", shape.keys)


def _types(path: str, types: Mapping[str, Section]) -> Iterator[str]:
    """A table for each type, or for all those that have the same keys."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, section in types.items():
        alike.setdefault(tuple(section.keys), []).append(name)
    for names in alike.values():
        section = types[names[0]]
        own = {name: key for name, key in section.keys.items() if name not in _EVERYWHERE}
        later = "" if section.keys["type"].now else " ○"
        yield f"\n### `{'`, `'.join(names)}`{later}\n{_COLUMNS}"
        yield from _rows(path, own)


def _conditions() -> Iterator[str]:
    for name, (shape, says) in CONDITIONS.items():
        yield f"| `{name}` | {_words(shape)} | {says} |\n"
    for name, (_, says) in NESTED.items():
        yield f"| `{name}` | {'conditions, or a list' if name == 'not' else 'a list of conditions'} | {says} |\n"


def _words(shape: Shape) -> str:
    """What a value is, for a cell of a table."""
    if isinstance(shape, Word):
        return ", ".join(f"`{choice}`" for choice in shape.choices)
    if isinstance(shape, Either):
        return ", or ".join(map(_words, shape.shapes))
    return "`off`" if isinstance(shape, Off) else "a table" if isinstance(shape, Section) else shape.words


def _default(key: Key) -> str:
    if key.shown is not None:
        return key.shown
    if key.default is REQUIRED:
        return "required"
    if isinstance(key.shape, Section) and key.default is not None:
        return "as below"
    return "none" if key.default is None else f"`{written(key.default)}`"


if __name__ == "__main__":
    sys.stdout.write(page())
