"""Everything that can go wrong in the storage, as one tree.

    StorageError
    ├── DatabaseUnusableError   the file cannot be opened; it was left as it is
    ├── ProtectedError          a job reached for what only people may change
    ├── NotFoundError           no such row
    ├── InvalidNameError        a class name, prompt text or colour that cannot be used
    ├── InvalidBoxError         not finite, too small, or outside its image
    ├── ConflictError           the row changed meanwhile, or another stands in the way
    ├── LeaseLostError          the job now belongs to another worker, or is over
    ├── ImportFileError         a COCO or YOLO data set that cannot be taken in
    └── ExportError             an export that cannot be written as asked

Messages say what was asked, what was found (quoted) and what to do.
"""


class StorageError(Exception):
    """Base of every error of this package."""


class DatabaseUnusableError(StorageError):
    """No SQLite file, half-written, of a newer version, or not accessible; left untouched."""


class ProtectedError(StorageError):
    """A job tried to change human boxes, their history or a person's marks."""


class NotFoundError(StorageError):
    """No row with the id or name that was asked for."""


class InvalidNameError(StorageError):
    """A class name, prompt text or colour that cannot be used."""


class InvalidBoxError(StorageError):
    """Not finite, too small, or outside its image."""


class ConflictError(StorageError):
    """The row changed meanwhile, or another row stands in the way."""


class LeaseLostError(StorageError):
    """The claim on a job is no longer held: another worker has it, or it is over."""


class ImportFileError(StorageError):
    """A COCO or YOLO data set that cannot be taken in; nothing of it was stored."""


class ExportError(StorageError):
    """An export that cannot be written as asked; nothing was written."""
