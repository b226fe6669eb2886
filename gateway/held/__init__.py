"""The lists that are held, as files: one writer, and readers in every worker process that only map them.

A file is a cache of the log (gateway/store), never the truth: it can be made anew from a snapshot and the batches after
it. What stands in it is read without a lock and without a copy.

- `layout.py`         a file to the byte: its header, its size, and which boot of which machine may believe it
- `writable_list.py`  one list, as its only writer sees it
- `write_out.py`      brings a file onto the disk in pieces
- `list_files.py`     the folder, as its only writer sees it: open, create, replace, drop
- `mapped_lists.py`   the folder, as every worker sees it: what stands at an index

Why a reader never reads a wrong green:

- Places that were never written hold 0xF, because a file gets its name only once it is filled with it. A file that was
  not yet fsynced when the power went is filled anew before anybody believes it.
- The writer stores the words first, then the number, then the time of the batch; a reader loads the time first, then
  the word. What it says is at least as new as the time that it names. Each of the three is one aligned load or store;
  no reader sees half of one.
- After a power cut the words on the disk may be older than the header. So what the header shows counts only in the
  boot, and for the very file, that it was written for; in any other the list reads as not held until its writer has
  replayed the log.
"""
