"""Where what stands in the memory of showings.

    page 0       what never changes (`HEAD`), the records of both slabs, two copies of the horizon
    slab 0, 1    one generation each: stripes, each a head and buckets of `BUCKET_SLOTS` slots

- A stripe is what one lock covers. A code has the same stripe in both slabs, by a key that lives as long as the memory.
- A bucket holds its tags side by side, so that one search finds one, then the rest of each slot.
- Whatever could be cut off while it is written ends in a check word: the CRC-32 of what stands before it, beginning at
  the generation's number (of the horizon at 0), so that nothing of an older generation is taken for whole.
"""

from __future__ import annotations

import mmap
from math import ceil
from struct import Struct
from typing import Final

MAGIC: Final = b"hcgwrpl1"

HEAD: Final = Struct("<8sIId32s")
"""Magic, stripes, buckets of a stripe, seconds of a generation, the key of the stripes."""
HEAD_AT: Final = 0

RECORD: Final = Struct("<Qdd32sI")
"""Of a slab: generation number, when it began (monotonic, and unix seconds), its key; check word."""
RECORD_BYTES: Final = RECORD.size
RECORD_AT: Final = (64, 128)

HORIZON: Final = Struct("<II")
"""Unix seconds up to which codes may have been forgotten; check word. The greater one that is whole counts."""
HORIZON_AT: Final = (192, 208)

STRIPE: Final = Struct("<IIII")
"""Of a stripe: slots taken; unix seconds, rounded up, until which the latest code in it is valid, and the latest one
whose slot was given to another; check word."""
STRIPE_HEAD_BYTES: Final = 64

TAG_BYTES: Final = 16
NO_TAG: Final = bytes(TAG_BYTES)
REST: Final = Struct("<16sdddII")
"""Of a slot, beside its tag: scope; when it was first shown (unix), last shown (monotonic), and until when it is valid
(unix); the number of the verdict; check word."""
REST_BYTES: Final = REST.size
BUCKET_SLOTS: Final = 32
TAGS_BYTES: Final = TAG_BYTES * BUCKET_SLOTS
BUCKET_BYTES: Final = TAGS_BYTES + REST_BYTES * BUCKET_SLOTS

MOST_STRIPES: Final = 256
LOAD: Final = 0.5
"""Of the slots, as many are taken at capacity: then one bucket in ten thousand is full."""


class Geometry:
    """How large the parts are, and where they begin."""

    __slots__ = ("buckets", "slab_bytes", "slabs", "stripe_bytes", "stripes", "total_bytes")

    def __init__(self, stripes: int, buckets: int) -> None:
        """Take the stripes of a slab, and the buckets of a stripe."""
        page = mmap.PAGESIZE
        self.stripes = stripes
        self.buckets = buckets
        self.stripe_bytes = STRIPE_HEAD_BYTES + buckets * BUCKET_BYTES
        self.slab_bytes = ceil(stripes * self.stripe_bytes / page) * page
        """Whole pages, so that they can be given back."""
        self.slabs = (page, page + self.slab_bytes)
        """Where each slab begins."""
        self.total_bytes = page + 2 * self.slab_bytes

    @classmethod
    def of(cls, capacity: int) -> Geometry:
        """Return what holds `capacity` showings of a generation, or a few more."""
        wanted = max(1, ceil(capacity / LOAD / BUCKET_SLOTS))
        stripes = min(MOST_STRIPES, wanted)
        return cls(stripes, ceil(wanted / stripes))

    @property
    def capacity(self) -> int:
        """Showings that a generation has room for, with hardly a full bucket."""
        return int(self.stripes * self.buckets * BUCKET_SLOTS * LOAD)

    def stripe_at(self, slab: int, stripe: int) -> int:
        """Return where a stripe of a slab begins."""
        return self.slabs[slab] + stripe * self.stripe_bytes
