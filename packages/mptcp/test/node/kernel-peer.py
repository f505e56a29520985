"""One socket of the kernel, told by lines of JSON on stdin what to do; answers each with a line of JSON."""
import hashlib, json, select, socket, struct, sys, threading, time

IPPROTO_MPTCP = 262
MPTCP_INFO = 1
SOL_MPTCP = 284
TCP_FASTOPEN_CONNECT = 30
PATTERN = bytes(range(251)) * 522
listener = None
connection = None
background = None


def pattern(at, length):
    start = at % 251
    return PATTERN[start:start + length]


def make(message):
    # Only an IPv6 socket that also does IPv4 may have subflows of both.
    dual = message.get("dual", False)
    family = socket.AF_INET6 if dual or ":" in message["address"] else socket.AF_INET
    protocol = IPPROTO_MPTCP if message.get("mptcp", True) else 0
    made = socket.socket(family, socket.SOCK_STREAM, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    except OSError:
        pass
    return made


def send(length):
    digest = hashlib.sha256()
    at = 0
    while at < length:
        piece = pattern(at, min(65536, length - at))
        connection.sendall(piece)
        digest.update(piece)
        at += len(piece)
    return {"sent": at, "sha": digest.hexdigest()}


def receive(length):
    digest = hashlib.sha256()
    at = 0
    while length < 0 or at < length:
        piece = connection.recv(1 << 18 if length < 0 else min(1 << 18, length - at))
        if not piece:
            break
        if not quiet:
            digest.update(piece)
        at += len(piece)
    return {"received": at, "sha": digest.hexdigest()}


def serve(count):
    listener.settimeout(60)
    for _ in range(count):
        one, _ = listener.accept()
        one.settimeout(30)
        try:
            one.recv(1000)
        finally:
            one.close()


def visit(message, failed):
    try:
        one = make(message)
        one.settimeout(30)
        try:
            one.connect((message["address"], message["port"]))
            one.sendall(b"hello")
            one.recv(1000)
        finally:
            one.close()
    except OSError as error:
        failed.append(str(error))


quiet = False


def run(message):
    global listener, connection, background, quiet
    what = message["do"]
    quiet = message.get("quiet", False)
    if what == "listen":
        listener = make(message)
        listener.bind((message["address"], message["port"]))
        if "fastOpen" in message:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, message["fastOpen"])
        listener.listen(message.get("backlog", 16))
        return {}
    if what == "accept":
        listener.settimeout(message.get("timeout", 30))
        connection, peer = listener.accept()
        connection.settimeout(30)
        return {"peer": peer[0]}
    if what == "connect":
        connection = make(message)
        connection.settimeout(message.get("timeout", 30))
        if "from" in message:
            connection.bind((message["from"], 0))
        mapped = "::ffff:" if message.get("dual", False) and ":" not in message["address"] else ""
        if "fastOpen" in message:
            # What is sent first goes with the SYN, where there is a cookie.
            connection.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        connection.connect((mapped + message["address"], message["port"]))
        if "fastOpen" in message:
            send(message["fastOpen"])
        connection.settimeout(30)
        return {}
    if what == "send":
        return send(message["bytes"])
    if what == "blast":
        # Without a sum, for measurements.
        left = message["bytes"]
        while left > 0:
            left -= connection.send(memoryview(PATTERN)[:min(len(PATTERN), left)])
        return {}
    if what == "receive":
        return receive(message["bytes"])
    if what == "exchange":
        result = {}
        reader = threading.Thread(target=lambda: result.update(receive(-1)))
        reader.start()
        sent = send(message["bytes"])
        connection.shutdown(socket.SHUT_WR)
        reader.join(60)
        return {**result, "sent": sent["sent"], "sentSha": sent["sha"]}
    if what == "send urgent":
        # The last octet is what Linux takes for urgent.
        return {"sent": connection.send(pattern(message["at"], message["bytes"]), socket.MSG_OOB)}
    if what == "receive urgent":
        # Waits for it as poll(2) tells of it, and reads what comes before and behind it as well.
        poll = select.poll()
        poll.register(connection, select.POLLPRI)
        if not poll.poll(10_000):
            raise OSError("nothing urgent came")
        octet = connection.recv(1, socket.MSG_OOB)
        before = b""
        while len(before) < message["at"]:
            piece = connection.recv(message["at"] - len(before))
            if not piece:
                raise OSError("closed early")
            before += piece
        behind = b""
        while len(behind) < message["bytes"]:
            piece = connection.recv(message["bytes"] - len(behind))
            if not piece:
                raise OSError("closed early")
            behind += piece
        at = message["at"]
        isWhole = octet == pattern(at, 1) and before == b"".join(pattern(i, min(1 << 16, at - i)) for i in range(0, at, 1 << 16)) and behind == pattern(at + 1, len(behind))
        return {"received": at + 1 + len(behind), "text": "as it was sent" if isWhole else "other octets"}
    if what == "shutdown":
        connection.shutdown(socket.SHUT_WR)
        return {}
    if what == "abort":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return {}
    if what == "churn":
        # Connections one after the other: open, speak, hear the same, close.
        for _ in range(message["count"]):
            one = make(message)
            one.settimeout(30)
            one.connect((message["address"], message["port"]))
            one.sendall(PATTERN[:1000])
            heard = b""
            while len(heard) < 1000:
                piece = one.recv(1000)
                if not piece:
                    raise OSError("closed early")
                heard += piece
            one.close()
            if heard != PATTERN[:1000]:
                raise OSError("not what was said")
        return {}
    if what == "serve":
        # So many connections that are closed here first, once what the client says has come.
        threading.Thread(target=serve, args=(message["count"],), daemon=True).start()
        return {}
    if what == "visit":
        # So many connections in a second, each of which speaks and is closed by the server first.
        visitors, failed = [], []
        begin = time.monotonic()
        for number in range(message["count"]):
            time.sleep(max(0, begin + number / message["rate"] - time.monotonic()))
            visitor = threading.Thread(target=visit, args=(message, failed))
            visitor.start()
            visitors.append(visitor)
        for visitor in visitors:
            visitor.join()
        return {"sent": message["count"] - len(failed), "text": ", ".join(sorted(set(failed)))}
    if what == "close":
        connection.close()
        return {}
    if what == "info":
        raw = connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
        return {"subflows": raw[0], "addAddrSignal": raw[1], "addAddrAccepted": raw[2], "flags": struct.unpack_from("I", raw, 8)[0]}
    raise ValueError(what)


for line in sys.stdin:
    try:
        answer = run(json.loads(line))
    except OSError as error:
        answer = {"error": type(error).__name__, "errno": error.errno, "text": str(error)}
    print(json.dumps(answer), flush=True)
