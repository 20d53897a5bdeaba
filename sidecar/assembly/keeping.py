"""The vault, made when it is first needed, and what the commands ask of it."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.keyring.root import KeyUnusable, Root, given
from sidecar.oauth.provider import by_users
from sidecar.settings import Settings
from sidecar.settings.credentials import state_key
from sidecar.settings.problem import Misfit

if TYPE_CHECKING:
    from sidecar.ops.vault import Disconnect
    from sidecar.vault.rotation import Rotation
    from sidecar.vault.vault import Vault

FOLDER = "refreshes"
"""In ``state.dir``: refreshes that are under way."""


def needed(settings: Settings) -> bool:
    """Whether users grant anything here."""
    return any(by_users(provider) for provider in settings.providers.values())


class Keeping:
    def __init__(self, settings: Settings, root: Root, tasks: asyncio.TaskGroup) -> None:
        self._url, self._state, self._root, self._tasks = settings.vault.url, settings.state.dir, root, tasks
        self._vault: Vault | None = None
        self._rotation: Rotation | None = None

    def vault(self) -> "Vault":
        """Nothing is opened before it is used."""
        if self._vault is None:
            from sidecar.vault.keys import Wrapper
            from sidecar.vault.stores import store
            from sidecar.vault.vault import Vault

            self._vault = Vault(
                store(self._url, self._state),
                Wrapper(self._root.derive),
                self._state / FOLDER,
                clock=time.time,
                tasks=self._tasks,
            )
        return self._vault

    def rotation(self) -> "Rotation":
        if self._rotation is None:
            from sidecar.vault.rotation import Rotation

            self._rotation = Rotation(self.vault().rows, clock=time.time, tasks=self._tasks)
        return self._rotation

    def commands(self, disconnect: "Disconnect") -> Any:
        """Routes for the control socket."""
        from sidecar.ops.vault import Kept, routes

        return routes(Kept(self.vault(), self.rotation(), disconnect, self._admit))

    async def close(self) -> None:
        if self._rotation is not None:
            await self._rotation.close()
        if self._vault is not None:
            await self._vault.close()

    async def _admit(self, path: Path) -> str:
        from sidecar.vault.keys import Wrapper
        from sidecar.vault.rotation import wrap
        from sidecar.vault.store import Unusable

        try:
            root = given(state_key((await asyncio.to_thread(path.read_text)).strip()))
        except (OSError, ValueError, Misfit, KeyUnusable):  # whose texts may hold the key
            raise Unusable(
                f"{path} holds no state key that the sidecar can read\n"
                "    make one with  openssl rand -base64 32 , readable for the sidecar's user"
            ) from None
        wrapper = Wrapper(root.derive)
        await wrap(self.vault().rows, wrapper)
        return wrapper.id
