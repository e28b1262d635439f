"""Starts gwe and other supervisors with given children, tells their own processes from the children's, stops them.

`make(kind, folder, program, children, ...)` starts one of KINDS; `children` maps names to command lines, all of which
run `program`. `Log(size, count)` is rotation by bytes; runit and s6 have no logger without it.
"""
import glob, os, shutil, signal, subprocess, sys, tarfile, time
from dataclasses import dataclass


@dataclass
class Log:
    size: int
    count: int


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def stat(pid):
    """The fields of /proc/PID/stat from the third on; [] when there is no such process."""
    text = read(f"/proc/{pid}/stat")
    return text[text.rindex(")") + 2:].split() if ")" in text else []


def tree(pid):
    """The process and all that descend from it."""
    parents = {int(name): int(fields[1]) for name in os.listdir("/proc") if name.isdigit() and (fields := stat(name))}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def memory(pids):
    """KiB by name, from smaps_rollup, summed."""
    sums = {"Pss": 0, "Private_Dirty": 0}
    for pid in pids:
        for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
            name, _, rest = line.partition(":")
            if name in sums:
                sums[name] += int(rest.split()[0])
    return sums


def peak(pids):
    """KiB that were resident at the most, summed; what processes share is counted for each."""
    return sum(int(line.split()[1]) for pid in pids for line in read(f"/proc/{pid}/status").splitlines()
               if line.startswith("VmHWM"))


