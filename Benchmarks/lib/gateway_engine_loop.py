"""What a loop of Gateway Engine asks of the cloud, by python-requests: three writes, two reads, a request each.

usage: gateway_engine_loop.py URL CA TOKEN BODIES PART SESSION. BODIES is a JSON object of the reports; PART is "loop",
"update_interval" or "engine_fetch" (that read alone); SESSION is "own" (a connection for each request), "kept" (one for
all), "warm" (one, and a request before, after whose answer it writes a line and waits for one).
"""
import json, sys
import requests

url, authority, token, bodies, part, connection = sys.argv[1:7]
alias = url + "/onep:v1/stack/alias"
headers = {"X-Exosite-CIK": token, "User-Agent": "GatewayEngine-v1.2.0"}
form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
accept = {"Accept": "application/x-www-form-urlencoded; charset=utf-8"}
session = requests.Session()


def asker():
    return requests if connection == "own" else session


def read(name):
    answer = asker().get(alias, params=name, headers=headers | accept, verify=authority)
    assert answer.status_code in (200, 204), answer.status_code


if connection == "warm":
    read("update_interval")
    print(flush=True)
    sys.stdin.readline()
if part == "loop":
    for name, text in json.load(open(bodies)).items():
        answer = asker().post(alias, data={name: text}, headers=headers | form, verify=authority)
        assert answer.status_code == 204, answer.status_code
    read("update_interval")
    read("engine_fetch")
else:
    read(part)
