#!/usr/bin/env python3
"""`kin run` on a terminal. The sentences in quotation marks above tests are
those of the command's description."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import traceback

KIN = os.environ["KIN_COMMAND"]
PATIENCE = 20 * (4 if os.environ.get("KIN_SANITIZE", "none") != "none" else 1)


class Failure(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(map(str, what)))


class Screen:
    """What is to be seen, line by line, of what was written to a terminal; and
    every text that stood on its last line for a while."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.at = 0
        self.seen = []
        self.wrapped = False
        self.rest = ""

    def feed(self, text):
        # An escape sequence may come in two pieces.
        text = self.rest + text
        begun = re.search(r"\x1b(\[[0-9;?]*)?$", text)
        self.rest = begun[0] if begun else ""
        text = text[:len(text) - len(self.rest)]
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b",
                                text):
            if piece == "\n":
                self.lines.append("")
                self.at = 0
            elif piece == "\r":
                self.at = 0
            elif piece.endswith("K") and piece[0] == "\x1b":
                self.seen.append(self.lines[-1])
                self.lines[-1] = self.lines[-1][:self.at]
            elif piece[0] != "\x1b":
                line = self.lines[-1]
                line = line[:self.at].ljust(self.at) + piece + \
                    line[self.at + len(piece):]
                self.at += len(piece)
                self.lines[-1] = line
                self.wrapped |= len(line) >= self.columns and \
                    line.startswith("kin run: ")