def tasks(pids):
    for pid in pids:
        try:
            yield from (f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass


def cpu(pids):
    """CPU seconds of all threads that live."""
    return sum(int((read(task + "/schedstat") or "0").split()[0]) for task in tasks(pids)) / 1e9


def wakeups(pids):
    """How often a thread went to sleep by itself; each time it woke before."""
    return sum(
        int(line.split()[1]) for task in tasks(pids) for line in read(task + "/status").splitlines()
        if line.startswith("voluntary_ctxt_switches"))


class Supervisor:
    started = []

    def __init__(self, folder, program, children, log=None, cloud=None):
        self.folder, self.program, self.children, self.log, self.cloud = folder, program, children, log, cloud
        self.process = None
        os.makedirs(folder)
        Supervisor.started.append(self)
        self.start()

    def run(self, *words):
        with open(self.folder + "/output.txt", "w") as output:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def pids(self):
        """Its own processes and its children's."""
        own, children = [], []
        for pid in tree(self.process.pid):
            try:
                is_child = os.readlink(f"/proc/{pid}/exe") == self.program
            except OSError:
                continue
            (children if is_child else own).append(pid)
        return own, children

    def wait_for_children(self, seconds=60):
        end = time.monotonic() + seconds
        while len(self.pids()[1]) < len(self.children):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{self.folder} did not start its children:\n{read(self.folder + '/output.txt')}")
            time.sleep(0.1)

    stop_signal = signal.SIGTERM

    def stop(self):
        if self not in Supervisor.started:
            return
        Supervisor.started.remove(self)
        if self.process is None:
            return
        known = {pid: stat(pid)[19:20] for pid in tree(self.process.pid)}
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        end = time.monotonic() + 5
        while any(stat(pid)[19:20] == start and start for pid, start in known.items()):
            if time.monotonic() > end:
                for pid, start in known.items():
                    if start and stat(pid)[19:20] == start:
                        os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        self.process.wait(10)


class GWE(Supervisor):
    """Packages with a supervisor.conf each, named by a local manifest, installed and started by `gwe run`."""
    binary = None

    def start(self):
        # A copy of its own, so that no other gwe shares its pages.
        program = self.folder + "/gwe"
        shutil.copy(GWE.binary, program)
        apps = ""
        for name, words in self.children.items():
            conf = f"[supervisord]\ncommand={' '.join(words)}\nautorestart=true\nstartsecs=1\nredirect_stderr=true\n"
            if self.log:
                conf += f"stdout_logfile_maxbytes={self.log.size}\nstdout_logfile_backups={self.log.count}\n"
            write(f"{self.folder}/packages/{name}/supervisor.conf", conf)
            package = f"{self.folder}/packages/{name}.v1.tar.gz"
            with tarfile.open(package, "w:gz") as archive:
                archive.add(f"{self.folder}/packages/{name}/supervisor.conf", "supervisor.conf")
            apps += f'  {name}: {{version: "1", artifact: {{path: "{package}"}}}}\n'
        policy = "policy: {log_budget: 1GiB, log_rate: 1000000000}\n"
        write(self.folder + "/etc/manifest.yaml", f"schema: gwe/v1\napps:\n{apps}{policy}")
        write(self.folder + "/etc/gateway.yaml", "schema: gwe/v1\n" + (self.cloud or ""))
        folders = [word for name in ("config:etc", "state:state", "log:log") for word in (
            f"--{name.split(':')[0]}-dir", f"{self.folder}/{name.split(':')[1]}")]
        self.run(program, "run", *folders)

    def logs(self, name):
        return numbered(f"{self.folder}/log/{name}.log")


class Supervisord(Supervisor):
    def start(self):
        text = (
            f"[supervisord]\nnodaemon=true\nuser=root\nlogfile={self.folder}/own.log\npidfile={self.folder}/pid\n"
            f"childlogdir={self.folder}\n[unix_http_server]\nfile={self.folder}/socket\n[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n")
        for name, words in self.children.items():
            text += f"[program:{name}]\ncommand={' '.join(words)}\nautorestart=true\nredirect_stderr=true\n"
            text += f"stdout_logfile={self.folder}/{name}.log\n"
            if self.log:
                text += f"stdout_logfile_maxbytes={self.log.size}\nstdout_logfile_backups={self.log.count}\n"
        write(self.folder + "/supervisord.conf", text)
        self.run("/usr/bin/supervisord", "-c", self.folder + "/supervisord.conf")

    def logs(self, name):
        return numbered(f"{self.folder}/{name}.log")


class Scanned(Supervisor):
    """A folder of services with a `run` script each, as runit and s6 have it."""

    def start(self):
        for name, words in self.children.items():
            write(f"{self.folder}/services/{name}/run", f"#!/bin/sh\nexec 2>&1\nexec {' '.join(words)}\n", 0o755)
            if self.log:
                write(f"{self.folder}/services/{name}/log/run", f"#!/bin/sh\nexec {self.logger(name)}\n", 0o755)
        self.run(*self.command(), self.folder + "/services")

    def logs(self, name):
        folder = f"{self.folder}/log-{name}"
        return sorted(glob.glob(folder + "/@*")) + [folder + "/current"]


class Runit(Scanned):
    stop_signal = signal.SIGHUP

    def command(self):
        return ["runsvdir", "-P"]

    def logger(self, name):
        write(f"{self.folder}/log-{name}/config", f"s{self.log.size}\nn{self.log.count}\n")
        return f"svlogd {self.folder}/log-{name}"


class S6(Scanned):
    def command(self):
        return ["s6-svscan"]

    def logger(self, name):
        return f"s6-log -b n{self.log.count} s{self.log.size} {self.folder}/log-{name}"


class Cat(Supervisor):
    """No supervisor: one child into `cat`, which writes one file. A floor."""

    def start(self):
        (name, words), = self.children.items()
        write(f"{self.folder}/{name}.log", "")
        self.run("/bin/sh", "-c", f"{' '.join(words)} | cat >{self.folder}/{name}.log")

    def logs(self, name):
        return [f"{self.folder}/{name}.log"]

    def stop(self):
        for pid in tree(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        super().stop()


def numbered(path):
    """A log and its rotated files, the oldest first."""
    older = [name for name in glob.glob(path + ".*") if name.rsplit(".", 1)[1].isdigit()]
    return sorted(older, key=lambda name: -int(name.rsplit(".", 1)[1])) + [path]


KINDS = {"gwe": GWE, "supervisord": Supervisord, "runit": Runit, "s6": S6, "cat": Cat}


def make(kind, *arguments, **options):
    return KINDS[kind](*arguments, **options)


def stop_all():
    for one in list(Supervisor.started):
        one.stop()
