"""Everything that can go wrong in the storage, as one tree.

    StorageError
    ├── DatabaseOpenError          the file cannot be used; it was left as it is
    │   ├── NotADatabaseError      another kind of file, or another program's database
    │   ├── DatabaseDamagedError   half-written, truncated or corrupt
    │   ├── SchemaTooNewError      written by a newer version of this program
    │   └── DatabaseAccessError    permissions, a missing folder, a read-only or full disk
    ├── DatabaseBusyError          another process kept the write lock for too long
    ├── ProtectedError             a job reached for what only people may change
    ├── NotFoundError              no such row
    ├── InvalidValueError          a value that no row may hold
    │   └── InvalidBoxError        a box that is not a box of its image
    ├── ConflictError              the row changed meanwhile, or stands in the way
    ├── LeaseLostError             the job now belongs to another worker, or is over
    ├── ImportFileError            a COCO or YOLO data set that cannot be taken in
    └── ExportError                an export that cannot be written as asked

Messages say what was asked, what was found (quoted) and what to do.
"""


class StorageError(Exception):
    """Base of every error of this package."""


class DatabaseOpenError(StorageError):
    """The database file cannot be used; it was left as it is."""


class NotADatabaseError(DatabaseOpenError):
    """The file is of another kind, or belongs to another program."""


class DatabaseDamagedError(DatabaseOpenError):
    """The file is half-written, truncated or corrupt."""


class SchemaTooNewError(DatabaseOpenError):
    """The file was written by a newer version of this program."""


class DatabaseAccessError(DatabaseOpenError):
    """The file or its folder cannot be read or written."""


class DatabaseBusyError(StorageError):
    """Another process kept the write lock for longer than the busy timeout."""


class ProtectedError(StorageError):
    """A job tried to change human boxes, their history or a person's marks."""


class NotFoundError(StorageError):
    """No row with the id or name that was asked for."""


class InvalidValueError(StorageError):
    """A value that no row may hold."""


class InvalidBoxError(InvalidValueError):
    """Not finite, too small, or outside its image."""


class ConflictError(StorageError):
    """The row changed meanwhile, or another row stands in the way."""


class LeaseLostError(StorageError):
    """The claim on a job is no longer held: another worker has it, or it is over."""


class ImportFileError(StorageError):
    """A COCO or YOLO data set that cannot be taken in; nothing of it was stored."""


class ExportError(StorageError):
    """An export that cannot be written as asked; nothing was written."""
