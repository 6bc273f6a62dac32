"""Service accounts: a token for every request, and a credential key that signs user actions."""

import secrets

from devnet.dfns.keys import new_credential, new_id
from devnet.dfns.store import Document, Store

SCHEMES = {"ED25519": "EdDSA", "SECP256K1": "ECDSA"}


class ServiceAccounts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._tokens = self._stored_tokens()

    def get_or_create(self, name: str, *, origin: str, credential: str) -> Document:
        """The account of this name with its token and private key; made at the first call, then kept."""
        known = self._store.get("account", name)
        if known is not None:
            return known
        private, public = new_credential(credential)
        account = {
            "id": name,
            "token": secrets.token_urlsafe(40),
            "credentialId": new_id("cr"),
            "privateKey": private,
            "origin": origin,
        }
        self._store.put("credential", {"id": account["credentialId"], "publicKey": public, "origin": origin})
        self._store.put("account", account)
        self._tokens.add(account["token"])
        return account

    def knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        if scheme == "Bearer" and token not in self._tokens:  # another process may have made it meanwhile
            self._tokens = self._stored_tokens()
        return scheme == "Bearer" and token in self._tokens

    def _stored_tokens(self) -> set[str]:
        return {account["token"] for account in self._store.every("account")}
