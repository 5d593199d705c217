"""The errors that mean wrong use, not a bug: they end in one line that says what to do, and exit code 2."""

from reenactory.infra.metadata import UnusableMetadataError
from reenactory.infra.ray_session import NoClusterError
from reenactory.infra.sources import UnusableInputError
from reenactory.infra.store import BadPathError, StoreUnusable
from reenactory.models.flow3d.config import OtherTrainingError
from reenactory.models.weights import WeightError
from reenactory.tasks.dataset import NoSuchDatasetError
from reenactory.tasks.errors import WrongUseError

WRONG_USE: tuple[type[Exception], ...] = (
    UnusableInputError,
    UnusableMetadataError,
    StoreUnusable,
    BadPathError,
    NoClusterError,
    WeightError,
    OtherTrainingError,
    NoSuchDatasetError,
    WrongUseError,
)
