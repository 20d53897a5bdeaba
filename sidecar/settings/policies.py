"""A team's own policies, as ``policy.files`` names them: whether Cedar can read them, and whether they make sense."""

from collections.abc import Iterator

from sidecar.settings.finding import Finding
from sidecar.settings.settings import Settings

_MEND = "Correct the file; docs/reference/cedar.md has the schema of what policies may speak of."


def files(settings: Settings) -> Iterator[Finding]:
    if not settings.policy.files:
        return
    from sidecar.policy.own import Unreadable, read

    for index, file in enumerate(settings.policy.files):
        try:
            read(str(file.path), file.text)
        except Unreadable as unreadable:
            what = "; ".join(f"line {fault.line}: {fault.what}" for fault in unreadable.faults)
            yield Finding(f"policy.files[{index}]", f"is {file.path}, which cannot be taken: {what}", _MEND)


CHECKS = (files,)