def set_size(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def be_shell(words, foreground, told, tell):
    """In the terminal's session: runs the words as a job, as a shell would."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(words[0], words)
    try:
        os.setpgid(job, job)
    except OSError:
        pass
    if foreground:
        os.tcsetpgrp(0, job)
    os.write(tell, b"pid %d\n" % job)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        os.tcsetpgrp(0, os.getpgrp())
        os.write(tell, b"stopped\n")
        os.read(told, 1)
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
    os.tcsetpgrp(0, os.getpgrp())
    os.write(tell, b"ended %d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


class Terminal:
    """`kin run` with these arguments, on a terminal of its own."""

    def __init__(self, *arguments, columns=80, foreground=True, stderr=None,
                 env=None):
        self.screen = Screen(columns)
        self.raw = ""
        self.events = b""
        self.status = None
        told, self.tell = os.pipe()
        self.told, tell = os.pipe()
        ready, go = os.pipe()
        self.shell, self.fd = pty.fork()
        if self.shell == 0:
            os.close(go)
            os.read(ready, 1)
            os.environ["TERM"] = "xterm"
            os.environ.update(env or {})
            if stderr:
                os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
            be_shell([KIN, "run", *arguments], foreground, told, tell)
        os.close(told)
        os.close(tell)
        set_size(self.fd, columns)
        os.close(ready)
        os.write(go, b"x")
        os.close(go)
        self.until(lambda: b"pid" in self.events)
        self.pid = int(re.search(rb"pid (\d+)", self.events)[1])

    def look(self, patience):
        readable, _, _ = select.select([self.fd, self.told], [], [], patience)
        if self.told in readable:
            self.events += os.read(self.told, 4096)
        if self.fd in readable:
            try:
                text = os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                text = ""
            self.raw += text
            self.screen.feed(text)

    def until(self, condition, what="it does not come true"):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            check(time.monotonic() < deadline, what, repr(self.raw[-400:]))
            self.look(0.05)

    def status_line(self):
        line = self.screen.lines[-1]
        return line if line.startswith("kin run: ") else ""

    def until_status(self, pattern):
        self.until(lambda: re.search(pattern, self.status_line()),
                   f"no status line like {pattern}:")

    def end(self, wanted=0):
        self.until(lambda: b"ended" in self.events, "it does not end")
        status = int(re.search(rb"ended (-?\d+)", self.events)[1])
        for _ in range(5):
            self.look(0.02)
        os.waitpid(self.shell, 0)
        os.close(self.fd)
        check(status == wanted, f"status {status}:", self.raw[-800:])
        check(not self.screen.wrapped, "the status line is too wide")
        self.lines = [line for line in self.screen.lines if line]
        return self


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def commands(terminal):
    """The ids of the commands that run, without the guardian."""
    found = []
    for pid in children(terminal.pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read() != "kin-guardian\n":
                    found.append(pid)
        except OSError:
            pass
    return found


# --- tests -------------------------------------------------------------------

# "On a terminal, a status line shows running/done/failed and the elapsed time;
# redirected, it is silent."
def test_the_status_line():
    it = Terminal("--each", "--", "sleep", "2", ":::", "true", ":::", "false",
                  ":::", "sleep", "1.2")
    it.until_status(r"^kin run: 2 running, 1 done, 1 failed, 0:00 ")
    it.until_status(r"^kin run: 1 running, 2 done, 1 failed, 0:01 ")
    it.end(1)
    # It is gone at the end: what is left are the failure and the tree.
    check(not any("running" in line for line in it.lines), it.lines)
    check(it.lines[0].startswith('kin run: "false" failed'), it.lines)


def test_redirected_it_is_silent():
    for columns in 80, 20:
        it = Terminal("--", "sh", "-c", "echo a; sleep 0.5", columns=columns,
                      stderr="err").end()
        check(it.lines == ["sh | a"] and "\x1b[K" not in it.raw, repr(it.raw))
        with open("err", "rb") as file:
            check(file.read() == b"", "it wrote on standard error")
        os.remove("err")


def test_quiet_and_dumb():
    it = Terminal("--quiet", "--", "sleep", "0.5").end()
    check(it.raw == "", repr(it.raw))
    it = Terminal("--", "sleep", "0.5", env={"TERM": "dumb"}).end()
    check(it.raw == "", repr(it.raw))


# "when the number of jobs is known, a bar with the time left"
def test_the_bar():
    it = Terminal("-j1", "--", *" ::: ".join(["sleep 0.4"] * 4).split())
    it.until_status(r" \[#{1,8}\.+\] 1/4, 0:0[12] left$")
    it.until_status(r" \[#+\.+\] 3/4, 0:00 left$")
    it.end()
    check(it.lines == [], it.lines)


def test_no_bar_while_lines_come():
    it = Terminal("--stdin", "cat", "--", "cat")
    it.until_status(r"0/1$")
    os.write(it.fd, b"\4")
    it.end()
    os.mkfifo("lines")
    it = Terminal("--", "sh", "-c",
                  f"exec '{KIN}' run --each-line 'sleep {{}}' <lines 2>$TTY",
                  env={"TTY": "/dev/tty"})
    with open("lines", "w", encoding="utf-8") as file:
        file.write("0.6\n")
        file.flush()
        it.until(lambda: "1 running" in it.raw)
    it.end()
    os.remove("lines")


# "it never garbles the output"
def test_output_is_not_garbled():
    it = Terminal("--", "sh", "-c",
                  "for i in $(seq 300); do echo one-$i; sleep 0.002; done", ":::",
                  "sh", "-c", "for i in $(seq 300); do echo two-$i; done; "
                  "printf part; sleep 0.3; echo -ial; sleep 0.3; printf end")
    it.end()
    check(len(it.screen.seen) > 10, "there was no status line")
    ones = [line for line in it.lines if line.startswith("sh   | ")]
    twos = [line for line in it.lines if line.startswith("sh#2 | ")]
    check(ones == [f"sh   | one-{i}" for i in range(1, 301)], ones)
    check(twos == [f"sh#2 | two-{i}" for i in range(1, 301)]
          + ["sh#2 | part-ial", "sh#2 | end"], twos[-5:])
    check(len(it.lines) == 602, len(it.lines))


def test_untagged_pieces_stay_together():
    it = Terminal("--no-prefix", "--", "sh", "-c",
                  "head -c 70000 /dev/zero | tr '\\0' x; sleep 0.5; echo y; "
                  "sleep 0.3")
    it.end()
    check(it.lines == ["x" * 70000 + "y"], len(it.lines))


# "follows the window's width"
def test_the_width():
    it = Terminal("--", "sleep", "3", ":::", "sleep", "3", columns=100)
    it.until_status(r" 0/2$")
    for columns in 60, 30, 10:
        it.screen.columns = columns
        set_size(it.fd, columns)
        it.until(lambda: 0 < len(it.status_line()) < columns)
    it.screen.columns = 100
    set_size(it.fd, 100)
    it.until_status(r" 0/2$")
    check("[" in it.status_line(), it.status_line())
    it.end()


# In the background the terminal is somebody else's.
def test_in_the_background():
    it = Terminal("--", "sh", "-c", "sleep 0.5; echo x", foreground=False).end()
    check(it.screen.seen == [] and it.lines == ["sh | x"], repr(it.raw))


# "SIGTSTP and SIGCONT are passed on."
def test_stopped_and_continued():
    it = Terminal("--", "sh", "-c", "trap 'echo woken' CONT; echo ready; "
                  "while [ ! -e go ]; do sleep 0.05; done", ":::", "sleep", "2.5")
    it.until(lambda: "ready" in it.raw)
    it.until_status("2 running")
    os.write(it.fd, b"\x1a")
    it.until(lambda: b"stopped" in it.events)
    it.look(0.1)
    check(not it.status_line(), "it left its line there:", it.status_line())
    check(state_of(it.pid) == "T", "kin is not stopped")
    pids = commands(it)
    check(len(pids) == 2, pids)
    it.until(lambda: all(state_of(pid) == "T" for pid in pids))
    os.write(it.tell, b"x")
    it.until(lambda: "woken" in it.raw)
    it.until_status("running")
    check(all(state_of(pid) != "T" for pid in pids), "not continued")
    # And once more: what stopped it handles it again.
    it.events = b""
    os.write(it.fd, b"\x1a")
    it.until(lambda: b"stopped" in it.events)
    it.until(lambda: state_of(pids[0]) == "T")
    os.write(it.tell, b"x")
    open("go", "w", encoding="utf-8").close()
    it.end()
    check(it.raw.count("woken") <= 2, it.raw)
    os.remove("go")


# Where nobody could continue it, it does not stop, and goes on.
def test_a_stop_that_nobody_could_undo():
    it = Terminal("--", "sh", "-c", "echo ready; sleep 0.7; echo done")
    it.until(lambda: "ready" in it.raw)
    alone = os.fork()
    if alone == 0:
        os.setsid()
        os.execv(KIN, [KIN, "run", "--", "sh", "-c",
                       "touch started; sleep 0.5; touch ended"])
    it.until(lambda: os.path.exists("started"))
    os.kill(alone, signal.SIGTSTP)
    _, status = os.waitpid(alone, os.WUNTRACED)
    check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, status)
    check(os.path.exists("ended"), "the command did not go on")
    it.end()


# "or to the command named by --stdin NAME": from a terminal too.
def test_standard_input_from_a_terminal():
    it = Terminal("--stdin", "cat", "--", "cat", ":::", "wc", "-c")
    os.write(it.fd, b"hello\n")
    it.until(lambda: re.search(r"cat \|\S* hello", it.raw))
    os.write(it.fd, b"\4")
    it.end()
    check(any(line.endswith("wc  | 0") for line in it.lines), it.lines)
    # A command that does not read does not keep it from ending.
    it = Terminal("--stdin", "sleep", "--", "sleep", "0.3")
    os.write(it.fd, b"hello\n")
    it.end()


# "SIGINT and SIGTERM are passed on once, politely; the second SIGINT kills."
def test_the_interrupt_key():
    it = Terminal("--", "sh", "-c", "trap 'echo politely' INT; echo ready; "
                  "while :; do sleep 0.05; done")
    it.until(lambda: "ready" in it.raw)
    os.write(it.fd, b"\3")
    it.until(lambda: "politely" in it.raw and "once more kills" in it.raw)
    os.write(it.fd, b"\3")
    it.end(130)
    check(it.raw.count("politely") == 1, it.raw)


def main():
    passed = failed = 0
    for name, function in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            function()
            print("ok", name[5:], flush=True)
            passed += 1
        except Exception as err:  # whatever went wrong, the next one is run
            traceback.print_exc(file=sys.stdout)
            text = " ".join(str(err).split()) or type(err).__name__
            print(f"not ok {name[5:]}: {text[:300]}", flush=True)
            failed += 1
    print(f"# {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.pop("NO_COLOR", None)
    sys.exit(main())
