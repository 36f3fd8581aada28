"""Read a model's configuration; where the Hugging Face hub cannot be reached, use its cache at once, or say what is not there.

Its client repeats requests for half a minute, and once more for most files, also for those that are in its cache.
"""

import time
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.streams import warn

FAILED = {"ConnectError", "ConnectTimeout", "ProxyError"}  # of the client's HTTP package, which is not the same one in all versions
HOLDS = 60.0  # seconds that an answer holds; the network may come back
_asked: list[tuple[float, str]] = []  # when the hub was last asked, and why it could not be
_alone: list[str] = []  # why the client has been told to use its cache alone


def check_reached(place: str, what: str = "model") -> None:
    """Raise SealError for a hub id that is not in the client's cache while no connection to the hub can be made.

    For one that is there, the client is told to use its cache alone, and stderr says so; until the hub can be reached again. place: what
    `resolve` returned. what: its name in the message. Whatever else is wrong is left to those who load the model.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if Path(place).is_dir() or (constants.HF_HUB_OFFLINE and not _alone):  # offline by the user, the client itself says so at once
        return
    constants.HF_HUB_OFFLINE = False
    if not (why := _unreachable(place)):
        _alone.clear()
        return
    held = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=place, repo_type="model"), "snapshots").is_dir()
    constants.HF_HUB_OFFLINE = held or bool(_alone)
    if not held:
        raise SealError(
            f"{what} '{place}' is no folder here and not in the hub's cache, and there is no connection to {constants.ENDPOINT} ({why}); "
            "check the name and the network, or name a folder"
        )
    if not _alone:
        _alone.append(why)
        warn(f"no connection to {constants.ENDPOINT} ({why}); what is in the hub's cache is used, which may not be the newest")


def config_of(place: str, trust_remote_code: bool = False, revision: str = "") -> Any:
    """Return the configuration of a folder or hub id. revision: of the hub id; '' for the newest.

    Raises SealError as `check_reached`, and OSError or ValueError for one that cannot be read.
    """
    from transformers import AutoConfig

    check_reached(place)
    return AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code, revision=revision or None)


def _unreachable(place: str) -> str:
    """Why no connection to the hub can be made; '' where one can. Asks once, without repetitions, and then for HOLDS seconds no more."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    if not _asked or time.monotonic() - _asked[0][0] > HOLDS:
        why = ""
        try:
            get_hf_file_metadata(hf_hub_url(place, "config.json"), timeout=constants.HF_HUB_ETAG_TIMEOUT)
        except Exception as error:  # an answer of any kind is one
            if FAILED & {kind.__name__ for kind in type(error).__mro__}:
                why = first_line(error)
        _asked[:] = [(time.monotonic(), why)]
    return _asked[0][1]
