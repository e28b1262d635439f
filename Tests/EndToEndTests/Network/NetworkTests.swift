import Documents
import Foundation
import GatewaySystem
import TestSupport
import Testing

/// What only a network of one's own can show: proxies, interfaces, name servers that are silent. The whole programs run in
/// a network namespace (unshare(1)), with their own /etc/hosts and /etc/resolv.conf.
@Suite("Networks")
final class NetworkTests {
    private let folder = TemporaryFolder()
    var root: String { folder.path }

    init() throws {
        try folder.folder("etc")
        try folder.folder("state")
    }

    private func write(_ name: String, _ text: String) throws { try folder.write(name, text) }

    /// Runs a script of bash(1) in namespaces of network, mounts and processes: whatever it starts ends with it.
    func run(_ script: String) throws -> String {
        let start = """
            set -u
            cd '\(root)'
            ip link set lo up
            touch hosts resolv
            mount --bind hosts /etc/hosts
            mount --bind resolv /etc/resolv.conf
            mount -t sysfs sysfs /sys  # the interfaces of this namespace
            within() { local n=400; until "$@"; do n=$((n - 1)); [ $n -gt 0 ] || { echo "no end of $*"; exit 1; }; sleep 0.05; done; }
            bound() { ss -ltun | grep -q "$1 "; }
            listens() { within bound "$1"; }
            # check ID [VARIABLE=VALUE]...: the result and the words of a check of gwe doctor
            check() {
                local id=$1; shift
                env -u no_proxy "$@" gwe doctor "$id" --json | jq -r '.checks[0] | .result + " " + .message'
            }
            say() { printf 'schema: gwe/v1\\nproduct: sandbox000000000\\n' >etc/gateway.yaml
                echo 'identity: gw-7' >>etc/gateway.yaml
                printf '%s\\n' "$@" >>etc/gateway.yaml; }

            """
        try write("script", start + script)
        let process = try TestProcess(
            "/usr/bin/unshare", ["-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", "bash", root + "/script"],
            environment: [
                "PATH": Repository.products + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "GWE_CONFIG_DIR": root + "/etc", "GWE_STATE_DIR": root + "/state", "GWE_LOG_DIR": root + "/log",
                "LC_ALL": "C.UTF-8",
            ], scratch: root)
        let ran = process.wait()
        return ran.out + ran.err
    }

    /// A certificate for cloud.test.
    let certificate = """
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout server.key \\
            -out server.pem -subj /CN=cloud -addext subjectAltName=DNS:cloud.test 2>openssl.log

        """

    /// A proxy that knows CONNECT alone (RFC 9110, 9.3.6) and says what it was asked.
    private let proxy = """
        import socket, socketserver, sys, threading
        class Proxy(socketserver.StreamRequestHandler):
            def handle(self):
                line = self.rfile.readline().decode().split()
                while self.rfile.readline().strip(): pass
                print(*line[:2], flush=True)
                host, port = line[1].rsplit(':', 1)
                peer = socket.create_connection((host, int(port)))
                self.wfile.write(b'HTTP/1.1 200 OK\\r\\n\\r\\n')
                def pump(a, b):
                    while data := a.recv(65536): b.sendall(data)
                    b.shutdown(socket.SHUT_WR)
                threading.Thread(target=pump, args=(peer, self.connection), daemon=True).start()
                pump(self.connection, peer)
        class Server(socketserver.ThreadingTCPServer): allow_reuse_address = daemon_threads = True
        Server(('192.0.2.1', 3128), Proxy).serve_forever()

        """

