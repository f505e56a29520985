"""Sockets of the kernel, told by lines of JSON on stdin what to do; answers each with a line of JSON."""
import json, os, resource, socket, sys, threading, time

IPPROTO_MPTCP = 262
BLOCK = bytes(1 << 20)
sockets = []
listener = None


def make(message):
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return made


def connect(message):
    made = make(message)
    made.settimeout(60)
    made.connect((message["address"], message["port"]))
    sockets.append(made)


def send(length):
    view = memoryview(BLOCK)
    started = time.monotonic()
    left = length
    while left > 0:
        left -= sockets[-1].send(view[:min(left, len(BLOCK))])
    # The peer says one octet when it has it all.
    sockets[-1].recv(1)
    return {"seconds": time.monotonic() - started}


def receive(length):
    into = bytearray(1 << 20)
    left = length
    left -= sockets[-1].recv_into(into)
    started = time.monotonic()
    first = length - left
    while left > 0:
        count = sockets[-1].recv_into(into)
        if count == 0:
            raise OSError("the peer ended early")
        left -= count
    seconds = time.monotonic() - started
    sockets[-1].send(b"!")
    return {"seconds": seconds, "counted": length - first}


def pingpong(count):
    one = sockets[-1]
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken = []
    for _ in range(count):
        started = time.perf_counter_ns()
        one.send(b"?")
        one.recv(1)
        taken.append(time.perf_counter_ns() - started)
    taken.sort()
    return {"median": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


def run(message):
    global listener
    what = message["do"]
    if what == "listen":
        listener = make(message)
        listener.bind(("0.0.0.0", message["port"]))
        listener.listen(4096)
        return {}
    if what == "accept":
        listener.settimeout(60)
        accepted, _ = listener.accept()
        accepted.settimeout(60)
        sockets.append(accepted)
        return {}
    if what == "connect":
        for _ in range(message.get("count", 1)):
            connect(message)
        return {"open": len(sockets)}
    if what == "send":
        return send(message["bytes"])
    if what == "receive":
        return receive(message["bytes"])
    if what == "pingpong":
        return pingpong(message["count"])
    if what == "cpu":
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {"cpu": usage.ru_utime + usage.ru_stime}
    raise ValueError(what)


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
for line in sys.stdin:
    try:
        answer = run(json.loads(line))
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
