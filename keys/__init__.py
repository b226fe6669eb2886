"""All handling of key material, in one package that can be audited by itself. It imports nothing of the gateway.

From a list to an answer:

- `values.py`          the words: issuer, key id, algorithm, use, a key that is trusted, why one is refused
- `strict.py`          base64url and JSON, in one spelling each
- `trust_document.py`  a trust list as it is written; `trust_reader.py` reads its structure
- `trust_list.py`      the same with its keys made, and those that are refused
- `jwk.py`, `x509.py`  a key from a JWK or a certificate (`der.py` walks it)
- `algorithms.py`      one key, one algorithm: ECDSA there, the others in `ed25519.py`, `rsa.py`, `sm2.py`
                         (`sm2_libcrypto.py` calls the system's, `sm2_curve.py` and `sm2_der.py` check what goes in,
                         `sm2_settings.py` how it is signed)
- `ring.py`            the keys, found in one look
- `notes.py`           signed notes, and the keys that sign and check them
- `revocation.py`      lists of revoked ids, carried, not judged

Beside them: `epoch_keys.py` (keys that live for an epoch, for `hmac_sha256.py`), `signer.py` (the gateway's own keys),
`published.py` (those that it publishes beside them), `rsa_files.py` (those that old systems want), `own_files.py`
(which files may hold them), `tls_pair.py` (a server's certificate and key), `dev_certificates.py` (throw-away ones),
`permutation.py` (how an issuer gives out the indices of a list), `importing.py` and `vci.py` (building trust lists),
`anchors/` (public anchors with their provenance).
Never a private key in a file here.
"""
