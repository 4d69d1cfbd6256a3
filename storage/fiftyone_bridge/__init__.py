"""The project as a FiftyOne dataset: rows to documents (push), edits back (pull), folders in and out.

SQLite is the truth. What FiftyOne's database holds is a copy that can be thrown away at any time, with one
exception that `pull` takes care of: edits that a person made there and that have not come back yet.
fiftyone is imported inside functions only: the import takes five seconds, and reads its settings at once.
"""
