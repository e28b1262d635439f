#!/usr/bin/env python3
"""Runs commands in turn and prints a table of medians. usage: turns.py ROUNDS CASES.json

CASES.json is a list of {"label", "run", "prepare"?, "check"?, "base"?, "rounds"?}: bash commands, in whose environment
N is a number that no other run has. The case with "base" is what the ratios are to, round by round. The first round
warms up and is not counted. Wall time is of "run" alone; CPU time is of it and every process that it waited for; peak
memory is that of the largest of those processes. A command or check that fails ends the benchmark.
"""
import json, os, statistics, subprocess, sys, time

rounds, cases = int(sys.argv[1]), json.load(open(sys.argv[2]))
counter = 0


def shell(command, measured=False):
    script = ["bash", "-c", command]
    if not measured:
        return subprocess.run(script, stdout=subprocess.DEVNULL).returncode, None
    begin = time.monotonic()
    process = subprocess.Popen(script, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run(case):
    global counter
    counter += 1
    os.environ["N"] = f"{os.getpid()}-{counter}"
    for name in ("prepare", "run", "check"):
        if name in case:
            code, figures = shell(case[name], name == "run")
            if code != 0:
                sys.exit(f"{case['label']}: '{name}' ended with exit code {code}")
            if figures:
                taken = figures
    return taken


results = {case["label"]: [] for case in cases}
for number in range(rounds + 1):
    # Every other round backwards, so that no case always runs after the same neighbour.
    for case in cases if number % 2 == 0 else reversed(cases):
        taken = run(case)
        if number > 0:
            results[case["label"]].append(taken)

base = next((case["label"] for case in cases if case.get("base")), cases[0]["label"])
print("| case | wall s, median (min to max) | CPU s | peak MiB | wall to base |")
print("|---|---|---|---|---|")
for case in cases:
    runs = results[case["label"]]
    walls = [wall for wall, _, _ in runs]
    ratio = statistics.median(wall / other[0] for wall, other in zip(walls, results[base]))
    print(
        f"| {case['label']} | {statistics.median(walls):.3f} ({min(walls):.3f} to {max(walls):.3f})"
        f" | {statistics.median(cpu for _, cpu, _ in runs):.2f} | {max(peak for _, _, peak in runs):.1f}"
        f" | {ratio:.2f} |"
    )
print(f"\n{rounds} rounds in turn after one to warm up; load {os.getloadavg()[0]:.2f} at the end")
