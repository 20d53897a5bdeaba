"""One call, or several, by one of the clients in this folder: an agent's code, in a process of its own.

``python -m tests.clients.call CLIENT URL KEY...`` in the clients' environment, without anything of the sidecar's: a
call with each KEY as the credential that the client is given, at the API at URL. Prints what each call came back with,
a line each. ``--without MODULE`` goes first: the module can't be imported, as where nobody installed it.
"""

import importlib
import sys


def main(words: list[str]) -> None:
    while words[0] == "--without":
        sys.modules[words[1]] = None  # type: ignore[assignment]  # what makes an import fail
        words = words[2:]
    client, url, *keys = words
    module = importlib.import_module(f"tests.clients.{client}")
    for key in keys:
        sys.stdout.write(f"{module.call(url, key)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
