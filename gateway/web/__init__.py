"""The HTTP edge for operators and verifiers of receipts: four pages, nothing else.

- `pages.py`    what is answered: /metrics, /livez, /readyz, /.well-known/jwks.json
- `server.py`   how: the listening socket, its caps, the headers of every answer
"""
