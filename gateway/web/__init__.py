"""The HTTP edges: pages for operators, for verifiers of receipts and audit logs, and status lists for the enrolled.

- `pages.py`         what is answered: /metrics, /livez, /readyz, /.well-known/jwks.json
- `status_lists.py`  what is answered to enrolled clients: the lists that are held, from `token_files.py`
- `server.py`        how: the listening socket, its caps, the headers of every answer
- `peers.py`         who asks, and the TLS that makes it known
"""
