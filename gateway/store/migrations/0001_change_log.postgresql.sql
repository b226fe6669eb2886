-- The log of signed batches. A row of `lists` tells how far its list goes; batches at or below its `base` are no longer
-- read, and are swept away in small steps.

CREATE TABLE lists (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  issuer text COLLATE "C" NOT NULL,
  uri text COLLATE "C" NOT NULL,
  capacity bigint NOT NULL,
  opened double precision NOT NULL,
  base bigint NOT NULL,
  base_digest bytea,
  base_issued double precision,
  last bigint NOT NULL,
  digest bytea NOT NULL,
  issued double precision NOT NULL,
  closed boolean NOT NULL DEFAULT false,
  UNIQUE (issuer, uri),
  CHECK (0 <= base AND base <= last)
);

CREATE TABLE batches (
  list bigint NOT NULL REFERENCES lists,
  number bigint NOT NULL,
  digest bytea NOT NULL,
  issued double precision NOT NULL,
  received double precision NOT NULL,
  capacity bigint,
  closing boolean NOT NULL,
  signed bytea NOT NULL,
  PRIMARY KEY (list, number)
);

-- What is signed does not shrink: compressing it is time lost.
ALTER TABLE batches ALTER COLUMN signed SET STORAGE EXTERNAL;

-- Written to find out whether the store can be written.
CREATE TABLE pulse (
  one integer PRIMARY KEY CHECK (one = 1),
  beats bigint NOT NULL
);

INSERT INTO pulse VALUES (1, 0);
