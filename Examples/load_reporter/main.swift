// Writes the load of this gateway to the resource "load", once a minute.
import DeviceClient
import Glibc

var client: DeviceClient?

while true {
    var pause: Int64 = 60
    var load = 0.0
    getloadavg(&load, 1)
    do throws(DeviceClientError) {
        if client == nil { client = try .ofThisGateway() }
        try client?.write("load", "\(load)")
        print("wrote \(load)")
    } catch {
        print(error)
        pause = max(pause, error.retryAfter?.components.seconds ?? 0)
    }
    fflush(nil)  // gwe keeps what an app prints in its log
    sleep(UInt32(clamping: pause))
}
