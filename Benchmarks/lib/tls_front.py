"""A TLS server in front of a plain one, by OpenSSL, as a cloud's balancer is. It counts what goes through its sockets.

usage: tls_front.py HOST:PORT TO_HOST:TO_PORT CHAIN KEY TLS_VERSION. Prints its port; then takes lines on its standard
input and answers each with one: "count" (bytes received and sent since the last count, with connections and resumed
handshakes), "drop" (ends every connection, as an idle time does), "forget" (new keys for tickets: no session of before
is resumed).
"""
import select, socket, ssl, sys, threading

chain, key, version = sys.argv[3:6]
lock = threading.Lock()
counts = {"in": 0, "out": 0, "connections": 0, "resumed": 0}
wakers = {}


def make_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
    return context


context = make_context()


def count(name, number):
    with lock:
        counts[name] += number


def serve(client, upstream):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    waker, wake = socket.socketpair()
    with lock:
        wakers[client] = wake
    count("connections", 1)
    has_greeted = False

    def flush():
        data = outgoing.read()
        if data:
            client.sendall(data)
            count("out", len(data))

    try:
        while True:
            readable, _, _ = select.select([client, upstream, waker], [], [])
            if waker in readable:
                break
            if client in readable:
                data = client.recv(65536)
                if not data:
                    break
                count("in", len(data))
                incoming.write(data)
                try:
                    if not has_greeted:
                        tls.do_handshake()
                        has_greeted = True
                        count("resumed", 1 if tls.session_reused else 0)
                    while True:
                        text = tls.read(65536)
                        if not text:
                            return
                        upstream.sendall(text)
                except ssl.SSLWantReadError:
                    pass
                finally:
                    flush()
            if upstream in readable:
                text = upstream.recv(65536)
                if not text:
                    break
                tls.write(text)
                flush()
    except (OSError, ssl.SSLError):
        pass
    finally:
        try:
            tls.unwrap()
        except (OSError, ssl.SSLError):
            pass
        try:
            flush()
            client.shutdown(socket.SHUT_WR)
            # The peer's own goodbye, which may come much later.
            client.settimeout(600)
            while data := client.recv(65536):
                count("in", len(data))
        except OSError:
            pass
        with lock:
            wakers.pop(client, None)
        client.close()
        upstream.close()


def listen(address):
    host, port = address.rsplit(":", 1)
    listener = socket.create_server((host, int(port)))
    print(listener.getsockname()[1], flush=True)
    to_host, to_port = sys.argv[2].rsplit(":", 1)

    def accept():
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream = socket.create_connection((to_host, int(to_port)))
            threading.Thread(target=serve, args=(client, upstream), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


listen(sys.argv[1])
for line in sys.stdin:
    word = line.strip()
    if word == "forget":
        context = make_context()
    elif word == "drop":
        with lock:
            for wake in wakers.values():
                wake.send(b"x")
            wakers.clear()
    with lock:
        print(counts["in"], counts["out"], counts["connections"], counts["resumed"], flush=True)
        if word == "count":
            counts = dict.fromkeys(counts, 0)
