"""What is in `.local/`: the lock, the state, the secrets, the token, and the environment that other shells use."""

import fcntl
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from local.clock import CLOCK_FILE, LocalClock
from local.emulator.access import SECRET_KEY
from local.engine import REGION

ROOT = Path(__file__).parent.parent
TABLE = "valhalla-local"
ORIGINS = "http://localhost:3000,http://localhost:5173"  # where front ends in development run: Next.js and Vite
FILES, SEALS = "valhalla-local-files", "valhalla-local-seals"
BUCKETS = {FILES: None, SEALS: 3650}  # for how many days what is in it is locked
MAIL_EVENTS = "outbox"  # the queue on which the engine puts what becomes of mail


class AlreadyRunningError(Exception):
    """Another process runs the system from this folder; the message says which and where."""


class Workspace:
    """The folder of one local system: `.local` in the project, or where VALHALLA_LOCAL says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment_file = directory / "environment"
        self.admin_token = directory / "admin-token"
        self.admin_password = directory / "admin-password"
        self.secrets = directory / "secrets.json"
        self.mail = directory / "mail"
        self.log = directory / "valhalla.log"
        self.schedule_state = directory / "schedules.json"
        self.clock = LocalClock(directory / CLOCK_FILE)
        self._lock = directory / "lock"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Workspace":
        """The workspace that the environment names."""
        return cls(Path(environment.get("VALHALLA_LOCAL") or ROOT / ".local"))

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the lock of the one process that may run from here; raises AlreadyRunningError. The kernel releases the lock however the process ends."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # codes in mail, the data, the log: the owner's alone
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise AlreadyRunningError(lock.read().strip()) from None
            lock.truncate(0)
            lock.write(what)
            lock.flush()
            yield

    @property
    def running(self) -> bool:
        """Whether a system runs from here."""
        if not self._lock.exists():
            return False
        with self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        staged = path.with_name(f"{path.name}.new")
        staged.unlink(missing_ok=True)
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)

    def move_clock(self, instant: datetime) -> None:
        """Move the time to an instant; where that is past, nothing happens: time goes forward only.

        It is counted in whole seconds, so it may be a second later than that.
        """
        ahead = math.ceil((instant - datetime.now(UTC)).total_seconds())
        if ahead > self.clock.ahead.total_seconds():
            self.write_private(self.directory / CLOCK_FILE, f"{ahead}\n")

    def settings(self, engine_url: str, access_key: str, port: int) -> dict[str, str]:
        """The environment of every process of this system: its table, its engine and its key, its secrets, and nobody's AWS account."""
        return {
            "VALHALLA_LOCAL": str(self.directory.resolve()),
            "VALHALLA_STAGE": "local",
            "VALHALLA_TABLE": TABLE,
            "VALHALLA_SECRETS": f"file:{self.secrets.resolve()}",
            "VALHALLA_AWS_ENDPOINT": engine_url,
            "VALHALLA_MAIL_CONFIGURATION_SET": MAIL_EVENTS,
            "VALHALLA_FILES_BUCKET": FILES,
            "VALHALLA_SEALS_BUCKET": SEALS,
            "VALHALLA_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "VALHALLA_CORS_ORIGINS": os.environ.get("VALHALLA_CORS_ORIGINS", ORIGINS),
            "AWS_ENDPOINT_URL": engine_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def apply_environment(self, settings: Mapping[str, str]) -> None:
        """Set these environment variables; a profile or session of somebody's real account is left behind."""
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "no_proxy"):
            os.environ.pop(name, None)
        os.environ.update(settings)

    def write_environment(self, settings: Mapping[str, str]) -> None:
        """Let other shells find the running system: `KEY=value` lines that a shell can source too."""
        self.write_private(self.environment_file, "".join(f"{name}={value}\n" for name, value in settings.items()))

    def read_environment(self) -> dict[str, str]:
        """The settings of the system that runs from here."""
        lines = self.environment_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)
