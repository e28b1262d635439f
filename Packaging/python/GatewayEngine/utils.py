"""What apps of Gateway Engine ask it: the gateway's token, and where its Gateway.cfg is."""

import json
import os
import subprocess


def _gwe(*words):
    """Standard output of a command of gwe; an empty text where it fails or is not there."""
    try:
        process = subprocess.Popen([os.environ.get("GWE", "gwe")] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = process.communicate()[0]
    except OSError:
        return ""
    return output.decode("utf-8", "replace") if process.returncode == 0 else ""


def gwe_cik():
    """The gateway's token (CIK), 40 characters; '' before its activation, or where this user may not read it."""
    return _gwe("config", "get", "token").strip()


def gwe_conf():
    """The path of the Gateway.cfg that gwe keeps current (export_gateway_cfg in gateway.yaml); without one the word
    'gwe', which Device takes for this gateway."""
    exported = _gwe("config", "get", "export_gateway_cfg").strip()
    if exported.startswith("/"):
        return exported
    if exported == "true":
        state = os.environ.get("GWE_STATE_DIR", "/var/lib/gwe")
        return os.path.join(state, "Gateway.cfg")
    return "gwe"
