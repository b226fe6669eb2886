"""The gRPC edge: the only place that touches generated protobuf of ours.

A request's way in, one file per question:

- `server.py`        how is it served? options, TLS, health, reflection, drain (`settings.py`: what can be chosen)
- `methods.py`       which RPCs exist, and what each demands: no row, no call
- `interceptors.py`  what happens to every call? shield, observer, identity, grant, deadline, size: one visible
                     list (`step.py`: the form of each)
- `callers.py`       who asks? from the transport, never from the request (`admission.py`: who gets in, and with which
                     rights; `credentials.py`: the server's side of TLS)
- `servicer.py`      bytes <-> messages, one clock reading, awaiting: the only code that knows grpc.aio *and* handlers
- `validation.py`    is the request well-formed? the rules of the schema, and caps that must come before parsing
                     (`crowded.py`: counting fields before they are parsed)
- `verification.py`  the handlers: plain functions that know no transport (`disclosing.py`: what they tell, by profile)
- `showing.py`       a code is shown: the replay guard is told, and may make the decision stricter
- `conversion.py`    handler and servicer of ConversionService
- `published.py`     handlers and servicer of JourneyService and PlaceService
- `status_service.py`  servicer of StatusService: publishing, and handing lists on (`status_desk.py`: what it needs)
- `changes_sent.py`, `snapshots.py`  what a follower is sent: batches from her position on, or a list whole
- `watch_codes.py`   WatchCodes of StatusService: a caller's stream on her watch
- `desk.py`          what the handlers need
- `time_left.py`     how long may asking an issuer take? what the caller's deadline leaves
- `receipts_together.py`  one signature for the receipts of a batch, or of a stream's answers
- `audited.py`       the decisions of a call on their way into the audit log
- `look_ahead.py`    answers of a stream in order, where some must be waited for
- `convert.py`, `status_convert.py`  values <-> messages, the only mapping code: verdicts, and batches of live status
- `errors.py`, `status.py`  why the edge failed to answer, and the one table error -> google.rpc.Status
- `running.py`       which calls are running: so that a drain waits for all of them
- `observer.py`      the seam through which gateway/watch counts calls
- `client.py`, `status_client.py`  the other side, for the command line and the demo, and for publishing
- `publish_next.py`  publishing the next batch of a list that a gateway holds

Order of checks for a call (AIP-211): row, identity, grant and rate of the call, time, size, then purpose, division and
profile, rate of codes, then the rest of the request.
"""