    @Test("a proxy of gateway.yaml or of the environment carries TLS through, and no_proxy is heeded")
    func proxies() throws {
        try write("proxy.py", proxy)
        let output = try run(
            certificate + """
                echo '192.0.2.1 cloud.test' >hosts
                ip addr add 192.0.2.1/32 dev lo
                murano-sandbox serve --listen 192.0.2.1:4433 --data cloud --tls-cert server.pem --tls-key server.key >s.log 2>&1 &
                python3 proxy.py >proxy.log 2>&1 &
                listens :4433; listens :3128
                asked() { echo "$(check reachability "$@" | cut -d' ' -f1) $(grep -c CONNECT proxy.log)"; }
                ca="ca_file: $PWD/server.pem"
                say 'cloud: https://cloud.test:4433' "$ca" 'proxy: http://192.0.2.1:3128'
                echo "configured $(asked A=1)"
                say 'cloud: https://cloud.test:4433' "$ca"
                echo "none $(asked A=1)"
                echo "environment $(asked https_proxy=http://192.0.2.1:3128)"
                echo "excepted $(asked https_proxy=http://192.0.2.1:3128 no_proxy=cloud.test)"
                echo "nowhere $(asked https_proxy=http://192.0.2.1:9)"
                echo "proxy $(check proxy https_proxy=http://192.0.2.1:3128)"
                echo "dead $(check proxy https_proxy=http://192.0.2.1:9)"
                murano-sandbox serve --listen 127.0.0.1:8085 --data loopback >l.log 2>&1 &
                listens :8085
                say 'cloud: http://127.0.0.1:8085' 'proxy: http://192.0.2.1:3128'
                echo "loopback $(asked A=1)"
                say 'cloud: http://cloud.test:8085'
                echo "plain $(check reachability)"
                cat proxy.log s.log l.log
                """)
        for line in [
            "configured ok 1", "none ok 1", "environment ok 2", "excepted ok 2", "nowhere failed 2", "loopback ok 2",
            "CONNECT cloud.test:4433", "proxy ok 192.0.2.1:3128 (https_proxy) accepts connections",
            "dead failed cannot connect to proxy 192.0.2.1:9",
        ] {
            #expect(output.contains(line), "\(line) is not in \(output)")
        }
        // A word for plain http beyond loopback: gateway.yaml itself is refused.
        #expect(output.contains("plain ") && !output.contains("plain ok"), "\(output)")
    }

    @Test("requests leave by the interface of gateway.yaml")
    func interface() throws {
        let output = try run(
            certificate + """
                echo '10.9.9.9 cloud.test' >hosts
                unshare -n sleep 60 & far=$!
                apart() { [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; }; within apart
                there() { nsenter -t $far -n "$@"; }
                there ip link set lo up
                for n in 1 2; do
                    ip link add eth$n type veth peer name far$n netns $far
                    ip addr add 10.9.$n.1/24 dev eth$n; ip link set eth$n up
                    there ip addr add 10.9.$n.2/24 dev far$n; there ip link set far$n up
                    ip route add 10.9.9.9/32 via 10.9.$n.2 dev eth$n metric $n
                done
                there ip addr add 10.9.9.9/32 dev lo
                there murano-sandbox serve --listen 10.9.9.9:4433 --data cloud --tls-cert server.pem --tls-key server.key >s.log 2>&1 &
                beyond() { there ss -ltn | grep -q :4433; }; within beyond
                packets() { cat /sys/class/net/eth2/statistics/tx_packets; }
                ask() { # NAME LINE...: how it went, and how many packets left by eth2
                    local name=$1 before after answer; shift
                    say 'cloud: https://cloud.test:4433' "ca_file: $PWD/server.pem" "$@"
                    before=$(packets); answer=$(check reachability | cut -d' ' -f1); after=$(packets)
                    echo "$name $answer $([ $((after - before)) -gt 5 ] && echo eth2 || echo other)"
                }
                ask routed; ask first 'bind_interface: eth1'; ask second 'bind_interface: eth2'
                cat s.log
                """)
        for line in ["routed ok other", "first ok other", "second ok eth2"] {
            #expect(output.contains(line), "\(line) is not in \(output)")
        }
    }

    @Test("doctor knows a name that resolves, one that does not, and a silent name server, and ends in time")
    func names() throws {
        let output = try run(
            """
            echo '192.0.2.1 cloud.test' >hosts
            say 'cloud: https://cloud.test'
            echo "known $(check dns)"
            say 'cloud: https://elsewhere.test'
            echo 'nameserver 127.0.0.1' >resolv
            echo "refused $(check dns)"
            python3 -c 'import socket, time
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 53)); time.sleep(60)' &
            listens :53
            start=$SECONDS
            gwe doctor --json >all.json; code=$?
            echo "all $code $(( SECONDS - start < 30 )) $(jq '.checks | length' all.json) of $(gwe doctor --list | wc -l)"
            jq -r '.checks[] | .id + " " + .result + " " + .message' all.json
            """)
        #expect(output.contains("known ok cloud.test is 192.0.2.1"), "\(output)")
        #expect(output.contains("refused failed cannot resolve elsewhere.test"), "\(output)")
        #expect(output.contains("all 1 1 19 of 19"), "\(output)")
        #expect(output.contains("dns failed no end after 4 s"), "\(output)")
        #expect(output.contains("reachability failed"), "\(output)")
    }
}
