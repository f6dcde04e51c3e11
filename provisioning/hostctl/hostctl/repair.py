"""repair: what differs is applied again, from the release that lies on this host."""

from __future__ import annotations

from typing import Any

from . import apply, check, files


def repair(wanted: list[str]) -> tuple[int, dict[str, Any]]:
    """`wanted`: names, or NAME=HASH for another release than the current one; everything that was applied where there is none."""
    asked = dict(item.partition("=")[::2] for item in wanted) or dict.fromkeys(check.services(), "")
    answers: dict[str, tuple[int, dict[str, Any]]] = {}
    # Twice: a service whose probes need another one is repaired once that one is.
    for _ in range(2):
        for service, release in asked.items():
            if not as_wanted(service, release):
                answers[service] = again(service, release)
    code, report = check.check(None)
    failed = [code for service, (code, _) in answers.items() if not as_wanted(service, asked[service])]
    return max([code, *failed]), {"repaired": [answer for _, answer in answers.values()], **report}


def as_wanted(service: str, release: str) -> bool:
    current = apply.state_of(service)["current"]
    return current is not None and release in ("", current) and not check.drift(service)


def again(service: str, release: str) -> tuple[int, dict[str, Any]]:
    release = release or str(apply.state_of(service)["current"])
    try:
        text = (files.release_dir(service, release) / "bundle.json").read_bytes()
    except FileNotFoundError:
        reason = f"release {release} is not on this host, so it has to be applied anew: pulumi up --replace '**{service}*-apply'"
        return 30, {"service": service, "hash": release, "result": "refused", "step": "repair", "reason": reason}
    return apply.apply(service, release, text)
