// Writes the load of this gateway to the resource "load", once a minute.
import DeviceClient
import Glibc

let client = try DeviceClient.ofThisGateway()

while true {
    var pause = Duration.seconds(60)
    var load = [0.0]
    getloadavg(&load, 1)
    do throws(DeviceClientError) {
        try client.write("load", "\(load[0])")
        print("wrote \(load[0])")
    } catch {
        print(error)
        pause = error.retryAfter ?? pause
    }
    fflush(nil)  // gwe keeps what an app prints in its log
    sleep(UInt32(pause.components.seconds))
}
