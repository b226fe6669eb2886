-- The log of signed batches. A row of `lists` tells how far its list goes; batches at or below its `base` are no longer
-- read, and are swept away in small steps. The content of a batch stands last, so that nothing else is read through it.

CREATE TABLE lists (
  id INTEGER PRIMARY KEY,
  issuer TEXT NOT NULL,
  uri TEXT NOT NULL,
  capacity INTEGER NOT NULL,
  opened REAL NOT NULL,
  base INTEGER NOT NULL,
  base_digest BLOB,
  base_issued REAL,
  last INTEGER NOT NULL,
  digest BLOB NOT NULL,
  issued REAL NOT NULL,
  closed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (issuer, uri),
  CHECK (0 <= base AND base <= last)
) STRICT;

CREATE TABLE batches (
  list INTEGER NOT NULL,
  number INTEGER NOT NULL,
  digest BLOB NOT NULL,
  issued REAL NOT NULL,
  received REAL NOT NULL,
  capacity INTEGER,
  closing INTEGER NOT NULL,
  signed BLOB NOT NULL,
  UNIQUE (list, number)
) STRICT;

-- Written to find out whether the store can be written.
CREATE TABLE pulse (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  beats INTEGER NOT NULL
) STRICT;

INSERT INTO pulse VALUES (1, 0);
