"""exo.device.Device: the calls that apps of Gateway Engine make, each as one call of gdc."""

import os
import re
import subprocess
import sys

if sys.version_info[0] < 3:
    text_type = unicode  # noqa: F821 (Python 2)
else:
    text_type = str


class Answer(object):
    """What came of a call. `success` as Gateway Engine's handlers had it: an answer of 2xx or 304."""

    def __init__(self, code, body, reason=""):
        self.code = code
        self.body = body
        #: Why there was no answer, in words; code is 0 then.
        self.reason = reason
        self.success = 200 <= code < 300 or code == 304

    def __bool__(self):
        return self.success

    __nonzero__ = __bool__

    def __str__(self):
        return "Response code: %d, Response body: u'%s', success: %s" % (self.code, self.body, self.success)


class Device(object):
    """A device of the cloud.

    :param user_agent: taken for the sake of old apps; gdc says what it is by itself.
    :param config_file: the path of an INI file with a section [device], a Gateway.cfg, or 'gwe' for this gateway.
    """

    def __init__(self, user_agent="", config_file="gwe", *_, **__):
        self.user_agent = user_agent
        self.config_file = config_file or "gwe"

    def http_activate(self):
        """Asks the cloud for a token and keeps it in the file; as this gateway, the agent's own activation is used."""
        return self._http("activate")

    def http_read(self, *aliases):
        """The newest values, as the form that the cloud sends: alias=value&alias=value."""
        names = [name for group in aliases for name in (group if isinstance(group, (list, tuple)) else [group])]
        return self._http("read", *names)

    def http_write(self, alias, value):
        """Writes one value. Any text is kept as it is."""
        return self._http("write", alias, value)

    def http_record(self, alias, points):
        """Writes values of the past: a list of [unix time, value]. Ends at the first that is refused."""
        answer = Answer(204, "")
        for time, value in points:
            answer = self._http("record", time, alias, value)
            if not answer:
                break
        return answer

    def _http(self, *words):
        words = [word if isinstance(word, text_type) else text_type(word) for word in words]
        # After '--' nothing is taken for an option.
        line = [os.environ.get("GDC", "gdc"), "-f", self.config_file, "http", "--"] + words
        # 'write ALIAS -' takes its values from standard input: there this value is one.
        lines = b"-\n" if words[0] == "write" and words[-1] == "-" else b""
        try:
            process = subprocess.Popen(
                [word.encode("utf-8") for word in line], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            output, errors = process.communicate(lines)
        except (OSError, ValueError) as error:
            return Answer(0, "", "cannot run %s: %s" % (line[0], error))
        text = output.decode("utf-8", "replace")
        found = re.match(r"\[(\d+)\] ?(.*)", text, re.S)
        reason = errors.decode("utf-8", "replace").strip()
        if found is None:
            return Answer(200 if process.returncode == 0 else 0, text.strip(), reason)
        return Answer(int(found.group(1)), found.group(2).rstrip("\n"), reason)
