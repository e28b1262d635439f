import TestSupport
import Testing

/// MQTT in a network of its own, with the real `gdc`.
extension NetworkTests {
    /// A cloud behind two lines, the first of which the routes prefer, and `publish` to reach it by MQTT.
    private var cloudBehindTwoLines: String {
        certificate + """
            unshare -n sleep 120 & far=$!
            apart() { [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; }; within apart
            there() { nsenter -t $far -n "$@"; }
            there ip link set lo up
            # Else each line has packets of its own.
            quiet='echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
            sh -c "$quiet"; there sh -c "$quiet"
            for n in 1 2; do
                ip link add eth$n type veth peer name far$n netns $far
                ip addr add 10.9.$n.1/24 dev eth$n; ip link set eth$n up
                there ip addr add 10.9.$n.2/24 dev far$n; there ip link set far$n up
                ip route add 10.9.9.0/24 via 10.9.$n.2 dev eth$n metric $n
            done
            there ip addr add 10.9.9.9/32 dev lo
            there murano-sandbox serve --listen 10.9.9.9:4433 --mqtts 10.9.9.9:8883 --data cloud \\
                --tls-cert server.pem --tls-key server.key >s.log 2>&1 &
            beyond() { there ss -ltn | grep -q :8883; }; within beyond
            echo '10.9.9.9 cloud.test' >hosts
            there murano-sandbox device add dev --url https://cloud.test:4433 --ca-file server.pem
            gwe gdc -H https://cloud.test:4433 -E server.pem -u dev http activate >token
            packets() { cat /sys/class/net/eth$1/statistics/tx_packets; }
            publish() { # NAME LINE...: how it ended, and by which line it went
                local name=$1 first second code; shift
                say 'cloud: https://cloud.test:4433' "ca_file: $PWD/server.pem" "$@"
                first=$(packets 1) second=$(packets 2)
                gwe gdc -f gwe -u dev --token-file token -t 10 mqtt publish a 1 2>&1; code=$?
                first=$(($(packets 1) - first)) second=$(($(packets 2) - second))
                echo "$name $code$([ $first -gt 5 ] && echo ' eth1')$([ $second -gt 5 ] && echo ' eth2')"
            }

            """
    }

    @Test("MQTT leaves by the interface of gateway.yaml, also where the routes prefer another one")
    func interfaceOfMQTT() throws {
        let output = try run(
            cloudBehindTwoLines + """
                publish routed; publish first 'bind_interface: eth1'; publish second 'bind_interface: eth2'
                cat s.log
                """)
        for line in ["routed 0 eth1\n", "first 0 eth1\n", "second 0 eth2\n"] {
            #expect(output.contains(line), "\(line) is not in \(output)")
        }
    }

    @Test("of several addresses the dead ones are passed over: one refuses, one says nothing")
    func addressesOfMQTT() throws {
        let output = try run(
            cloudBehindTwoLines + """
                there ip addr add 10.9.9.8/32 dev lo
                printf '%s cloud.test\\n' 10.9.9.8 10.9.9.9 >hosts
                publish refusing
                there ip route add blackhole 10.9.9.7/32 2>/dev/null
                printf '%s cloud.test\\n' 10.9.9.7 10.9.9.9 >hosts
                publish silent
                printf '%s cloud.test\\n' 10.9.9.8 >hosts
                publish none
                cat s.log
                """)
        for line in ["refusing 0 ", "silent 0 ", "none 69"] {
            #expect(output.contains(line), "\(line) is not in \(output)")
        }
    }
}
