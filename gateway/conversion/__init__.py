"""Conversion: a native code of the receiving division, made from the code of another (docs/native-code.md, section 7).

- `settings.py`    how long, how many, under which name
- `converter.py`   from a decision to a converted code; marks it when anybody learns that its original got worse
- `register.py`    the gateway's own status list: a place for each converted code
- `bindings.py`    which original each place stands for, until the converted code ends
- `heard.py`       what a new look at an original says of the codes that were made from it
- `recheck.py`     the task that looks at the originals again
- `publishing.py`  shows the own list to others, as signed batches; `mirror.py`: how far they hold it
- `observer.py`    the seam through which gateway/watch counts

Never better: the state is the original's, and can only get worse. Never longer-lived: the end is the original's, or
sooner. Nothing is written down: a restart leaves every converted code MANUAL.
"""
