#!/usr/bin/env python3
"""Runs commands in turn and prints a table of medians. usage: turns.py ROUNDS CASES.json

CASES.json is a list of {"label", "run", "prepare"?, "check"?, "base"?, "rounds"?, "codes"?}. Each command is a line for
bash, in whose environment N is a number that no other run has; "run" may also be a list, a program and its arguments,
which is started without a shell in between. The case with "base" is what the ratios are to, round by round; with
several of them there are several columns. The first round warms up and is not counted; "rounds" lets a slow case take
part in the first few only. Wall time is of "run" alone; CPU time is of it and every process that it waited for; peak
memory is that of the largest of those processes. A command or check that fails ends the benchmark; "codes" are the
exit codes of "run" that are no failure ([0]).

FIGURES, a file named in the environment, gets every counted run as a line of JSON.
"""
import json, os, statistics, subprocess, sys, tempfile, time

rounds, cases = int(sys.argv[1]), json.load(open(sys.argv[2]))
counter = 0
work = tempfile.TemporaryDirectory()
measure = work.name + "/measure"
source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "measure.c")
subprocess.run(["cc", "-O2", "-o", measure, source], check=True)


def shell(command):
    return subprocess.run(["bash", "-c", command], stdout=subprocess.DEVNULL).returncode


def timed(command):
    words = command if isinstance(command, list) else ["bash", "-c", command]
    taken = work.name + "/taken"
    with open(work.name + "/errors", "w") as errors:
        subprocess.run(
            [measure, taken, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, check=True)
    code, wall, cpu, peak = open(taken).read().split()
    return int(code), (float(wall), float(cpu), int(peak) / 1024)


def run(case):
    global counter
    counter += 1
    os.environ["N"] = f"{os.getpid()}-{counter}"
    if "prepare" in case and (code := shell(case["prepare"])) != 0:
        sys.exit(f"{case['label']}: 'prepare' ended with exit code {code}")
    code, taken = timed(case["run"])
    if code not in case.get("codes", [0]):
        errors = open(work.name + "/errors", errors="replace").read()
        sys.exit(f"{errors}{case['label']}: 'run' ended with exit code {code}")
    if "check" in case and (code := shell(case["check"])) != 0:
        sys.exit(f"{case['label']}: 'check' ended with exit code {code}")
    return taken


def text(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.3f} s"


results = {case["label"]: [] for case in cases}
for number in range(rounds + 1):
    # Every other round backwards, so that no case always runs after the same neighbour.
    for case in cases if number % 2 == 0 else reversed(cases):
        if number > case.get("rounds", rounds):
            continue
        taken = run(case)
        if number > 0:
            results[case["label"]].append(taken)

if "FIGURES" in os.environ:
    with open(os.environ["FIGURES"], "w") as file:
        for label, runs in results.items():
            for number, (wall, cpu, peak) in enumerate(runs, 1):
                print(json.dumps({"case": label, "round": number, "wall": wall, "cpu": cpu, "peak_mib": peak}), file=file)

bases = [case["label"] for case in cases if case.get("base")] or [cases[0]["label"]]
print("| case | wall, median (min to max) | CPU | peak MiB |" + "".join(f" ÷ {base} |" for base in bases))
print("|---|---|---|---|" + "---|" * len(bases))
for case in cases:
    runs = results[case["label"]]
    walls = [wall for wall, _, _ in runs]
    line = (
        f"| {case['label']} | {text(statistics.median(walls))} ({text(min(walls))} to {text(max(walls))})"
        f" | {text(statistics.median(cpu for _, cpu, _ in runs))} | {max(peak for _, _, peak in runs):.1f} |"
    )
    for base in bases:
        ratios = [wall / other[0] for wall, other in zip(walls, results[base])]
        line += f" {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
    print(line)
print(f"\n{rounds} rounds in turn after one to warm up; load {os.getloadavg()[0]:.2f} at the end")
