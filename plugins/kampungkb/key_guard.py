"""A load under another key than the lake's stops at once.

Under another key every family, person and quarantined row would get another name, histories would break off, and the
block list of erased persons would let everybody through. The key changes by a
rotation only (:mod:`kampungkb.rotation`).
"""

import os
from contextlib import suppress

from kampungkb import lake
from kampungkb.key_ring import another_key, check_file, is_of_sample, keys_of, unseal, written_aside
from kampungkb.pseudonym import key_check
from kampungkb.run import Run
from kampungkb.warehouse.connect import rows_where_there

_LATEST_ROTATION = "select key_check, earlier_keys from vault.key_rotation order by rotated_at desc limit 1"


def guard_key(run: Run) -> None:
    """Remember the check of the run's key at its first use in this lake, and hold later keys against it.

    A warehouse that went through a rotation has a say, too, and a new lake takes the earlier keys from it. Raises
    :class:`ConfigurationError` for a missing key and for another one than the lake's, :class:`KampungkbError` where a
    rotation has not ended.
    """
    lake.refuse_half_rekeyed(run.settings)
    path = check_file(run.settings, sample=is_of_sample(run))
    own = run.pseudonym_key
    rotated = rows_where_there(run.settings, run.connections, _LATEST_ROTATION)
    check, sealed = rotated[0] if rotated else (None, "")
    if not path.exists():
        said = key_check((*unseal(run, sealed), own))
        with written_aside(path) as fresh:
            fresh.write_text(f"{said}\n{sealed}" if sealed else said, encoding="ascii")
            with suppress(FileExistsError):  # another step was first: its key counts
                os.link(fresh, path)
    in_lake = path.read_text(encoding="ascii").partition("\n")[0]
    if not {in_lake, check or in_lake} == {key_check(keys_of(run))}:
        raise another_key(run.settings)
