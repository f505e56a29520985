"""Serves for ever with sockets of the kernel: answers whatever comes, and closes when the client does. Arguments: address, port, mptcp or tcp."""
import socket, sys, threading

IPPROTO_MPTCP = 262


def serve(connection):
    try:
        while connection.recv(65536):
            connection.sendall(b"answer")
    except OSError:
        pass
    connection.close()


address, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP if protocol == "mptcp" else 0)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, port))
listener.listen(16)
print("ready", flush=True)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
